"""``tnemu bench`` from the outside: what it prints and writes. No test knows how fast anything is."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tnemu.cli import bench_view, tables
from tnemu.cli.main import app
from tnemu.emulator import memory
from tnemu.lab.bench import peers as bench_peers
from tnemu.lab.bench import sweep
from tnemu.lab.bench.measure import Row
from tnemu.lab.bench.networks import BenchError
from tnemu.lab.bench.peers import MARK, Peer

KEYS = {
    "name", "cores", "rate_hz", "synapses", "threads", "ticks", "ms_per_tick", "realtime_factor",
    "sops", "rss_mb",
}  # fmt: skip
"""What every row has; programs read these."""


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["bench", *map(str, arguments)])


def ran(*arguments: object) -> Any:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    return str(result.stderr).splitlines()[-1]


def rows_of(*arguments: object) -> list[dict[str, Any]]:
    return list(json.loads(ran(*arguments, "--json", "-").stdout)["rows"])


@pytest.mark.slow
def test_a_chip_is_measured_beside_the_naive_loop_and_its_rate_is_the_one_asked_for() -> None:
    (row,) = rows_of("chip", "--cores", 8, "--rate", 50, "--synapses", 26, "--ticks", 2100)
    assert set(row) == KEYS | {"ratio_to_naive"}
    assert (row["cores"], row["synapses"], row["threads"], row["ticks"]) == (8, 26, 1, 2100)
    assert row["rate_hz"] == pytest.approx(50, rel=0.01)
    assert row["realtime_factor"] == pytest.approx(1 / row["ms_per_tick"], rel=0.01)
    # Every spike drives one axon, and that 26 synapses.
    spikes_per_s = row["rate_hz"] / 1000 * 8 * 256 / (row["ms_per_tick"] / 1000)
    assert row["sops"] == pytest.approx(26 * spikes_per_s, rel=0.01)
    assert row["ratio_to_naive"] > 0
    assert row["rss_mb"] > 10


@pytest.mark.parametrize("noise", ["leak+threshold", "synapses"])
def test_noise_is_measured_beside_the_same_network_without(noise: str) -> None:
    (row,) = rows_of("chip", "--cores", 4, "--rate", 40, "--noise", noise, "--ticks", 2100)
    assert set(row) == KEYS | {"ratio_to_deterministic"}
    assert row["name"] == f"recurrent, noise in {noise}"
    assert row["rate_hz"] == pytest.approx(40, rel=0.03)


def test_without_the_naive_loop_there_is_no_ratio() -> None:
    (row,) = rows_of("chip", "--cores", 1, "--no-naive", "--ticks", 70)
    assert row["ratio_to_naive"] is None
    assert "vs naive" not in ran("chip", "--cores", 1, "--no-naive", "--ticks", 70).stdout


def test_in_a_pipe_a_table_is_aligned_text_and_nothing_moves() -> None:
    result = ran("chip", "--cores", 1, "--ticks", 70)
    head, row, computer = result.stdout.splitlines()
    assert head.split()[:3] == ["network", "cores", "Hz"]
    assert row.startswith("recurrent  ")
    assert len(head) == len(row)
    assert "processors, load" in computer
    assert not {"\x1b", "─"} & set(result.output)


def test_the_file_says_what_was_measured_with_what(tmp_path: Path) -> None:
    file = tmp_path / "chip.json"
    ran("chip", "--cores", 1, "--ticks", 70, "--json", file)
    facts = json.loads(file.read_text())
    assert facts["format"] == "tnemu-bench-1"
    assert {"tnemu", "numba", "numpy", "python"} <= set(facts["versions"])
    assert {"processor", "usable_processors", "memory_gb", "load_average"} <= set(facts["computer"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("chip", "--json"),
        ("sweep", "--json"),
        ("sweep", "--plot"),
        ("frames", "--json"),
        ("peers", "--peers", ".", "--json"),
    ],
)
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_measured(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for what in (
        "measure.measure_recurrent", "frames.measure_frames", "sweep.measure_sweep",
        "peers.measure_all",
    ):  # fmt: skip
        monkeypatch.setattr(f"tnemu.lab.bench.{what}", _never)
    file = tmp_path / "nowhere" / "x"
    assert refused(*arguments, file) == (
        f"error: cannot write {file}: No such file or directory; give a name in a folder that "
        "exists, can be written to and has room"
    )


def test_figures_are_shown_even_if_the_file_cannot_be_written_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_view, "check_files", lambda *files: None)
    result = run("chip", "--cores", 1, "--ticks", 70, "--json", tmp_path / "nowhere" / "x")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1].startswith("recurrent  ")
    assert "cannot write" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rate", 501), "rate = 501 is outside 0.1..500"),
        (("--synapses", 257), "synapses = 257 is outside 1..256"),
        (("--cores", 262145), "cores = 262145 is outside 1..262144"),
        (
            ("--noise", "pink"),
            "there is no noise 'pink'; choose one of: none, threshold, leak+threshold, syn",
        ),
        (("--ticks", 3), "ticks = 3 is fewer than the 7 segments; use more"),
        (
            ("--noise", "leak+threshold", "--rate", 100),
            "with 128 synapses a row the network keeps its rate up to 53 Hz",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_with_the_limit(
    arguments: tuple[object, ...], message: str
) -> None:
    assert message in refused("chip", *arguments)


@pytest.mark.parametrize(("threads", "needed"), [(1, "7.1 GB"), (2, "7.4 GB")])
def test_a_board_that_does_not_fit_into_memory_is_refused_before_it_is_built(
    monkeypatch: pytest.MonkeyPatch, threads: int, needed: str
) -> None:
    """NS16e-4 takes 3.5 GB in the engine and 0.3 GB for each further thread's calendar, 2.6 GB as an
    image, and 1 GB for wires and the naive loop.
    """
    monkeypatch.setattr(memory, "available_bytes", lambda: 4_000_000_000)
    monkeypatch.setattr("tnemu.lab.bench.measure.recurrent", None)
    assert refused("chip", "--cores", 262144, "--threads", threads) == (
        f"error: 262,144 cores need {needed} of memory, 4.0 GB are available; load fewer cores, "
        "close other programs, or use a computer with more memory"
    )


@pytest.mark.slow
def test_a_sweep_measures_activity_and_growth_and_draws_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "RATES_HZ", (20.0, 200.0))
    monkeypatch.setattr(sweep, "SYNAPSES", (128,))
    monkeypatch.setattr(sweep, "QUICK_SEGMENT_S", 0.001)
    picture, file = tmp_path / "sweep.png", tmp_path / "sweep.json"
    ran("sweep", "--quick", "--max-cores", 64, "--plot", picture, "--json", file)
    rows = json.loads(file.read_text())["rows"]
    assert [(row["name"], row["cores"]) for row in rows] == [
        ("activity", 64), ("activity", 64), ("growth", 64),
    ]  # fmt: skip
    assert [row["rate_hz"] for row in rows] == pytest.approx([20, 200, 20], rel=0.05)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_frames_are_measured_alone_pipelined_and_in_lanes() -> None:
    rows = rows_of("frames", "--cores", 8, "--layers", 4, "--lanes", 3, "--quick")
    alone, pipelined, lanes = rows
    assert [row["name"] for row in rows] == ["one frame", "a frame every tick", "3 lanes"]
    assert all(set(row) >= KEYS for row in rows)
    assert alone["latency_ticks"] == 5  # into the first layer, and out of the fourth
    assert alone["latency_ms"] == pytest.approx(5 * alone["ms_per_tick"], rel=0.01)
    assert pipelined["frames_per_s"] == pytest.approx(1000 / pipelined["ms_per_tick"], rel=0.01)
    # A fifth to a third of all neurons fire when there is a frame in every layer.
    assert 180 < pipelined["rate_hz"] < 350
    assert lanes["ratio_to_single_runs"] > 0
    assert lanes["lanes"] == 3


FAKE = """
import json, sys
import numpy as np
network = np.load(sys.argv[1])
assert network["source"].shape == network["weight"].shape
print("warming up")
{end}
"""


@pytest.fixture
def peer_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one installed peer, "fake", whose Python is this one; its script is ``script``."""
    fake = Peer("fake", "Fake 1.0", ("fake==1.0",), {64: 20}, 1, "it is one")
    monkeypatch.setattr(bench_peers, "PEERS", (fake,))
    python = tmp_path / "fake" / "bin" / "python"
    python.parent.mkdir(parents=True)
    # A link would leave the environment that has numpy.
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (tmp_path / "fake" / MARK).write_text("fake==1.0\n")
    monkeypatch.setattr(bench_peers, "SCRIPTS", tmp_path / "peers")
    (tmp_path / "peers").mkdir()
    return tmp_path


