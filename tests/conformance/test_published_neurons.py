"""The four neurons whose period and phase are published as expected on IBM's simulator and NS1e."""

from __future__ import annotations

from itertools import pairwise

import pytest
from laboratory import Core, Laboratory

from tnemu.emulator.emulator import Emulator
from tnemu.hardware import neuron


@pytest.fixture
def board(lab: Laboratory) -> Emulator:
    """Two cores; axons 3 and 4 of the second are hit in every tick from 1 on (source tick 0, delay 1)."""
    core0 = Core(
        {
            0: neuron(alpha=10, beta=0, leak=1),
            1: neuron(alpha=10, beta=0, leak=1, V0=1),
            2: neuron(alpha=11, beta=0, leak=2),
        }
    )
    driven = neuron(alpha=10, beta=0, kappa=0, leak=-1, s=3)
    core1 = Core({7: driven}, [(3, 7)], axon_types={3: 0, 4: 0})
    emulator = lab.load(core0, core1, inputs={"in": [(0, 1, 3, 1), (1, 1, 4, 1)]})
    for tick in range(99):
        emulator.inject_pins("in", [0, 1], tick)
    return emulator


@pytest.mark.parametrize(
    ("core", "j", "period", "phase", "ticks"),
    [
        (0, 0, 10, 0, list(range(9, 100, 10))),
        (0, 1, 10, 9, list(range(8, 100, 10))),
        (0, 2, 6, 0, list(range(5, 100, 6))),
        (1, 7, 5, 1, list(range(5, 100, 5))),
    ],
)
def test_published_period_and_phase(board, core, j, period, phase, ticks):
    board.run(100, record_spikes=True)
    records = board.last_spikes.records
    fired = records["tick"][(records["core"] == core) & (records["neuron"] == j)].tolist()
    assert fired == ticks
    assert {b - a for a, b in pairwise(fired)} == {period}
    assert (fired[0] + 1) % period == phase


def test_published_total_of_55_spikes(board):
    board.run(100)
    assert board.counters.spikes == 55


def test_a_potential_below_minus_zero_resets_to_minus_r(board):
    course = []
    for _ in range(7):
        board.step()
        course.append(int(board.potentials[1, 7]))
    assert course == [0, 2, 4, 6, 8, 0, 2]
