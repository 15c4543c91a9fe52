"""How the documentation is built: sphinx-build -W --keep-going docs build/site

The pages are the Markdown files that people also read where the repository is shown, so what only Sphinx
needs is made here: a page for every room of the house (docs/api), a gallery of the examples
(docs/gallery), and links that lead out of docs/ led to where their page is.
"""

from __future__ import annotations

import configparser
import importlib.util
import pkgutil
import re
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path.insert(0, str(ROOT))

import corelets  # noqa: E402
import tnemu  # noqa: E402

_setup = configparser.ConfigParser()
_setup.read(ROOT / "setup.cfg")
_urls = dict(
    re.findall(r"(\w+) *= *(\S+)", _setup["metadata"].get("project_urls", "")),
)

project = "tnemu"
author = _setup["metadata"]["author"]
version = release = tnemu.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_gallery.gen_gallery"]
html_theme = "furo"
html_title = f"tnemu {version}"
html_show_copyright = html_show_sourcelink = False
html_theme_options = {"source_repository": _urls["Source"]} if "Source" in _urls else {}
exclude_patterns = ["gallery/*.md5", "gallery/*.ipynb", "gallery/*.py", "gallery/sg_*", "sg_*"]
highlight_language = "text"
myst_heading_anchors = 4
# "bytes" in a signature is Python's, whatever has an attribute of that name
suppress_warnings = ["ref.python", "config.cache"]
nitpicky = False
# An extra each, of which a page can be made without; torch alone takes seconds.
autodoc_mock_imports = [
    "torch",
    *(
        name
        for name in ("nest", "brian2", "sanafe", "sklearn")
        if not importlib.util.find_spec(name)
    ),
]
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_type_aliases = {name: name for name in ("npt.ArrayLike", "npt.NDArray", "ArrayLike")}
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    # what needs files of IBM's is shown, and not run
    "filename_pattern": r"/(xor|tonic_spiking|student|closed_loop)\.py",
    "within_subsection_order": "ExampleTitleSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "min_reported_time": 10_000,
    "write_computation_times": False,
    "remove_config_comments": True,
}


# --- one page of reference for every room -----------------------------------------------------------


def public_modules() -> list[str]:
    """Every module of tnemu and corelets that no part of its name makes private."""
    found = []
    for package in (tnemu, corelets):
        found.append(package.__name__)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not any(part.startswith("_") for part in module.name.split(".")):
                found.append(module.name)
    return found


def rooms() -> dict[str, str]:
    """Room -> its job, as in the table of CONTRIBUTING.md; what is open to all comes first."""
    table = tomllib.loads((ROOT / ".ci" / "rooms.toml").read_text())["room"]
    return {"tnemu": "what everybody starts with, errors and files"} | {
        room["name"]: room["job"] for room in table
    }


def reference() -> dict[str, str]:
    """Page -> text: the public names of a room, module by module, in the words of their docstrings."""
    jobs, members = rooms(), {name: [] for name in rooms()}
    for module in public_modules():
        home = max((r for r in jobs if f"{module}.".startswith(f"{r}.")), key=len)
        members[home].append(module)
    pages = {}
    for room, modules in members.items():
        lines = [room, "=" * len(room), "", jobs[room], ""]
        for module in modules:
            lines += [module, "-" * len(module), "", f".. automodule:: {module}", "   :members:"]
            # an __init__ repeats names of its modules; they are described where they are written
            lines += [] if module in ("tnemu", "corelets") else ["   :ignore-module-all:"]
            lines.append("")
        pages[room] = "\n".join(lines)
    return pages


def write_reference(app: object) -> None:
    """Before pages are read; a page that is as it was stays untouched, for Sphinx to see."""
    folder = HERE / "api"
    folder.mkdir(exist_ok=True)
    for name, text in reference().items():
        file = folder / f"{name}.rst"
        if not file.exists() or file.read_text() != text:
            file.write_text(text)


