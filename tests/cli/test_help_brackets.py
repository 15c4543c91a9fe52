"""The help of every command shows its brackets, which rich would take for markup."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tnemu.cli.main import COMMANDS, app

pytestmark = pytest.mark.usefixtures("plain_terminal")


def click_commands(name: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(words, click command) of a command of tnemu and of those inside it."""
    module = import_module(f"tnemu.cli.{name}")
    inner = getattr(module, "app", None)
    if inner is None:
        inner = typer.Typer(add_completion=False)
        inner.command()(module.command)
    waiting = [((name,), typer.main.get_command(inner))]
    while waiting:
        words, command = waiting.pop()
        yield words, command
        if hasattr(command, "list_commands"):
            context = command.make_context(words[-1], [], resilient_parsing=True)
            waiting += [
                ((*words, key), command.get_command(context, key))
                for key in command.list_commands(context)
            ]


def texts(command: Any) -> Iterator[str]:
    """Everything that the help of a command is made of."""
    yield from (command.help or "", command.epilog or "", command.short_help or "")
    for parameter in command.params:
        yield getattr(parameter, "help", None) or ""


NAMES = [name for name in COMMANDS if find_spec(f"tnemu.cli.{name}")]


@pytest.mark.parametrize("name", NAMES)
def test_every_bracket_of_a_commands_help_is_shown(name: str) -> None:
    """What is printed, without frames and line ends, holds each bracketed text of the source."""
    for words, command in click_commands(name):
        if command.context_settings.get("ignore_unknown_options"):
            continue  # another parser shows its help
        result = CliRunner().invoke(app, [*words, "--help"])
        shown = re.sub(r"[\s\u2500-\u257f]", "", result.output)
        assert "\\[" not in shown
        for text in texts(command):
            for bracketed in re.findall(r"\[[^\]\[]+\]", inspect.cleandoc(text)):
                assert re.sub(r"\s", "", bracketed) in shown, (
                    f"tnemu {' '.join(words)}: {bracketed}"
                )


def test_the_shape_of_a_file_of_frames_is_shown() -> None:
    result = CliRunner().invoke(app, ["compare", "--help"])
    assert "uint8 [n, ...], and play no game" in result.output
