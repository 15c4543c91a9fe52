"""What IBM's run time recorded of four networks, spike by spike (docs/fidelity.md)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from recordings import recording

import tnemu
from tnemu.emulator.emulator import Emulator
from tnemu.formats.model_file import read_model
from tnemu.formats.spike_file import read_spikes
from tnemu.formats.spike_words import iter_sent, write_sent_spikes
from tnemu.lab.images import board_image
from tnemu.lab.model_run import run_model
from tnemu.lab.probes import parse_probe
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


# --- noise included --------------------------------------------------------------------------------


def monitored() -> npt.NDArray[np.bool_]:
    """bool [26 cores, 256]: the neurons that IBM's run time was told to record."""
    (said,) = json.loads(recording("spatioTemporalFilter_monitored.json").read_text())
    found = np.zeros((26, 256), bool)
    for filtered in said["MonitorFilterSpecs"]:
        for entry in filtered["neurons"]:
            first, _, last = str(entry).partition(":")
            found[filtered["cores"], int(first) : int(last or first) + 1] = True
    return found


def filter_run(folder: Path, engine: str = "compiled", **changes: str) -> npt.NDArray[np.void]:
    """The spikes of the monitored neurons in a run of spatioTemporalFilter, from its files alone."""
    image = board_image(
        recording("spatioTemporalFilter.tnbm"), changes={f"chip.{k}": v for k, v in changes.items()}
    )
    probe = parse_probe(f"spikes={folder / 'all.sfro'}", TICKS)
    given, out = recording("spatioTemporalFilter.sfti"), folder / "out.sfro"
    run_model(image, TICKS, out, given=given, probes=[probe], engine=engine)
    sent = np.concatenate(list(iter_sent(folder / "all.sfro")))
    return sent[monitored()[sent["from_core"], sent["from_neuron"]]]


def wrong(ours: npt.NDArray[np.void], theirs: npt.NDArray[np.void]) -> tuple[int, int]:
    """(evaluations that differ, all) of the monitored noisy neurons: fired or not, tick by tick."""
    shape = (TICKS, FIRST, 256)
    fired = np.zeros((2, *shape), bool)
    for which, sent in enumerate((ours, theirs)):
        sent = sent[sent["from_core"] < FIRST]
        fired[which, sent["time"], sent["from_core"], sent["from_neuron"]] = True
    return int((fired[0] != fired[1]).sum()), TICKS * int(monitored()[:FIRST].sum())


@pytest.mark.parametrize("engine", ["compiled", pytest.param("reference", marks=pytest.mark.slow)])
def test_a_noisy_network_is_what_ibm_recorded_to_the_last_byte(engine: str, tmp_path: Path) -> None:
    """Both layers together: the file that IBM's run time wrote of its monitored neurons, made anew."""
    ours, theirs = filter_run(tmp_path, engine), filter_spikes()
    write_sent_spikes(tmp_path / "ours.sfro", ours)
    recorded = recording("spatioTemporalFilter_out.sfro")
    assert (tmp_path / "ours.sfro").read_bytes() == recorded.read_bytes()
    assert wrong(ours, theirs) == (0, 352_110)
    left = np.concatenate(list(iter_sent(tmp_path / "out.sfro")))
    assert len(left) == 3532
    assert np.array_equal(left, theirs[theirs["core"] < 0])


@pytest.mark.parametrize(
    ("changes", "evaluations", "missing", "extra"),
    [({"noise": "counter"}, 1000, 1429, 1377), ({"no_reset_ceiling": "none"}, 286, 179, 325)],
)
def test_without_the_generator_or_the_ceiling_it_is_not(
    changes: dict[str, str], evaluations: int, missing: int, extra: int, tmp_path: Path
) -> None:
    theirs = filter_spikes()
    differing, _ = wrong(filter_run(tmp_path, **changes), theirs)
    assert differing > evaluations
    write_sent_spikes(tmp_path / "theirs.sfro", theirs[theirs["core"] < 0])
    found = diff_spikes(tmp_path / "out.sfro", tmp_path / "theirs.sfro")
    assert (found.only_b, found.only_a) == (missing, extra)


