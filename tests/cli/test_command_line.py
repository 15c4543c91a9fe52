"""What all commands have in common: names, help in one style, completion, statuses."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tnemu.cli.lazy import LazyGroup, load
from tnemu.cli.main import COMMANDS, STATUSES, app

ROOT = Path(__file__).parents[2]
MODULE = [sys.executable, "-m", "tnemu"]

pytestmark = pytest.mark.usefixtures("plain_terminal")


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in which ``tnemu`` is this Python's."""
    tnemu = f'tnemu() {{ "{sys.executable}" -m tnemu "$@"; }}; set -o pipefail; {line}'
    given = {**os.environ, **environment}
    return subprocess.run(["bash", "-c", tnemu], capture_output=True, text=True, env=given)


def commands() -> list[tuple[str, Any]]:
    """Every command with its words, those of groups included."""
    found = []

    def walk(words: str, group: Any) -> None:
        for name in group.commands:
            inner = (
                load(*group.table[name]) if isinstance(group, LazyGroup) else group.commands[name]
            )
            found.append((f"{words} {name}".strip(), inner))
            if hasattr(inner, "commands"):
                walk(f"{words} {name}".strip(), inner)

    walk("", typer.main.get_command(app))
    return found


def test_it_runs_as_a_module() -> None:
    done = subprocess.run([*MODULE, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("tnemu ")


@pytest.mark.parametrize("words", [words for words, _ in commands()])
def test_every_command_explains_itself_in_one_style_to_h_and_to_help(words: str) -> None:
    short = CliRunner().invoke(app, [*words.split(), "-h"])
    long = CliRunner().invoke(app, [*words.split(), "--help"])
    assert (short.exit_code, long.exit_code) == (0, 0)
    assert short.stdout == long.stdout
    assert f"Usage: tnemu {words} " in short.stdout
    assert "╭─ Options ─" in short.stdout


@pytest.mark.parametrize(("words", "command"), commands())
def test_help_shows_what_was_written_brackets_too(words: str, command: Any) -> None:
    text = CliRunner().invoke(app, [*words.split(), "-h"]).stdout
    shown = "".join(re.sub("[│╭╮╰╯─]", "", text).split())
    for parameter in command.params:
        about = getattr(parameter, "help", None) or ""
        if not getattr(parameter, "hidden", False):
            # columns of a table are mixed line by line: word by word is what can be asked
            for word in about.replace(r"\[", "[").split():
                assert word in shown, (words, parameter.name)


def test_an_example_with_brackets_is_not_taken_for_markup() -> None:
    assert "uint8 [n, ...]" in CliRunner().invoke(app, ["compare", "--help"]).stdout


def test_the_help_of_the_program_names_its_statuses() -> None:
    text = " ".join(CliRunner().invoke(app, ["--help"]).stdout.split())
    assert " ".join(STATUSES.split()) in text
    for name, about in COMMANDS.items():
        assert f"{name} " in text
        assert about in text


def test_help_needs_neither_numpy_nor_pydantic() -> None:
    code = (
        "import sys\nsys.argv = ['tnemu', '--help']\nfrom tnemu.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('LOADED', sorted({'numpy', 'pydantic', 'yaml', 'numba', 'torch', 'ale_py', "
        "'matplotlib', 'tnemu.files', 'tnemu.hardware'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


@pytest.mark.parametrize(
    ("line", "offered"),
    [("tnemu bo", "boards"), ("tnemu boards --sch", "--schema"), ("tnemu learn stu", "student")],
)
def test_a_shell_can_complete_commands_and_options(line: str, offered: str) -> None:
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    done = shell("tnemu", _TNEMU_COMPLETE="complete_bash", **words)
    assert done.stdout.split() == [offered]


def test_completion_can_be_installed() -> None:
    assert "--install-completion" in CliRunner().invoke(app, ["--help"]).stdout


def test_no_color_is_respected_on_a_terminal() -> None:
    colours = re.compile(r"\x1b\[[0-9;]*(?:3[0-7]|38|9[0-7])[0-9;]*m")
    assert colours.search(on_a_terminal("--help"))
    assert not colours.search(on_a_terminal("--help", NO_COLOR="1"))
    assert not colours.search(on_a_terminal("boards", NO_COLOR="1"))


def on_a_terminal(*arguments: str, **environment: str) -> str:
    """What a command shows on a terminal of 100 columns."""
    import contextlib
    import pty

    given = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    given |= {"TERM": "xterm-256color", "COLUMNS": "100", **environment}
    ours, theirs = pty.openpty()
    with subprocess.Popen([*MODULE, *arguments], stdout=theirs, stderr=theirs, env=given):
        os.close(theirs)
        shown = b""
        with contextlib.suppress(OSError):  # how a terminal says that nobody is left
            while piece := os.read(ours, 1 << 16):
                shown += piece
    os.close(ours)
    return shown.decode()


def test_a_mistyped_command_gets_near_names() -> None:
    result = CliRunner().invoke(app, ["bords"])
    assert result.exit_code == 2
    assert "No such command 'bords'" in result.stderr


@pytest.mark.parametrize("line", ["tnemu boards", "tnemu --help", "tnemu boards --schema"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_standard_output_is_one_line_of_error(line: str, unbuffered: str) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    done = shell(f"{line} > /dev/full", PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (
        1,
        "error: standard output cannot be written: No space left on device; make room\n",
    )


@pytest.mark.parametrize("line", ["tnemu boards", "tnemu --help", "tnemu boards --schema"])
def test_a_reader_that_is_gone_is_status_141_and_no_word(line: str) -> None:
    # the reader is gone before the writer begins, so that every write fails
    done = shell(f"{{ sleep 0.3; {line}; }} | true")
    assert (done.returncode, done.stderr) == (141, "")


def test_too_few_open_files_are_an_error_and_no_traceback(tmp_path: Path) -> None:
    done = shell(f"ulimit -n 20; tnemu play --frames 1 --mode free --output {tmp_path}/run")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Too many open files" in done.stderr
    assert "ulimit" in done.stderr