def write_peer(folder: Path, end: str) -> None:
    (folder / "peers" / "peer_fake.py").write_text(FAKE.format(end=end))


def test_a_peer_is_given_the_network_and_its_figures_stand_beside_ours(peer_folder: Path) -> None:
    write_peer(
        peer_folder,
        'print(json.dumps({"ticks": 10, "seconds": 5.0, "spikes": int(len(network["v"]))}))',
    )
    (row,) = rows_of("peers", "--peers", peer_folder, "--cores", 64)
    assert set(row) == KEYS | {
        "ratio_to_peer", "peer_ms_per_tick", "peer_ticks", "peer_spikes", "spikes", "differs",
    }  # fmt: skip
    assert row["name"] == "Fake 1.0"
    assert row["peer_ms_per_tick"] == 500
    assert row["peer_spikes"] == 64 * 256
    assert row["spikes"] == pytest.approx(64 * 256 * 20 * 0.02, rel=0.1)  # 20 ticks at 20 Hz
    # The median of ratios is at least the ratio to the median, and figures have four digits.
    assert row["ratio_to_peer"] >= 0.998 * 500 / row["ms_per_tick"]


@pytest.mark.parametrize(
    ("end", "problem"),
    [
        ('raise SystemExit("no luck today")', "it failed: no luck today"),
        ("import no_such_module", "it failed: ModuleNotFoundError: No module named"),
        ("import os; os.kill(os.getpid(), 9)", "it was ended by signal 9: it said nothing"),
        ("", "it printed no result: warming up"),
    ],
)
def test_a_peer_that_fails_is_reported_with_its_last_words(
    peer_folder: Path, end: str, problem: str
) -> None:
    write_peer(peer_folder, end)
    check_not_measured(problem, "--peers", peer_folder, "--cores", 64)