@pytest.mark.parametrize(
    "changes",
    [
        {"no_reset_ceiling": "alpha+255"},
        {"leak_zero_clamp": "false"},
        {"potential_range": "rails393216"},
    ],
)
def test_these_switches_cannot_be_decided_by_this_recording(
    changes: dict[str, str], tmp_path: Path
) -> None:
    assert np.array_equal(filter_run(tmp_path, **changes), filter_spikes())


# --- what the recordings would notice --------------------------------------------------------------

INPUTS = {
    "mnist_neil2": ("mnist_neil2_spikes.sfci", 1000, "mnist_neil2_out.sfcp"),
    "patternMatch": ("patternMatch.sfti", 48, "patternMatch_out.sfcp"),
    "spatioTemporalFilter": ("spatioTemporalFilter.sfti", TICKS, "spatioTemporalFilter_out.sfro"),
}


@pytest.mark.parametrize(
    ("name", "parameter", "change", "missing", "extra"),
    [
        ("mnist_neil2", "alpha", "v + 1", 8, 4),
        ("mnist_neil2", "beta", "v + 1", 8, 4),
        ("mnist_neil2", "leak", "v + 1", 117_498, 24),
        ("mnist_neil2", "gamma", "1", 95_056, 18_981),
        ("mnist_neil2", "VR", "1", 93_900, 18_586),
        ("mnist_neil2", "epsilon", "1", 117_668, 0),
        ("mnist_neil2", "kappa", "0", 0, 0),
        ("patternMatch", "alpha", "v + 1", 8, 4),
        ("patternMatch", "leak", "v + 1", 0, 9),
        ("patternMatch", "gamma", "1", 20, 0),
        ("patternMatch", "VR", "1", 14, 38),
        ("patternMatch", "beta", "v + 1", 2, 0),
        ("spatioTemporalFilter", "alpha", "v + 1", 2485, 751),
        ("spatioTemporalFilter", "beta", "0", 1172, 1480),
        ("spatioTemporalFilter", "kappa", "0", 107, 116),
        ("spatioTemporalFilter", "leak", "v + 1", 1780, 3582),
        ("spatioTemporalFilter", "gamma", "0", 3431, 29),
        ("spatioTemporalFilter", "TM", "np.minimum(v, 7)", 845, 1057),
        ("spatioTemporalFilter", "VR", "1", 2773, 5346),
        ("spatioTemporalFilter", "epsilon", "0", 0, 0),
        ("spatioTemporalFilter", "beta", "v + 1", 0, 0),
    ],
)
def test_another_parameter_would_be_noticed_where_the_page_says_so(
    name: str, parameter: str, change: str, missing: int, extra: int
) -> None:
    """Spikes off the chip that are then missing or too many: how sharp the recordings are."""
    given, ticks, recorded = (
        INPUTS[name][0], INPUTS[name][1], read_spikes(recording(INPUTS[name][2])).records
    )  # fmt: skip
    network = read_model(recording(f"{name}.tnbm"))
    for core in network.cores:
        v = core.neurons[parameter].copy()
        core.neurons[parameter] = np.where(core.used, eval(change), v)
    spikes = read_spikes(recording(given)).records
    arrival = spikes["time"] + spikes["delay"]
    seen = arrival < ticks
    with Emulator(tnemu.fit(network, "tiny", keep_order=True)) as emulator:
        emulator.inject(spikes["core"][seen], spikes["axon"][seen], arrival[seen])
        found = emulator.run(ticks)
    ours = set(zip(found.tick.tolist(), found.number.tolist(), found.pin.tolist(), strict=True))
    left = recorded[recorded["core"] < 0]
    theirs = set(map(tuple, left[["time", "core", "axon"]].tolist()))
    assert (len(theirs - ours), len(ours - theirs)) == (missing, extra)
