"""``tnemu run --probe``: what happens inside, sparse and bounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from running import DATA, EX1, network_of, ran, refused

from tnemu.formats.model_writer import write_model
from tnemu.formats.spike_file import read_spikes, spikes, write_spikes
from tnemu.lab import model_run
from tnemu.lab import probes as run_probes

pytestmark = pytest.mark.usefixtures("plain_terminal")


def test_a_probe_of_spikes_records_every_firing_sparsely(tmp_path: Path) -> None:
    probe = tmp_path / "p.npz"
    result = ran(*EX1, "--output", tmp_path / "o.sfto", "--probe", f"spikes={probe}")
    out = read_spikes(tmp_path / "o.sfto").records
    with np.load(probe) as found:
        # Neuron j of this model sends to pin j, so inside and outside tell the same story.
        assert found["tick"].tolist() == out["time"].tolist()
        assert found["neuron"].tolist() == out["axon"].tolist()
        assert set(found["core"].tolist()) == {0}
        assert not found["truncated"]
    assert result.stderr.count("\n") == 2  # and no note


def test_a_probe_of_spikes_can_name_cores_by_their_ids(tmp_path: Path) -> None:
    write_model(network_of(3), tmp_path / "m.json")
    probe = tmp_path / "p.npz"
    ran(
        *("run", tmp_path / "m.json", "--ticks", 2, "--output", tmp_path / "o.sfto"),
        *("--probe", f"spikes:20,0={probe}", "--probe", f"spikes:10={tmp_path / 'q.npz'}"),
    )
    assert np.load(probe)["core"].tolist() == [0, 20, 0, 20]
    assert np.load(tmp_path / "q.npz")["core"].tolist() == [10, 10]


def test_a_probe_of_potentials_records_v_after_every_tick(
    tonic: tuple[Path, Path], tmp_path: Path
) -> None:
    model, given = tonic
    probe = tmp_path / "v.npz"
    ran(
        *("run", model, "--spikes", given, "--ticks", 7, "--output", tmp_path / "o.sfto"),
        *("--probe", f"potentials:1:7={probe}", "--probe", f"potentials:0={tmp_path / 'all.npz'}"),
    )
    with np.load(probe) as found:
        # Published with the example: V of neuron 7 is 0, 2, 4, 6, 8, 0, 2, ...
        assert found["potential"][:, 0].tolist() == [0, 2, 4, 6, 8, 0, 2]
        assert (found["core"], found["neuron"].tolist()) == (1, [7])
        assert found["tick"].tolist() == list(range(7))
    assert np.load(tmp_path / "all.npz")["potential"][:, :3].tolist() == [
        [t + 1, t + 2, (2 * t + 2) % 12] for t in range(7)
    ]


def test_a_probe_can_record_every_nth_tick_alone(tmp_path: Path) -> None:
    names = ("s", "s7", "v", "v7")
    s, s7, v, v7 = (tmp_path / f"{name}.npz" for name in names)
    probes = (
        f"spikes={s}",
        f"spikes:0 every 7={s7}",
        f"potentials:0:3={v}",
        f"potentials:0:3 every 7={v7}",
    )
    ran(*EX1, "--output", tmp_path / "o.sfto", *(part for p in probes for part in ("--probe", p)))
    every, thin = np.load(s), np.load(s7)
    kept = every["tick"] % 7 == 0
    assert 0 < kept.sum() < len(kept)
    for name in ("tick", "core", "neuron"):
        assert thin[name].tolist() == every[name][kept].tolist()
    every, thin = np.load(v), np.load(v7)
    assert thin["tick"].tolist() == list(range(0, 46, 7))
    assert thin["potential"].tolist() == every["potential"][::7].tolist()


def test_spikes_that_merge_on_an_axon_are_counted_and_said(
    tonic: tuple[Path, Path], tmp_path: Path
) -> None:
    model, _ = tonic
    twice = tmp_path / "twice.sfti"
    write_spikes(twice, spikes(np.array([0, 0, 0, 1, 2]), 1, np.array([3, 3, 3, 3, 4])))
    said = ran("run", model, "--spikes", twice, "--ticks", 7, "--output", tmp_path / "o").stderr
    assert said.splitlines()[2] == (
        "note: 2 spikes met another on the same axon in the same tick and merged with it: an axon "
        "carries one spike a tick"
    )


def test_a_probe_that_is_full_keeps_the_first_firings_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_probes, "SPIKE_LIMIT", 1000)
    monkeypatch.setattr(model_run, "SPIKE_LIMIT", 1000)
    monkeypatch.setattr(model_run, "CHUNK_TICKS", 3)
    probe = tmp_path / "p.npz"
    result = ran(*EX1, "--output", tmp_path / "o.sfto", "--probe", f"spikes={probe}")
    assert result.stderr.splitlines()[2] == (
        "note: --probe spikes kept the first 1,000 firings; name fewer cores, fewer ticks of them "
        "(spikes every 10) or run fewer ticks to have all"
    )
    first = read_spikes(tmp_path / "o.sfto").records["time"][:1000].tolist()
    with np.load(probe) as found:
        assert (found["tick"].tolist(), bool(found["truncated"])) == (first, True)


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ("spikes", "is not understood; write spikes=FILE, spikes:CORE,...=FILE, potentials:CORE"),
        ("potentials=v.npz", "is not understood"),
        (
            "potentials:0:256=v.npz",
            "is not understood; write spikes=FILE, spikes:CORE,...=FILE, ",
        ),
        ("voltage:0=v.npz", "is not understood"),
        ("spikes:4=s.npz", "--probe spikes:4: there is no core 4; the model has 1 cores, 0..0"),
    ],
)
def test_a_probe_of_what_is_not_there_is_refused(probe: str, message: str, tmp_path: Path) -> None:
    assert message in refused(*EX1, "--output", "-", "--probe", probe)


def test_a_probe_that_would_not_fit_in_memory_is_refused() -> None:
    text = refused(
        *("run", DATA / "ex1.json", "--ticks", 10**9, "--output", "-"),
        *("--probe", "potentials:0=v.npz"),
    )
    assert text == (
        "error: --probe potentials:0: 1,000,000,000 ticks of 256 neurons are 256,000,000,000 "
        "values, a probe keeps 67,108,864; name fewer neurons, fewer ticks (potentials:0 every 10) or "
        "run fewer ticks\n"
    )


def test_two_recordings_in_one_file_are_refused(tmp_path: Path) -> None:
    probes = (
        "--probe",
        f"spikes={tmp_path / 'p.npz'}",
        "--probe",
        f"spikes:0={tmp_path / 'p.npz'}",
    )
    text = refused(*EX1, "--output", "-", *probes)
    assert text == (
        f"error: {tmp_path / 'p.npz'} is to be written twice; give every file its own name\n"
    )


def test_a_probe_of_counters_has_what_every_tick_added_to_them(tmp_path: Path) -> None:
    every, sevens = tmp_path / "c.csv", tmp_path / "c7.npz"
    probes = ("--probe", f"counters={every}", "--probe", f"counters every 7={sevens}")
    ran(*EX1, "--output", tmp_path / "o.sfto", *probes)
    left = np.bincount(read_spikes(tmp_path / "o.sfto").records["time"], minlength=46)
    names, *lines = every.read_text().split()
    rows = np.array([line.split(",") for line in lines], int)
    columns = dict(zip(names.split(","), rows.T, strict=True))
    assert columns["tick"].tolist() == list(range(46))
    assert columns["output_spikes"].tolist() == left.tolist()
    with np.load(sevens) as found:
        assert found["tick"].tolist() == list(range(0, 46, 7))
        for name in ("spikes", "output_spikes", "synaptic_operations", "hops"):
            assert found[name].tolist() == np.add.reduceat(columns[name], range(0, 46, 7)).tolist()


def test_counters_that_would_not_fit_in_memory_are_refused() -> None:
    text = refused(
        *("run", DATA / "ex1.json", "--ticks", 10**9, "--output", "-", "--probe", "counters=c.npz")
    )
    assert text == (
        "error: --probe counters: 1,000,000,000 rows of 7 counters are 7,000,000,000 values, a probe "
        "keeps 16,777,216; count more ticks together (counters every 10) or run fewer ticks\n"
    )


def test_a_parquet_recording_is_the_table_of_the_csv(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    for what in ("spikes every 5", "potentials:0:1,2", "counters"):
        table, text = tmp_path / "t.parquet", tmp_path / "t.csv"
        ran(
            *EX1,
            "--output",
            tmp_path / "o",
            "--probe",
            f"{what}={table}",
            "--probe",
            f"{what}={text}",
        )
        names, *lines = text.read_text().split()
        found = parquet.read_table(table)
        assert found.column_names == names.split(",")
        rows = [[int(word) for word in line.split(",")] for line in lines]
        assert np.stack([found[name] for name in found.column_names], axis=1).tolist() == rows


def test_parquet_without_its_package_is_refused_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tnemu.formats.probe_file.find_spec", lambda name: None)
    text = refused(*EX1, "--output", "-", "--probe", f"spikes={tmp_path / 's.parquet'}")
    assert " ".join(text.split()).endswith(
        " needs the package pyarrow, which is not installed; run: pip install pyarrow, or end "
        "the name in .csv or .npz"
    )


def test_an_output_whose_name_says_something_else_is_refused(tmp_path: Path) -> None:
    text = refused(*EX1, "--output", tmp_path / "spikes.npz")
    assert "does not end as a spike file does; end it in .sfto or .txt (text), .sfro" in text
    assert not list(tmp_path.iterdir())