def tidy(
    app: object, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Docstrings are written to be read as they are: |x| is an amount, a * a product, and what stands in
    columns, is drawn, or is set in below a full sentence, is shown as it stands."""
    paragraphs = [part.split("\n") for part in re.split(r"\n\s*\n", "\n".join(lines))]
    out: list[str] = []
    for k, paragraph in enumerate(paragraphs):
        before = paragraphs[k - 1][-1] if k else ""
        if _depth(paragraph[0]) > _depth(before) and before.endswith("::"):
            out += [*paragraph, ""]
        elif _stands(paragraph, before):
            margin = " " * _depth(paragraph[0])
            plain = [re.sub(r":[\w:]+:`~?([^`]*)`|``", r"\1", line) for line in paragraph]
            out += [f"{margin}::", "", *(f"    {line}" for line in plain), ""]
        else:
            out += [*map(_escaped, paragraph), ""]
    lines[:] = out


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _stands(paragraph: list[str], before: str) -> bool:
    """Whether a paragraph is a drawing or a table of ours, and neither Sphinx's nor a list."""
    text, first = "\n".join(paragraph), paragraph[0].lstrip()
    if re.match(r"([*-]|\d+\.|>>>|\.\.|:\w.*:|=+ |\+-)", first) or text.rstrip().endswith("::"):
        return False
    if re.search(r"[─-╿▲▶◀▼]", text) or len(re.findall(r"\S {2,}\S", text)) > 1:
        return True
    deeper = any(_depth(line) > _depth(paragraph[0]) for line in paragraph)
    set_in = _depth(paragraph[0]) > _depth(before) and bool(before)
    listed = re.match(r"\s*([*-]|\d+\.|:\w.*:|\.\.) ", before) or before.endswith(":")
    return (deeper and not re.search(r":\n +\S", text)) or (set_in and not listed)


def _escaped(line: str) -> str:
    """Plain text where it is text: neither in ``code`` nor in :roles:`...`."""
    parts = re.split(r"(``.*?``|:[\w:]+:`[^`]*`|`[^`]*`)", line)
    for k, part in enumerate(parts):
        if k % 2 == 0:
            parts[k] = re.sub(r"([|*])", r"\\\1", part)
        elif parts[k - 1][-1:].strip(" ([{<'\"-/:"):
            parts[k] = f"\\ {part}"  # ``low``..``high``
    return re.sub(r"^(\s*)\\\*(?= )", r"\1*", "".join(parts))


# --- links ------------------------------------------------------------------------------------------

ELSEWHERE = {
    ROOT / "README.md": "index.md",
    ROOT / "CONTRIBUTING.md": "contributing.md",
    ROOT / "CHANGELOG.md": "changelog.md",
    ROOT / "SECURITY.md": "security.md",
    ROOT / "tnemu" / "zoo" / "README.md": "zoo.md",
    ROOT / "examples": "gallery/index.rst",
}
"""Where on the site a file outside docs/ is."""


def led(text: str, folder: Path) -> str:
    """Links of a page in ``folder`` as links of one in docs/; what has no page keeps its words alone."""

    def lead(match: re.Match[str]) -> str:
        mark, words, link = match.groups()
        path, hash_, anchor = link.partition("#")
        if not path or re.match(r"[a-z]+:", link):
            return match[0]
        target = (folder / path).resolve()
        if target.parent == ROOT / "examples":
            place = f"gallery/{target.stem}.rst"
        elif target.is_relative_to(HERE):
            place = target.relative_to(HERE).as_posix()
        elif target in ELSEWHERE:
            place = ELSEWHERE[target]
        else:
            source = _urls.get("Source")
            place = source and f"{source}/blob/HEAD/{target.relative_to(ROOT).as_posix()}"
        return f"{mark}[{words}]({place}{hash_}{anchor})" if place else words

    return re.sub(r"(!?)\[([^\]\n]*)\]\(([^)\s]+)\)", lead, text)


def read(app: object, name: str, source: list[str]) -> None:
    """A page of one line that includes another is that other one."""
    if not (HERE / f"{name}.md").exists():
        return
    text = led(source[0], HERE)
    for fence, path in re.findall(r"(```\{include\} (\S+)\n```)", text):
        file = (HERE / path).resolve()
        text = text.replace(fence, led(file.read_text(), file.parent))
    source[0] = text


def setup(app: object) -> None:
    """What Sphinx calls."""
    app.connect("builder-inited", write_reference)  # type: ignore[attr-defined]
    app.connect("autodoc-process-docstring", tidy)  # type: ignore[attr-defined]
    app.connect("source-read", read)  # type: ignore[attr-defined]
