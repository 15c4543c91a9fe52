"""What the pages say is true: commands, formats, keys, links and code."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from tnemu.cli.main import COMMANDS
from tnemu.runtime import report

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/*.md")),
    ROOT / "tnemu" / "zoo" / "README.md",
]
FILES = (ROOT / "docs" / "files.md").read_text()
VERSION = re.compile(r"tnemu-[a-z]+-[0-9]+|tnemu [a-z]+(?: [a-z]+)* [0-9]+")
"""How every format of ours is called."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def texts_of(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.M | re.S)


def versions_in(file: Path) -> set[str]:
    """Names of formats among the constants of a module."""
    texts = (node.value for node in ast.walk(ast.parse(file.read_text())) if is_text(node))
    return {text for text in texts if VERSION.fullmatch(text)}


def is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def anchors_of(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)", page.read_text(), flags=re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_on_a_page(command: str) -> None:
    assert any(f"tnemu {command}" in page.read_text() for page in PAGES)


def test_every_format_is_described() -> None:
    found = {
        version for file in sorted((ROOT / "tnemu").rglob("*.py")) for version in versions_in(file)
    }
    assert {"tnemu-weights-2", "tnemu-image-2", "tnemu teacher 1"} <= found  # the search works
    assert sorted(v for v in found if f"`{v}`" not in FILES) == []


def test_every_format_that_is_described_is_known_to_the_code() -> None:
    named = {v for v in re.findall(r"`([^`\n]+)`", FILES) if VERSION.fullmatch(v)}
    code = "\n".join(file.read_text() for file in sorted((ROOT / "tnemu").rglob("*.py")))
    assert sorted(v for v in named if f'"{v}"' not in code) == []


def keys_of(*functions: str) -> set[str]:
    """Keys of the dictionaries that these functions of the report return."""
    tree = ast.parse(Path(report.__file__).read_text())
    bodies = [n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name in functions]
    assert len(bodies) == len(functions)
    dicts = [n for body in bodies for n in ast.walk(body) if isinstance(n, ast.Dict)]
    return {k.value for d in dicts for k in d.keys if k is not None and is_text(k)}  # type: ignore[attr-defined]


def test_every_key_of_a_report_is_described() -> None:
    keys = keys_of("build", "_pace", "_work") | report.WALL_CLOCK
    assert {"decisions", "unread_spikes"} <= keys  # the search works
    section = FILES[FILES.index("## 6. Run report") : FILES.index("## 7.")]
    assert sorted(key for key in keys if f"`{key}`" not in section) == []


def test_every_field_of_a_spec_is_described() -> None:
    from tnemu.tasks.atari.spec import SPECS

    section = FILES[FILES.index("## 8. AtariSpec") : FILES.index("## 9.")]
    keys = ast.literal_eval(SPECS["krull"].to_json().replace("true", "True"))
    assert sorted(key for key in keys if f"`{key}`" not in section) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", texts_of(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=name_of)
def test_files_that_a_page_names_are_there(page: Path) -> None:
    named = re.findall(
        r"(?<![\w/.])((?:tnemu|tests|corelets|examples|boards|docs)/[\w/.]+\.(?:py|md|yaml|json))\b",
        page.read_text(),
    )
    assert sorted({path for path in named if not (ROOT / path).exists()}) == []


def resolves(dotted: str) -> bool:
    """Whether a name leads to a module, or to something in one."""
    parts = dotted.split(".")
    for count in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:count]))
        except ModuleNotFoundError as error:
            if error.name and not dotted.startswith(error.name):
                return True  # what it needs is not installed
            continue
        for name in parts[count:]:
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "CHANGELOG.md"], ids=name_of)
def test_names_that_a_page_mentions_are_there(page: Path) -> None:
    named = re.findall(
        r"(?<![\w/.-])((?:tnemu|corelets)(?:\.[A-Za-z]\w*)+)\b(?![\w/]*\.\w*\()", texts_of(page)
    )
    ours = {n for n in named if not n.endswith((".md", ".toml", ".Name"))}
    assert sorted(name for name in ours if not resolves(name)) == []


def test_every_page_is_on_the_site_once() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    listed = [
        line
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", index, flags=re.S)
        for line in tree.splitlines()
        if re.fullmatch(r"[\w-]+", line)
    ]
    pages = {page.stem for page in ROOT.glob("docs/*.md")} - {"index"}
    assert sorted(listed) == sorted(pages)
