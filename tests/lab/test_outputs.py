"""The output of a run in each encoding: the same spikes, in the order and layout of IBM's run time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_boards import SWITCHES, Case, make_case

from tnemu.emulator.emulator import Emulator
from tnemu.formats.probe_file import iter_firings
from tnemu.formats.spike_file import read_spikes, spikes, write_spikes
from tnemu.formats.spike_words import iter_sent
from tnemu.hardware import BoardImage, OutputConnector
from tnemu.lab import model_run
from tnemu.lab.model_run import RunError, run_model
from tnemu.lab.probes import parse_probe
from tnemu.lab.spike_diff import diff_spikes


@pytest.fixture(params=[3, 5])
def case(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Case:
    """A busy random board, run in pieces of 7 ticks, whose core ids fall while their indices rise."""
    monkeypatch.setattr(model_run, "CHUNK_TICKS", 7)
    made = make_case(request.param, 3, 30, 400, 0.5, noise=False, chip=SWITCHES[0])
    outputs = (made.image.outputs[0], replace(made.image.outputs[1], number=-40))
    ids = np.array([9, 4, 2], np.int64)
    return replace(made, image=replace(made.image, outputs=outputs, core_ids=ids))


def given(case: Case, folder: Path) -> Path:
    ids = case.image.core_ids[case.cores]
    order = np.argsort(case.ticks, kind="stable")
    sent = spikes(case.ticks[order], ids[order], case.axons[order])
    write_spikes(folder / "in.sfti", sent, version="sfti1.0")
    return folder / "in.sfti"


def test_every_encoding_holds_the_spikes_that_leave_the_board(case: Case, tmp_path: Path) -> None:
    inputs = given(case, tmp_path)
    for name in ("a.sfto", "a.sfro", "a.SFCP"):
        run_model(case.image, case.length, tmp_path / name, given=inputs)
    text = read_spikes(tmp_path / "a.sfto")
    assert len(text) > 100
    for name in ("a.sfro", "a.SFCP"):
        assert len(read_spikes(tmp_path / name)) == len(text)
        found = diff_spikes(tmp_path / "a.sfto", tmp_path / name)
        assert (found.equal, found.only_a, found.only_b) == (True, 0, 0)


def test_sent_spikes_are_the_firings_with_their_targets(case: Case, tmp_path: Path) -> None:
    """Against the wiring that the board was made from: ends, axons and delays of every neuron."""
    inputs = given(case, tmp_path)
    names = [tmp_path / name for name in ("p.csv", "p.sfro")]
    probes = [parse_probe(f"spikes={name}", case.length) for name in names]
    done = run_model(case.image, case.length, tmp_path / "o.sfro", given=inputs, probes=probes)
    wires, ids = case.wires, case.image.core_ids.tolist()
    inside, left, unsent = [], [], 0
    for tick, core, neuron in np.concatenate(list(iter_firings(names[0]))).tolist():
        at = ids.index(core), neuron
        end, axon, delay = int(wires.ends[at]), int(wires.axons[at]), int(wires.delays[at])
        if not wires.sends[at]:
            unsent += 1
        elif end >= 0:
            inside.append((tick, core, neuron, ids[end], axon, delay))
        else:  # exits 0 and 1 are the two of "wide", 2 is "north"
            left.append((tick, core, neuron, (-32, -33, -40)[~end], axon, delay))
    assert len(inside) > 50 < len(left) and unsent
    assert np.concatenate(list(iter_sent(names[1]))).tolist() == sorted(inside + left)
    assert np.concatenate(list(iter_sent(tmp_path / "o.sfro"))).tolist() == sorted(left)
    assert done.notes()[-1] == (
        f"--probe spikes left out {unsent:,} firings of neurons without a destination, for which "
        ".sfro has no place; .npz and .csv have all"
    )


def test_pins_come_in_the_order_of_their_senders(case: Case, tmp_path: Path) -> None:
    inputs = given(case, tmp_path)
    for name in ("a.sfro", "a.sfcp"):
        run_model(case.image, case.length, tmp_path / name, given=inputs)
    sent = np.concatenate(list(iter_sent(tmp_path / "a.sfro")))
    pins = read_spikes(tmp_path / "a.sfcp").records
    for name in ("time", "core", "axon", "delay"):
        assert np.array_equal(pins[name], sent[name])
    # A block for every tick, and as many pins as the wiring reaches: connector -40 starts at 2,048.
    wires = case.wires
    first = np.array([0, 256, 2048])[~np.minimum(wires.ends, -1)]
    wired = wires.sends & (wires.ends < 0) & (case.image.types > 0)
    count = int((first + wires.axons)[wired].max()) + 1
    data = (tmp_path / "a.sfcp").read_bytes()
    assert f'"csize" : {count}, "bpp" : 16'.encode() in data
    assert data.count(bytes.fromhex("FEFCFEFC")) == case.length + 1


def test_an_output_misses_no_firing_however_few_a_probe_keeps(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = given(case, tmp_path)
    run_model(case.image, case.length, tmp_path / "whole.sfro", given=inputs)
    monkeypatch.setattr(model_run, "SPIKE_LIMIT", 100)
    monkeypatch.setattr("tnemu.lab.probes.SPIKE_LIMIT", 100)
    probe = parse_probe(f"spikes={tmp_path / 'p.npz'}", case.length)
    run_model(case.image, case.length, tmp_path / "few.sfro", given=inputs, probes=[probe])
    assert (tmp_path / "few.sfro").read_bytes() == (tmp_path / "whole.sfro").read_bytes()
    assert (probe.count, probe.truncated) == (100, True)


def test_two_neurons_on_one_pin_leave_two_spikes_in_every_encoding(relay, tmp_path: Path) -> None:
    image: BoardImage = relay()
    targets, types, crossbar = image.targets.copy(), image.types.copy(), image.crossbar.copy()
    targets[1, 1], types[1, 1], crossbar[1, 0, 0] = targets[1, 0], 1, 3
    image = replace(image, targets=targets, types=types, crossbar=crossbar)
    write_spikes(tmp_path / "in.sfti", spikes(0, 70, 0))
    for name in ("a.sfto", "a.sfro", "a.sfcp"):
        run_model(image, 5, tmp_path / name, given=tmp_path / "in.sfti")
        assert len(read_spikes(tmp_path / name)) == 2
    assert read_spikes(tmp_path / "a.sfcp").records.tolist() == [(2, -32, 5, 2), (2, -32, 5, 2)]


@pytest.mark.parametrize(
    ("outputs", "count"),
    [
        ((), "0"),
        ((OutputConnector("out", 6, -(2**20), ((0, 8, 3),)),), "268,427,270"),
        ((OutputConnector("out", 6, -31, ((0, 8, 3),)),), "0"),
    ],
)
def test_pins_that_no_file_can_name_are_refused_before_the_run(
    relay, outputs: tuple[OutputConnector, ...], count: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    image: BoardImage = relay()
    targets = image.targets.copy()
    targets[1] *= bool(outputs)
    monkeypatch.setattr(Emulator, "run", None)
    with pytest.raises(RunError) as caught:
        run_model(replace(image, outputs=outputs, targets=targets), 5, tmp_path / "a.sfcp")
    assert str(caught.value) == (
        f"a .sfcp file holds pins 1..65,536 of connectors from -32 down, tiny sends to {count}; end "
        "the output's name in .sfto or .sfro"
    )
    assert not list(tmp_path.iterdir())
