"""Packets: relative addresses over chip borders, exits of the board, and their counters."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from laboratory import Core, fire_ticks

from tnemu.hardware import OutputConnector, neuron, packet
from tnemu.hardware.errors import ImageError

RELAY = neuron(s=[1, 1, 1, 1], alpha=1)


def relay(wire, at=None) -> Core:
    return Core({0: RELAY}, [(0, 0)], {0: wire} if wire else {}, at=at)


@pytest.mark.parametrize(
    ("board", "start", "end", "hops", "chips"),
    [
        ("tiny", (3, 1), (4, 1), 1, 1),
        ("tiny", (4, 1), (3, 1), 1, 1),
        ("tiny", (0, 0), (7, 3), 10, 1),
        ("tiny", (1, 1), (3, 2), 3, 0),
        ("ns16e", (63, 5), (64, 5), 1, 1),
        ("ns16e", (0, 0), (255, 255), 510, 6),
        ("ns16e", (255, 0), (0, 255), 510, 6),
        ("ns16e", (70, 64), (70, 63), 1, 1),
    ],
)
def test_a_packet_reaches_dx_dy_over_chip_borders(lab, board, start, end, hops, chips):
    emulator = lab.load(relay((1, 0, 1), at=start), relay(None, at=end), board=board)
    emulator.inject(0, 0, 0)
    assert fire_ticks(emulator, 4, 1, 0) == [1]
    assert (emulator.counters.hops, emulator.counters.chip_crossings) == (hops, chips)


def test_the_same_address_leaves_a_board_of_one_chip(lab):
    """Core (63, y) with dx = +1: on NS1e, one chip wide, that is an exit; on NS16e the next chip."""
    image = lab.image(relay(None, at=(63, 5)), board="ns1e")
    exit_east = OutputConnector("east", 1, -32, ((0, 64, 5),))
    targets = image.targets.copy()
    targets[0, 0] = packet.encode(1, 0, 0, 1)
    emulator = lab.start(dataclasses.replace(image, targets=targets, outputs=(exit_east,)))
    emulator.inject(0, 0, 0)
    out = emulator.run(2)
    assert out.pins("east").tolist() == [0]
    assert (emulator.counters.hops, emulator.counters.chip_crossings) == (1, 1)


def test_a_packet_to_nowhere_is_refused(lab):
    image = lab.image(relay(None))
    targets = image.targets.copy()
    targets[0, 0] = packet.encode(2, 0, 0, 1)
    with pytest.raises(ImageError, match="core 0 neuron 0 sends to position x=2 y=0"):
        lab.start(dataclasses.replace(image, targets=targets))


def test_an_unconnected_neuron_fires_and_resets_but_sends_nothing(lab):
    emulator = lab.load(relay(None))
    emulator.inject(0, 0, 0)
    assert fire_ticks(emulator, 3, 0, 0) == [0]
    assert emulator.potentials[0, 0] == 0
    assert (emulator.counters.spikes, emulator.counters.hops) == (1, 0)
    assert emulator.in_flight == 0


@pytest.mark.parametrize("delay", [1, 9, 15])
def test_an_output_spike_carries_the_fire_tick_the_connector_and_the_pin(lab, delay):
    emulator = lab.load(relay(("out", 77, delay)), outputs={"other": 3, "out": 78})
    emulator.inject(0, 0, 6)
    out = emulator.run(40)
    assert out.records.tolist() == [(6, 1, 77)]
    assert out.number.tolist() == [-33]
    assert emulator.counters.output_spikes == 1


def test_output_spikes_come_sorted_by_tick_number_and_pin(lab):
    """Numbers sort as numbers, so -33 comes before -32, as in a sorted spike file."""
    wires = {0: ("a", 2, 1), 1: ("b", 5, 1), 2: ("b", 4, 9), 3: ("a", 1, 3)}
    core = Core(dict.fromkeys(range(4), RELAY), [(0, j) for j in range(4)], wires)
    emulator = lab.load(core, outputs={"a": 3, "b": 6})
    emulator.inject(0, 0, [0, 1])
    out = emulator.run(3)
    rows = list(zip(out.tick.tolist(), out.number.tolist(), out.pin.tolist(), strict=True))
    once = [(-33, 4), (-33, 5), (-32, 1), (-32, 2)]
    assert rows == [(tick, *row) for tick in (0, 1) for row in once]


def test_two_packets_to_one_pin_are_two_output_spikes(lab):
    core = Core({0: RELAY, 1: RELAY}, [(0, 0), (0, 1)], {0: ("out", 0, 1), 1: ("out", 0, 1)})
    emulator = lab.load(core, outputs={"out": 1})
    emulator.inject(0, 0, 0)
    assert emulator.run(2).counts("out").tolist() == [2]


def test_pins_beyond_256_use_the_next_exit(lab):
    core = Core({0: RELAY}, [(0, 0)])
    image = lab.image(core)
    wide = OutputConnector("wide", 300, -32, ((0, -1, 0), (0, -1, 1)))
    targets = image.targets.copy()
    targets[0, 0] = packet.encode(-1, 1, 43, 1)
    emulator = lab.start(dataclasses.replace(image, targets=targets, outputs=(wide,)))
    emulator.inject(0, 0, 0)
    assert np.flatnonzero(emulator.run(1).counts("wide")).tolist() == [256 + 43]


def test_input_pins_land_on_all_their_taps_after_their_delays(lab):
    taps = [(0, 0, 0, 1), (0, 1, 0, 15), (1, 1, 0, 3), (1, 1, 0, 4)]
    emulator = lab.load(relay(None), relay(None), inputs={"in": taps})
    emulator.inject_pins("in", [0], 2)
    emulator.inject_pins("in", [False, True], 5)
    emulator.run(30, record_spikes=True)
    fired = [(int(r["core"]), int(r["tick"])) for r in emulator.last_spikes.records]
    assert sorted(fired) == [(0, 3), (1, 8), (1, 9), (1, 17)]
    assert emulator.counters.input_spikes == 4