def test_a_peer_that_takes_too_long_is_ended(peer_folder: Path) -> None:
    """However slow the computer is, it does not wake up before the limit."""
    write_peer(peer_folder, "import time; time.sleep(600)")
    check_not_measured(
        "it did not finish within 0.5 s", "--peers", peer_folder, "--cores", 64, "--limit-s", 0.5
    )


def check_not_measured(problem: str, *arguments: object) -> None:
    result = run("peers", *arguments)
    assert result.exit_code == 1
    note, error = result.stderr.splitlines()
    assert note.startswith(f"note: Fake 1.0 with 64 cores was not measured: {problem}")
    assert error == "error: no peer could be measured; the lines above say why"


def test_a_peer_that_is_not_installed_is_reported_with_the_way_to_get_it(tmp_path: Path) -> None:
    result = run("peers", "--peers", tmp_path, "--cores", 64, "--only", "nest", "--json", "-")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["not_measured"] == [
        {
            "name": "NEST 3.10.0",
            "cores": 64,
            "problem": f"it is not installed in {tmp_path}/nest; "
            f"run: tnemu bench peers --setup {tmp_path}",
        }
    ]


def test_an_environment_of_other_versions_is_not_measured(peer_folder: Path) -> None:
    (peer_folder / "fake" / MARK).write_text("fake==0.9\n")
    result = run("peers", "--peers", peer_folder, "--cores", 64)
    assert "has fake==0.9, this version of tnemu measures fake==1.0; run:" in result.stderr


def test_a_peer_that_would_need_more_memory_than_is_free_is_not_started(
    peer_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_peers, "available_bytes", lambda: 1e6)
    result = run("peers", "--peers", peer_folder, "--cores", 64)
    assert "it needs about 0 GB of memory, 0 GB are free" in result.stderr


