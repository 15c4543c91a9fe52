"""``tnemu boards``, and what becomes of whatever a command raises."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import tnemu
from tnemu.cli import doctor
from tnemu.cli.lazy import TORCH
from tnemu.cli.main import app
from tnemu.hardware import load_board
from tnemu.hardware.board import board_schema

HEAVY = ("numba", "torch", "ale_py", "gymnasium", "matplotlib")


pytestmark = pytest.mark.usefixtures("plain_terminal")


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments)


def standing_in(monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """Makes ``tnemu doctor`` do ``action`` instead."""
    monkeypatch.setattr(doctor, "command", action)


def test_the_list_names_every_board_smallest_first_with_its_size() -> None:
    result = run("boards")
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines() if line.strip()]
    assert [row[:3] for row in rows if row[0] in ("tiny", "ns1e", "ns16e", "ns16e-4")] == [
        ["tiny", "2", "32"],
        ["ns1e", "1", "4,096"],
        ["ns16e", "16", "65,536"],
        ["ns16e-4", "64", "262,144"],
    ]


def test_a_drawing_shows_chips_north_up_links_host_switches_and_figures() -> None:
    text = run("boards", "ns16e").stdout
    assert text.index("0,3") < text.index("3,3") < text.index("0,0") < text.index("3,0")
    assert text.count("64x64") == 16
    assert text.count("│═══│") == 4 * 3
    for line in (
        "cores             65,536 of 256 axons x 256 neurons (0 dead)",
        "mesh              256 x 256 cores",
        "merge-split link  34 bits a spike, 40,000,000 spikes/s",
        "host link         32 bits a spike, spikes per second not published",
        "leak_zero_clamp   true",
        "potential_range   saturate20",
        "tick a 16-chip network needed",
    ):
        assert line in text


def test_a_drawing_counts_dead_cores_on_the_chip_that_has_them() -> None:
    text = run("boards", "tiny", "--set", "dead_cores=[{x: 4..5, y: 0}]").stdout
    assert "│        │   │ 2 dead │" in text
    assert "30 of 256 axons x 256 neurons (2 dead)" in text


def test_host_linked_units_are_said_to_be_so() -> None:
    assert "4 such units, joined through their hosts" in run("boards", "ns16e-4").stdout


def test_json_holds_the_board_and_what_follows_from_it() -> None:
    facts = json.loads(run("boards", "ns16e", "--json").stdout)
    board = load_board("ns16e")
    assert facts["derived"] == {
        "width": 256,
        "height": 256,
        "chip_count": 16,
        "core_count": 65536,
    }
    assert facts["sha256"] == board.sha256
    assert facts["chip"] == board.chip.model_dump()
    assert [item["name"] for item in json.loads(run("boards", "--json").stdout)] == [
        "tiny",
        "ns1e",
        "ns16e",
        "ns16e-4",
    ]


def test_schema_prints_the_schema_of_board_files() -> None:
    assert json.loads(run("boards", "--schema").stdout) == board_schema()


def test_set_changes_the_board_that_is_shown() -> None:
    facts = json.loads(run("boards", "tiny", "--set", "tick_us=1750", "--json").stdout)
    assert facts["tick_us"] == 1750


def test_a_refusal_is_one_line_on_stderr_and_status_1() -> None:
    result = run("boards", "ns1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: no board is named 'ns1'; did you mean 'ns1e'")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["boards", "--colour"],
        ["boards", "tiny", "--set", "tick_us"],
        ["boards", "a", "b"],
        ["bords"],
    ],
)
def test_wrong_usage_is_status_2(arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize("signal", [KeyboardInterrupt, typer.Abort])
def test_ctrl_c_is_status_130(monkeypatch: pytest.MonkeyPatch, signal: type[BaseException]) -> None:
    def interrupted() -> None:
        raise signal

    standing_in(monkeypatch, interrupted)
    assert run("doctor").exit_code == 130


def test_a_status_a_command_exits_with_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaves() -> None:
        raise typer.Exit(3)

    standing_in(monkeypatch, leaves)
    assert run("doctor").exit_code == 3


def test_a_missing_package_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def needs_torch() -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch.nn")

    standing_in(monkeypatch, needs_torch)
    result = run("doctor")
    assert result.exit_code == 1
    assert result.stderr == (
        f"error: 'tnemu doctor' needs the package 'torch', which is not installed; {TORCH}\n"
    )


def test_a_bug_is_not_dressed_up_as_a_users_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    standing_in(monkeypatch, broken)
    assert isinstance(run("doctor").exception, ZeroDivisionError)


def test_version_is_the_packages() -> None:
    assert run("--version").stdout == f"tnemu {tnemu.__version__}\n"


@pytest.mark.parametrize(
    "action", ["import tnemu", "from tnemu.cli.main import app; app(['--help'])"]
)
def test_import_and_help_load_nothing_heavy(action: str) -> None:
    code = (
        f"import sys\ntry:\n    {action}\nexcept SystemExit:\n    pass\n"
        f"print('LOADED', sorted(set({HEAVY!r}) & set(sys.modules)), 'tnemu' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED [] True"
