"""The run report: what it holds, and that it is written whole, or its failure is told."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tnemu.runtime import report as reports
from tnemu.runtime.report import ReportError
from tnemu.runtime.session import Result, Session, Settings

FACTS = {"game": "coin", "seed": 0, "command": "a test"}


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest) -> dict[str, Result]:
    return {}


@pytest.fixture
def result(settings: Callable[..., Settings], results: dict[str, Result]) -> Result:
    """One run for all tests of this file."""
    if "free" not in results:
        results["free"] = Session(settings(decisions=45)).run()
    return results["free"]


def test_a_report_tells_what_happened(result: Result) -> None:
    report = reports.build(result, FACTS)
    host, board = result.record.host, result.record.board
    expected = {
        "game": "coin",
        "seed": 0,
        "outcome": "finished",
        "board": "tiny",
        "engine": "reference",
        "mode": "free",
        "decisions": 45,
        "episodes": 2,
        "episode_returns": [20.0, 20.0],
        "unfinished_return": 5.0,
        "deadline_misses": 0,
        "lateness_ms": {"p50": None, "p95": None, "p99": None, "max": None},
        "ticks": 135,
        "ticks_per_decision": 3,
        "merged_spikes": 0,
        "unread_spikes": 0,
        "cores": 2,
        "image_sha256": result.image.sha256(),
        "board_sha256": result.image.board.sha256,
    }
    assert {key: report[key] for key in expected} == expected
    assert report["decisions_per_second"] == pytest.approx(45 / float(host["elapsed_s"]), rel=1e-3)
    assert report["spikes"] == board["spikes"] > 0
    assert report["synaptic_operations"] == board["synaptic_operations"] > 0
    assert report["versions"].keys() >= {"tnemu", "python", "numpy", "numba"}


def test_power_is_that_of_the_powered_chips_at_their_own_tick(result: Result) -> None:
    report = reports.build(result, FACTS)
    assert reports.chips_used(result.image) == 2  # the relay crosses to the second chip
    rate = report["synaptic_operations"] / (135 * 1e-3)
    assert report["estimated_power_mw"] == pytest.approx(2 * 64.4 + rate * 2.297e-9, abs=1e-3)
    assert report["energy"]["assumed_mw"] == 2 * 64.4


def test_a_report_is_json_that_other_programs_read(result: Result, tmp_path: Path) -> None:
    report = reports.build(result, FACTS)
    reports.write(report, tmp_path / "deep" / "report.json")
    assert json.loads((tmp_path / "deep" / "report.json").read_text()) == report
    assert os.listdir(tmp_path / "deep") == ["report.json"]


def test_two_runs_of_the_same_thing_differ_only_in_times(
    result: Result, settings: Callable[..., Settings]
) -> None:
    again = reports.build(Session(settings(decisions=45)).run(), FACTS)
    paced = reports.build(
        Session(settings(mode="lockstep", decisions=45, rate_hz=90.0)).run(), FACTS
    )
    first = reports.build(result, FACTS)
    assert reports.same_run(first, again)
    assert not reports.same_run(first, paced)
    assert reports.same_run(first, {**paced, "mode": "free", "wanted_decisions_per_second": 30.0})


def test_a_report_is_readable_by_others_as_the_umask_allows(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        reports.write({}, tmp_path / "report.json")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "report.json").stat().st_mode) == 0o640


def test_an_older_report_stays_when_the_new_one_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    reports.write({"old": 1}, path)
    with pytest.raises(ReportError, match="new = nan is not finite"):
        reports.write({"new": float("nan")}, path)
    limit_file_size_and(lambda: refused(path))
    assert json.loads(path.read_text()) == {"old": 1}
    assert os.listdir(tmp_path) == ["report.json"]


def limit_file_size_and(action: Callable[[], None]) -> None:
    """A file that may not grow is what a full disk looks like to somebody without privileges."""
    import resource
    import signal

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))
    try:
        action()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)


def refused(path: Path) -> None:
    with pytest.raises(ReportError) as caught:
        reports.write({"new": "x" * 10000}, path)
    assert str(caught.value) == (
        f"cannot write report {path}: File too large; give a name in a folder that exists, can be "
        "written to and has room"
    )


def test_a_full_device_is_named_and_stays_a_device() -> None:
    if not Path("/dev/full").is_char_device():
        pytest.skip("/dev/full is no device here")
    with pytest.raises(ReportError) as caught:
        reports.write({"a": 1}, "/dev/full")
    assert str(caught.value) == (
        "cannot write report /dev/full: No space left on device; give a name in a folder that "
        "exists, can be written to and has room"
    )
    assert stat.S_ISCHR(os.stat("/dev/full").st_mode)


def test_a_report_goes_through_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    reports.write({"a": 1}, tmp_path / "pipe")
    assert json.loads(os.read(reader, 1000)) == {"a": 1}
    os.close(reader)
