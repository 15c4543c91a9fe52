"""What IBM's run time recorded of four networks, spike by spike (docs/fidelity.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from recordings import recording

import tnemu
from tnemu.emulator.emulator import Emulator
from tnemu.formats.model_file import read_model
from tnemu.formats.spike_file import read_spikes
from tnemu.formats.spike_words import iter_sent
from tnemu.lab.images import board_image
from tnemu.lab.model_run import run_model
from tnemu.lab.spike_diff import diff_spikes

FIRST, TICKS = 6, 330
"""Cores of the first layer of spatioTemporalFilter, and ticks of its recording."""


def blocks(path: Path) -> bytes:
    """A CONNPIN file behind its header, which holds names and a date."""
    data = path.read_bytes()
    return data[data.index(b"\xff") :]


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("kind", ["json", "tnbm"])
def test_pattern_match_leaves_the_24_spikes_that_were_recorded(
    kind: str, engine: str, tmp_path: Path
) -> None:
    image = board_image(recording(f"patternMatch.{kind}"))
    out = tmp_path / "out.sfcp"
    run_model(image, 48, out, given=recording("patternMatch.sfti"), engine=engine)
    assert blocks(out) == blocks(recording("patternMatch_out.sfcp"))
    found = diff_spikes(out, recording("patternMatch_out.sfcp"))
    assert (found.equal, found.common) == (True, 24)


@pytest.mark.parametrize(
    ("kind", "engine"),
    [
        ("json", "compiled"),
        ("tnbm", "compiled"),
        ("tnbm", "reference"),
    ],
)
def test_the_digit_classifier_leaves_the_118086_spikes_that_were_recorded(
    kind: str, engine: str, tmp_path: Path
) -> None:
    """Behind the header byte for byte: the order within a tick is IBM's, too."""
    image = board_image(recording(f"mnist_neil2.{kind}"))
    out, recorded = tmp_path / "out.sfcp", recording("mnist_neil2_out.sfcp")
    run_model(image, 1000, out, given=recording("mnist_neil2_spikes.sfci"), engine=engine)
    assert blocks(out) == blocks(recorded)
    found = diff_spikes(out, recorded)
    assert (found.equal, found.common) == (True, 118_086)


def filter_spikes() -> npt.NDArray[np.void]:
    """All that was recorded of spatioTemporalFilter, SENT_DTYPE."""
    return np.concatenate(list(iter_sent(recording("spatioTemporalFilter_out.sfro"))))


def test_every_recorded_spike_has_the_target_and_delay_of_the_model_file() -> None:
    network, sent = read_model(recording("spatioTemporalFilter.json")), filter_spikes()
    assert len(sent) == 10_278
    outside = [output.number for output in network.outputs.values()]
    ends = {
        (int(w["core"]), int(w["neuron"])): (
            int(w["target"]) if w["target"] >= 0 else outside[~w["target"]],
            int(w["pin"]),
            int(w["delay"]),
        )
        for w in network.wires
    }
    senders = zip(sent["from_core"].tolist(), sent["from_neuron"].tolist(), strict=True)
    targets = sent[["core", "axon", "delay"]].tolist()
    assert [ends[sender] for sender in senders] == targets


@pytest.mark.parametrize("engine", ["compiled", pytest.param("reference", marks=pytest.mark.slow)])
def test_the_second_layer_answers_the_recorded_first_layer_as_it_was_recorded(engine: str) -> None:
    """gamma = 1, beta = 16, kappa = 1: 3,532 spikes off the chip, none missing, none more."""
    network, sent = read_model(recording("spatioTemporalFilter.json")), filter_spikes()
    for core in network.cores[:FIRST]:
        core.used[:] = False
    network.wires = network.wires[network.wires["core"] >= FIRST]
    image = tnemu.fit(network, "tiny", keep_order=True).image
    given = sent[sent["from_core"] < FIRST]
    left = sent[sent["core"] < 0]
    assert (len(given), len(left)) == (6746, 3532)
    with Emulator(image, engine=engine) as emulator:
        arrival = given["time"] + given["delay"]
        seen = arrival < TICKS
        emulator.inject(given["core"][seen], given["axon"][seen], arrival[seen])
        found = emulator.run(TICKS)
    ours = np.stack([found.tick, found.number, found.pin], axis=1)
    theirs = np.stack([left["time"], left["core"], left["axon"]], axis=1)
    assert sorted(ours.tolist()) == sorted(theirs.tolist())


def test_ibms_other_example_gives_the_derived_spikes_from_a_compiled_file(tmp_path: Path) -> None:
    """No recording: an independent scalar model counted 5,396 spikes of ex1 in 46 ticks."""
    from tnemu.lab.export import export

    export(recording("ex1.json"), tmp_path / "ex1.tnbm")
    image = board_image(tmp_path / "ex1.tnbm", changes={"chip.leak_zero_clamp": "false"})
    run_model(image, 46, tmp_path / "o.sfto", given=recording("ex1_spikes.sfti"))
    assert len(read_spikes(tmp_path / "o.sfto")) == 5396
