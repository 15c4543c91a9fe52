"""A comparison agrees where the board is right, and names the neuron where it is wrong."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import students

import tnemu
from corelets import Student
from tnemu.hardware import load_board
from tnemu.lab import comparison
from tnemu.lab.comparison import compare

ENGINES = ["reference", "numba"]
TINY = load_board("tiny")


@pytest.fixture(scope="module")
def student():
    weights = students.small(seed=2)
    return weights, tnemu.fit(Student(weights), TINY), students.frames(weights, 60)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("held", [1, 100_000, 4_000_000])
def test_a_sound_board_agrees_however_frames_are_cut(student, engine, held, monkeypatch):
    monkeypatch.setattr(comparison, "BLOCK_NEURONS", held)
    weights, plan, frames = student
    told = []
    blocks = [frames[:17], frames[17:20]]
    assert compare(weights, plan, plan.image, blocks, engine, told.append) is None
    assert sum(told) == 20


def remove_a_synapse(weights, plan, frames, name):
    """(image without one crossbar bit, layer, element, core, neuron, first frame that it changes).

    The frame follows from the integer network alone: the bit is a +1 synapse of a neuron, without
    which the sum is below the threshold in some frame and was not before.
    """
    index = [layer.name for layer in weights.layers].index(name)
    layer, before = weights.layers[index], weights.activations(frames)[index - 1]
    sums = layer.sums(before).reshape(len(frames), -1)
    thresholds = np.repeat(layer.thresholds, sums.shape[1] // len(layer.thresholds))
    bits = before.reshape(len(frames), -1)
    members = neurons_of(plan, name)
    for number, core in enumerate(plan.network.cores):
        for neuron in np.flatnonzero((core.elements >= 0) & members[number]).tolist():
            element = int(core.elements[neuron])
            for axon in np.flatnonzero(core.crossbar[:, neuron] & (core.axon_types == 0)).tolist():
                active = bits[:, source_of(plan, number, axon)]
                lost = (sums[:, element] >= thresholds[element]) & (
                    sums[:, element] - active < thresholds[element]
                )
                if lost[5:].any() and not lost[:5].any():
                    crossbar = plan.image.crossbar.copy()
                    crossbar[number, axon, neuron // 64] ^= np.uint64(1 << neuron % 64)
                    image = dataclasses.replace(plan.image, crossbar=crossbar)
                    return image, element, core.name, neuron, int(lost.argmax())
    raise AssertionError("no synapse decides any frame; take more frames")


def neurons_of(plan, name):
    """bool [cores, 256]: the neurons of a layer."""
    return plan.size.layer_of == [layer.name for layer in plan.layers].index(name)


def source_of(plan, core, axon):
    """The element of the layer before that drives an axon."""
    taps = plan.network.inputs["frame"].taps
    tap = taps[(taps["core"] == core) & (taps["axon"] == axon)]
    if len(tap):
        return int(tap["pin"][0])
    wires = plan.network.wires
    (wire,) = wires[(wires["target"] == core) & (wires["pin"] == axon)]
    return int(plan.network.cores[wire["core"]].elements[wire["neuron"]])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["conv1", "block1", "predict"])
@pytest.mark.parametrize("piece", [3, 1000])
def test_a_flipped_crossbar_bit_is_named_by_layer_neuron_and_frame(
    student, engine, name, piece, monkeypatch
):
    weights, plan, frames = student
    per_frame = plan.image.core_count * 256
    monkeypatch.setattr(comparison, "BLOCK_NEURONS", (piece + plan.latency_ticks) * per_frame)
    image, element, core, neuron, frame = remove_a_synapse(weights, plan, frames, name)
    found = compare(weights, plan, image, [frames], engine)
    assert found is not None
    assert (found.engine, found.layer, found.element) == (engine, name, element)
    assert (found.core, found.neuron, found.frame) == (core, neuron, frame)
    assert (found.expected, found.found) == (1, 0)
    # a piece of frames takes its own length and the drain of the wave behind it
    wave = {layer.name: layer.wave_tick for layer in plan.layers}[name]
    assert found.tick == frame + (frame // piece) * (plan.latency_ticks - 1) + wave


def test_outputs_that_leave_by_the_wrong_pin_are_found_in_the_votes(student):
    weights, plan, frames = student
    targets = plan.image.targets.copy()
    predict = neurons_of(plan, "predict")
    # Every vote now leaves by pin 0: all neurons are right, and the votes are not.
    targets[predict] &= ~np.uint32(255 << 6)
    found = compare(
        weights, plan, dataclasses.replace(plan.image, targets=targets), [frames], "numba"
    )
    assert found is not None
    assert (found.layer, found.core, found.frame) == ("vote", "", 0)
    votes = weights.scores(frames[:1])[0]
    wrong = [c for c in range(3) if votes[c] != (c == 0)]
    assert (found.element, found.expected) == (wrong[0], int(votes[wrong[0]]))
    assert str(found) == (
        f"numba differs first in layer 'vote' at frame 0, tick 3, class {found.element}: the integer "
        f"network has {found.expected}, the board {found.found}"
    )