def test_an_installation_that_fails_is_reported_and_the_next_peer_measured(
    peer_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(peer: Peer, folder: Path) -> None:
        raise BenchError(f"{peer.name} cannot be installed: no network")

    monkeypatch.setattr(bench_peers, "set_up", fails)
    result = run("peers", "--setup", peer_folder, "--cores", 64)
    assert result.exit_code == 1
    assert "note: Fake 1.0 was not measured: Fake 1.0 cannot be installed: no network" in (
        result.stderr
    )


@pytest.mark.slow
def test_set_up_makes_an_environment_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    pip = Peer("pip", "Pip", ("pip",), {}, 1, "")  # every environment has it
    bench_peers.set_up(pip, tmp_path)
    assert (tmp_path / "pip" / MARK).read_text() == "pip\n"
    monkeypatch.setattr(subprocess, "run", _never)
    bench_peers.set_up(pip, tmp_path)


def test_set_up_says_what_pip_said_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, "pip" in command, "", "Looking\nERROR: none\n")

    monkeypatch.setattr(subprocess, "run", refuses)
    with pytest.raises(BenchError, match=r"^None 1\.0 cannot be installed: ERROR: none$"):
        bench_peers.set_up(Peer("none", "None 1.0", ("none==1.0",), {}, 1, ""), tmp_path)
    assert not (tmp_path / "none" / MARK).exists()


def _never(*arguments: object, **options: object) -> None:
    raise AssertionError("nothing is to be started")


def test_usage_errors_are_status_2(tmp_path: Path) -> None:
    assert run("peers").exit_code == 2
    assert run("peers", "--setup", tmp_path, "--peers", tmp_path).exit_code == 2
    assert run("chips").exit_code == 2


def test_a_peer_or_size_that_does_not_exist_is_named(tmp_path: Path) -> None:
    assert "there is no peer 'neuron'; choose from: brian2, nest, sanafe" in refused(
        "peers", "--peers", tmp_path, "--only", "neuron"
    )
    assert "peers are not measured with 65 cores; choose 64 or 512" in refused(
        "peers", "--peers", tmp_path, "--cores", 65
    )


def test_every_peer_has_a_script_that_names_its_needs_and_the_sizes_its_ticks() -> None:
    scripts = {path.name: path.read_text() for path in bench_peers.SCRIPTS.glob("peer_*.py")}
    assert set(scripts) == {f"peer_{peer.key}.py" for peer in bench_peers.PEERS}
    for peer in bench_peers.PEERS:
        assert set(peer.ticks) == set(bench_peers.CORES)
        assert f"Needs {', '.join(peer.needs)}" in scripts[f"peer_{peer.key}.py"]


def test_what_memory_is_free_is_asked_in_one_place(
    peer_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One function says what is free, for engines and for peers."""
    assert bench_peers.available_bytes is memory.available_bytes
    monkeypatch.setattr(bench_peers, "available_bytes", lambda: None)  # nobody knows: try it
    write_peer(peer_folder, 'raise SystemExit("started")')
    check_not_measured("it failed: started", "--peers", peer_folder, "--cores", 64)


def test_columns_appear_only_where_rows_have_something_to_say() -> None:
    row = Row("recurrent", 64, 20.0, 128, 1, 700, 0.0123, 81.3, 3.41e9, None, 166.4)
    heads, (texts,) = bench_view.table([row])
    assert dict(zip(heads, texts, strict=True)) == {
        "network": "recurrent", "cores": "64", "Hz": "20.0", "synapses": "128",
        "ms/tick": "0.0123", "real time": "81.3x", "SOPS": "3.41 G", "MB": "166",
    }  # fmt: skip
    heads, _ = bench_view.table([row, replace(row, threads=2, ratio=3.0)])
    assert {"threads", "vs naive"} <= set(heads)


@pytest.mark.parametrize("width", [90, 40, 20])
def test_a_terminal_of_any_width_shows_every_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(width))
    row = Row("activity", 65536, 200.0, 128, 1, 700, 0.0123, 81.3, 3.41e9, 10.4, 1166.4)
    heads, rows = bench_view.table([row])
    tables.print_table(heads, rows)
    shown = capsys.readouterr().out
    assert all(text in shown for text in heads + rows[0])
    assert "\u2026" not in shown
