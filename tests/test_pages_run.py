"""Every block of code of every page runs: Python is executed, commands are read as tnemu reads them.

A command that trains for hours, or opens files of the reader's, is not carried out: its words and options
are parsed by the command itself, which refuses what it does not know.
"""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from tnemu.cli.main import app

ROOT = Path(__file__).parents[1]
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/*.md")),
    ROOT / "tnemu" / "zoo" / "README.md",
]
GIVEN = {
    "CONTRIBUTING.md": "from corelets import Relay\nfrom corelets.catalogue import Entry\n",
}
"""What the text around a block has: names of the module that it is written in."""


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """(language, code) of a page's blocks, set in or not."""
    found = re.findall(r"^( *)```(\S*)[^\n]*\n(.*?)^ *```", page.read_text(), flags=re.M | re.S)
    for indent, language, code in found:
        yield language, re.sub(rf"^{indent}", "", code, flags=re.M)


def with_python(page: Path) -> bool:
    return any(language == "python" for language, _ in blocks(page))


def test_blocks_are_found_wherever_they_stand() -> None:
    assert [name_of(page) for page in PAGES if with_python(page)] == [
        "CONTRIBUTING.md",
        "README.md",
        "docs/corelets.md",
        "docs/exchange.md",
        "docs/learning.md",
        "docs/mapping.md",
        "docs/tutorial.md",
    ]
    known = {"", "python", "{include}", "{toctree}"}
    assert {language for page in PAGES for language, _ in blocks(page)} <= known


@pytest.mark.parametrize("page", [p for p in PAGES if with_python(p)], ids=name_of)
def test_python_of_a_page_runs_from_its_first_line_to_its_last(
    page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    code = GIVEN.get(name_of(page), "")
    code += "\n".join(code for language, code in blocks(page) if language == "python")
    names: dict[str, Any] = {}
    for extra in re.findall(r"^import (torch|nir)$", code, flags=re.M):
        pytest.importorskip(extra)
    if "import torch" in code:
        from tnemu.learn.distil import distil

        wanted = inspect.signature(distil.train_student)

        def begun(*given: Any, **named: Any) -> None:
            """Training takes its time; that it would begin is what the page promises."""
            names["begun"] = wanted.bind(*given, **named).arguments

        monkeypatch.setattr(distil, "train_student", begun)
    exec(compile(code, str(page), "exec"), names)
    assert "begun" in names or "import torch" not in code
    if name_of(page) == "README.md":
        assert names["plan"].image.core_count == 400
        assert len(names["spikes"])


def commands(page: Path) -> Iterator[list[str]]:
    """Words of every tnemu command of a page's blocks, without what a shell does with its output."""
    for language, code in blocks(page):
        if language:
            continue
        for line in code.replace("\\\n", " ").splitlines():
            part = re.compile(r"(?:^|&&)\s*(?:[\w./]*/)?tnemu ([^|;&]*)")
            for words in part.findall(re.sub(r"[][]", "", line)):  # [--what may be left out]
                found = [word for word in shlex.split(words, comments=True) if word[0] != ">"]
                yield ["1" if word == "N" else word for word in found]


def parsed(words: list[str]) -> str:
    """The command that would be called; raises what the command line would tell."""
    command: Any = typer.main.get_command(app)
    context = command.context_class(command, info_name="tnemu")
    while hasattr(command, "resolve_command"):
        name, command, words = command.resolve_command(context, words)
        context = command.context_class(command, parent=context, info_name=name)
    if not {"-h", "--help"} & set(words):
        command.parse_args(context, words)
    return str(context.command_path)


def test_a_word_that_a_command_does_not_know_is_found() -> None:
    assert parsed(["play", "krull", "--frames", "9"]) == "tnemu play"
    assert parsed(["learn", "teacher", "krull", "--out", "x"]) == "tnemu learn teacher"
    for wrong in (["play", "--no-such-option"], ["no-such-command"], ["play", "--frames", "x"]):
        with pytest.raises(Exception, match=r"No such|not a valid|unable to parse|no command"):
            parsed(wrong)


@pytest.mark.parametrize("page", [p for p in PAGES if any(commands(p))], ids=name_of)
def test_commands_of_a_page_are_read(page: Path) -> None:
    for words in commands(page):
        assert parsed(list(words)).startswith("tnemu "), words
