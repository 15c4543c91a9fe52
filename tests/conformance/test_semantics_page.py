"""docs/semantics.md and the tests hold each other to their word."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "semantics.md"


def ids_in(file: Path) -> set[str]:
    """Ids ``path::name`` of the test functions of one file."""
    functions = [
        node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)
    ]
    path = file.relative_to(ROOT).as_posix()
    return {f"{path}::{f.name}" for f in functions if f.name.startswith("test_")}


def listed() -> list[str]:
    """Every test id on the page; ``::name`` belongs to the file named last before it."""
    ids, file = [], ""
    for quoted in re.findall(r"`([^`\n]+)`", PAGE.read_text()):
        path, colons, _ = quoted.partition("::")
        if path.startswith("tests/"):
            file = path if not colons else file
            ids += [quoted] if colons else []
        elif quoted.startswith("::"):
            ids.append(file + quoted)
    return ids


def test_every_test_named_on_the_page_exists():
    files = {ROOT / test.partition("::")[0] for test in listed()}
    assert {file for file in files if not file.exists()} == set()
    assert set(listed()) - set().union(*map(ids_in, files)) == set()


@pytest.mark.parametrize(
    "file",
    sorted(set(Path(__file__).parent.glob("test_*.py")) - {Path(__file__)}),
    ids=lambda f: f.stem,
)
def test_every_conformance_test_is_on_the_page(file):
    """A rule that is proved but not written down: add a row to docs/semantics.md."""
    assert ids_in(file) - set(listed()) == set()


def test_every_rule_names_its_source_and_a_test():
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    rules = [row for row in rows if len(row) == 4 and row[0] != "rule"]
    assert len(rules) > 60
    assert [row for row in rules if not row[2] or "`::test_" not in row[3]] == []
