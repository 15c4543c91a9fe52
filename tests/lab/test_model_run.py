"""A run from Python: inputs are read as the run comes to them, outputs and recordings written."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from tnemu.formats import spike_file
from tnemu.formats.errors import FormatError
from tnemu.formats.probe_file import iter_firings
from tnemu.formats.spike_file import read_spikes, spikes, write_spikes
from tnemu.hardware import BoardImage
from tnemu.lab import model_run
from tnemu.lab.model_run import RunError, run_model
from tnemu.lab.probes import ProbeError, parse_probe


@pytest.fixture
def image(relay) -> BoardImage:
    """Axon 0 of core 70 drives core 71, which sends to pin 5: out 1 tick after it is in."""
    built: BoardImage = relay()
    return built


def test_a_run_writes_the_same_to_a_file_and_to_an_open_one(
    image: BoardImage, tmp_path: Path
) -> None:
    write_spikes(tmp_path / "in.sfti", spikes([0, 3, 8, 90], 70, 0))
    done = run_model(image, 20, tmp_path / "out.sfto", given=tmp_path / "in.sfti")
    assert read_spikes(tmp_path / "out.sfto").records[["time", "core", "axon"]].tolist() == [
        (2, -32, 5), (5, -32, 5), (10, -32, 5),
    ]  # fmt: skip
    assert str(done) == (
        "20 ticks, 6 neurons fired, 3 spikes left tiny, 6 synaptic operations, engine compiled"
    )
    assert done.notes() == [
        "1 input spikes arrive in tick 20 or later, after this run's last tick; run more ticks to "
        "use them"
    ]
    out = io.BytesIO()
    run_model(image, 20, out, given=tmp_path / "in.sfti", engine="reference")
    assert out.getvalue() == (tmp_path / "out.sfto").read_bytes()


@pytest.mark.parametrize("waiting", [1, 7, 100])
def test_a_file_longer_than_may_wait_is_read_as_the_run_comes_to_it(
    image: BoardImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waiting: int
) -> None:
    monkeypatch.setattr(model_run, "WAITING_SPIKES", waiting)
    monkeypatch.setattr(spike_file, "_BLOCK_BYTES", 200)  # four spikes a block
    monkeypatch.setattr(model_run, "CHUNK_TICKS", 3)
    ticks = np.arange(0, 200, 2)
    write_spikes(tmp_path / "in.sfti", spikes(ticks, 70, 0))
    done = run_model(image, 100, tmp_path / "out.sfto", given=tmp_path / "in.sfti")
    assert read_spikes(tmp_path / "out.sfto").records["time"].tolist() == [*range(2, 100, 2)]
    assert done.late == 50


def test_spikes_out_of_order_are_taken_while_they_may_wait_and_named_if_not(
    image: BoardImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_spikes(tmp_path / "in.sfti", spikes([*range(40, 60), 1], 70, 0))
    run_model(image, 80, tmp_path / "out.sfto", given=tmp_path / "in.sfti")
    assert len(read_spikes(tmp_path / "out.sfto")) == 21
    monkeypatch.setattr(model_run, "WAITING_SPIKES", 8)
    monkeypatch.setattr(spike_file, "_BLOCK_BYTES", 200)
    monkeypatch.setattr(model_run, "CHUNK_TICKS", 30)
    with pytest.raises(
        RunError,
        match=r"in\.sfti:23: the spike arrives in tick 2, when the run was in tick 60; a file of "
        "more than 8 spikes must be in the order of ticks: sort it by srcTime",
    ):
        run_model(image, 80, tmp_path / "again.sfto", given=tmp_path / "in.sfti")
    assert not (tmp_path / "again.sfto").exists()


def test_a_recording_of_firings_says_the_same_as_lines_and_as_arrays(
    image: BoardImage, tmp_path: Path
) -> None:
    write_spikes(tmp_path / "in.sfti", spikes([0, 3], 70, 0))
    names = (tmp_path / "a.csv", tmp_path / "a.npz", tmp_path / "A.CSV")
    probes = [parse_probe(f"spikes={name}", 20) for name in names]
    run_model(image, 20, io.BytesIO(), given=tmp_path / "in.sfti", probes=probes)
    text = "tick,core,neuron\n1,70,0\n2,71,0\n4,70,0\n5,71,0\n"
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "A.CSV").read_text() == text
    lines, arrays = (np.concatenate(list(iter_firings(name))) for name in names[:2])
    assert lines.tolist() == arrays.tolist() == [(1, 70, 0), (2, 71, 0), (4, 70, 0), (5, 71, 0)]


def test_a_recording_of_potentials_has_a_line_for_every_tick_and_neuron(
    image: BoardImage, tmp_path: Path
) -> None:
    given = [parse_probe(f"potentials:71:0,3={tmp_path / name}", 3) for name in ("v.csv", "v.npz")]
    run_model(image, 3, io.BytesIO(), probes=given)
    rows = [line.split(",") for line in (tmp_path / "v.csv").read_text().splitlines()]
    assert rows[0] == ["tick", "core", "neuron", "potential"]
    with np.load(tmp_path / "v.npz") as found:
        assert [[int(n) for n in row] for row in rows[1:]] == [
            [t, 71, j, int(found["potential"][t, k])]
            for t in range(3)
            for k, j in enumerate((0, 3))
        ]


@pytest.mark.parametrize("name", ["s.txt", "s", "s.npy", "csv", "s.csv.gz", "s." + "x" * 5000])
def test_a_recording_of_another_ending_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(
        FormatError, match=r"end it in \.npz, \.csv, \.parquet or \.sfro$"
    ) as caught:
        parse_probe(f"spikes={name}", 1)
    assert len(str(caught.value)) < 300


def test_a_recording_that_cannot_be_written_is_refused_before_the_run(
    image: BoardImage, tmp_path: Path
) -> None:
    probe = parse_probe(f"spikes={tmp_path / 'absent' / 's.csv'}", 1)
    with pytest.raises(ProbeError, match=r"cannot write recording .*s\.csv: No such file"):
        run_model(image, 1, tmp_path / "out.sfto", probes=[probe])
    assert not list(tmp_path.iterdir())
