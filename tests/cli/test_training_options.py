"""A settings dataclass as a command: its fields are the options, and no torch is needed to see them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
import typer
from typer.testing import CliRunner

from tnemu.cli.lazy import application
from tnemu.cli.training import Several, command_of

pytestmark = pytest.mark.usefixtures("plain_terminal")


@dataclass(frozen=True)
class Baking:
    game: str
    """What is baked."""
    out: str
    """Folder [of the oven]."""
    heat: float = 180.0
    """In degrees; 100 % of them."""
    trays: tuple[int, ...] = (8, 4)
    """One each."""
    names: tuple[str, ...] = ()
    """Of guests."""


def bake(*words: str, start: Any = None) -> Any:
    def begin(settings: Baking, resume: Annotated[bool, typer.Option("--resume")] = False) -> str:
        """Bake a cake."""
        return f"{settings} {resume}"

    app = application(command_of(Baking, start or begin), kind=Several)
    return CliRunner().invoke(app, words)


def test_every_field_is_an_option_with_its_meaning_and_default() -> None:
    text = " ".join(bake("--help").stdout.split())
    assert "Bake a cake." in text
    for words in ("What is baked.", "--heat", "In degrees; 100 % of them.", "180.0", "8, 4"):
        assert words in text
    assert "--resume" in text


def test_values_arrive_with_their_types_and_defaults_stay() -> None:
    result = bake("cake", "--out", "x", "--heat", "200")
    assert result.stdout == f"{Baking('cake', 'x', 200.0)} False\n"


def test_several_values_stand_in_a_row_or_are_repeated() -> None:
    row = bake("cake", "--trays", "3", "2", "-1", "--out", "x", "--names", "a", "b", "--resume")
    repeated = bake(
        "cake", "--trays", "3", "--trays", "2", "--trays", "-1", "--out", "x",
        "--names", "a", "--names", "b", "--resume",
    )  # fmt: skip
    assert row.stdout == repeated.stdout
    assert row.stdout == f"{Baking('cake', 'x', trays=(3, 2, -1), names=('a', 'b'))} True\n"


def test_what_is_required_is_asked_for() -> None:
    assert bake("cake").exit_code == 2
    assert bake("--out", "x").exit_code == 2


def test_the_callers_own_options_stand_beside_them() -> None:
    def begin(
        settings: Baking, shelf: Annotated[str, typer.Option(help="Where.")] = "low"
    ) -> tuple[str, str]:
        """Bake."""
        return settings.game, shelf

    assert bake("cake", "--out", "x", start=begin).stdout == "cake\nlow\n"
    assert bake("cake", "--out", "x", "--shelf", "top", start=begin).stdout == "cake\ntop\n"


WITHOUT_TORCH = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
sys.argv[0] = "tnemu"
from tnemu.__main__ import main
main()
"""


def without_torch(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_TORCH, "learn", *words]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize(
    "name", ["teacher", "student", "together", "ladder", "quantise", "evaluate"]
)
def test_the_help_of_every_training_is_reached_without_torch(name: str) -> None:
    done = without_torch(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Usage: tnemu learn {name} " in done.stdout
    if name in ("student", "together", "evaluate"):
        assert "--board" in done.stdout


def test_without_torch_a_training_says_how_to_get_it() -> None:
    done = without_torch("teacher", "pong", "--out", "/nowhere")
    assert done.returncode == 1
    assert done.stderr == (
        "error: 'tnemu learn teacher' needs the package 'torch', which is not installed; run: pip "
        "install torch --index-url https://download.pytorch.org/whl/cpu (0.5 GB, processors only), "
        "or in the checkout: pip install '.[learn]' (5.8 GB, with CUDA)\n"
    )
