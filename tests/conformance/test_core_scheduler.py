"""The core: 16 scheduler rows, delays, merging, and when a spike is seen."""

from __future__ import annotations

import dataclasses

import pytest
from laboratory import Core, every_tick, fire_ticks

from tnemu.errors import TnemuError
from tnemu.hardware import neuron, packet
from tnemu.hardware.errors import RangeError

RELAY = neuron(s=[1, 1, 1, 1], alpha=1)
"""Fires in the very tick in which any of its axons is hit."""
COUNTER = neuron(s=[1, 1, 1, 1])
"""Never fires; V is the number of hits so far."""


@pytest.mark.parametrize(
    ("delay", "ticks"),
    [(1, list(range(50))), (2, list(range(0, 50, 2))), (15, [0, 15, 30, 45])],
)
def test_a_self_loop_fires_every_delay_ticks(lab, delay, ticks):
    emulator = lab.load(Core({0: RELAY}, [(0, 0)], {0: (0, 0, delay)}))
    emulator.inject(0, 0, 0)
    assert fire_ticks(emulator, 50, 0, 0) == ticks


@pytest.mark.parametrize("delay", range(1, 16))
def test_a_spike_is_seen_exactly_delay_ticks_after_it_was_fired(lab, delay):
    """From every tick of the round of 16 rows, so that every wrap of the row number is met."""
    starts, relays = range(16), dict.fromkeys(range(16), RELAY)
    senders = Core(relays, [(k, k) for k in starts], {k: (1, 255 - k, delay) for k in starts})
    emulator = lab.load(senders, Core(relays, [(255 - k, k) for k in starts]))
    for start in starts:
        emulator.inject(0, start, start)
    emulator.run(48, record_spikes=True)
    fired = emulator.last_spikes.records
    seen = fired[fired["core"] == 1]
    assert seen["neuron"].tolist() == list(starts)
    assert seen["tick"].tolist() == [start + delay for start in starts]


def test_two_spikes_for_one_axon_and_tick_merge(lab):
    """Two neurons fire at once to the same axon with the same delay: one hit, one merge counted."""
    senders = Core({0: RELAY, 1: RELAY}, [(0, 0), (0, 1)], {0: (1, 5, 3), 1: (1, 5, 3)})
    emulator = lab.load(senders, Core({0: COUNTER}, [(5, 0)]))
    emulator.inject(0, 0, 0)
    emulator.run(10)
    assert emulator.potentials[1, 0] == 1
    assert emulator.counters.merged == 1


def test_spikes_for_two_axons_do_not_merge(lab):
    senders = Core({0: RELAY, 1: RELAY}, [(0, 0), (0, 1)], {0: (1, 5, 3), 1: (1, 6, 3)})
    emulator = lab.load(senders, Core({0: COUNTER}, [(5, 0), (6, 0)]))
    emulator.inject(0, 0, 0)
    emulator.run(10)
    assert emulator.potentials[1, 0] == 2
    assert emulator.counters.merged == 0


def test_an_input_and_a_spike_for_one_axon_and_tick_merge(lab):
    emulator = lab.load(Core({0: RELAY, 1: COUNTER}, [(0, 0), (7, 1)], {0: (0, 7, 4)}))
    emulator.inject(0, [0, 7], [0, 4])
    emulator.run(10)
    assert emulator.potentials[0, 1] == 1
    assert emulator.counters.merged == 1


def test_two_inputs_for_one_axon_and_tick_merge(lab):
    emulator = lab.load(Core({0: COUNTER}, [(7, 0)]))
    emulator.inject(0, [7, 7, 7], 2)
    emulator.run(10)
    assert emulator.potentials[0, 0] == 1
    assert (emulator.counters.input_spikes, emulator.counters.merged) == (3, 2)


def test_a_row_is_cleared_once_it_has_been_read(lab):
    emulator = lab.load(Core({0: RELAY}, [(3, 0)]))
    emulator.inject(0, 3, 5)
    assert fire_ticks(emulator, 60, 0, 0) == [5]


def test_a_row_is_cleared_on_a_core_without_neurons(lab):
    emulator = lab.load(Core({}, [(3, 0)]))
    emulator.inject(0, 3, 5)
    emulator.run(6)
    assert emulator.in_flight == 0


@pytest.mark.parametrize("input_tick", [0, 5, 15, 16, 100])
def test_an_input_for_a_tick_is_seen_in_that_tick(lab, input_tick):
    emulator = lab.load(Core({0: RELAY}, [(3, 0)]))
    emulator.inject(0, 3, input_tick)
    assert fire_ticks(emulator, 120, 0, 0) == [input_tick]


@pytest.mark.parametrize(("sender", "listener"), [(0, 200), (200, 0)])
def test_a_spike_is_never_seen_in_the_tick_that_fires_it(lab, sender, listener):
    pair = Core({sender: RELAY, listener: RELAY}, [(0, sender), (9, listener)], {sender: (0, 9, 1)})
    emulator = lab.load(pair)
    emulator.inject(0, 0, 4)
    assert fire_ticks(emulator, 10, 0, listener) == [5]


@pytest.mark.parametrize(("sender", "listener"), [(0, 1), (1, 0)])
def test_the_order_of_cores_does_not_matter(lab, sender, listener):
    cores = [Core({0: RELAY}, [(0, 0)]), Core({0: RELAY}, [(0, 0)])]
    cores[sender].wires = {0: (listener, 0, 1)}
    emulator = lab.load(*cores)
    emulator.inject(sender, 0, 4)
    assert fire_ticks(emulator, 10, listener, 0) == [5]


@pytest.mark.parametrize("delay", [0, 16])
def test_a_delay_outside_1_to_15_is_refused(lab, delay):
    with pytest.raises(RangeError, match=rf"packet field delay = {delay} is outside 1..15"):
        packet.encode(0, 0, 0, delay)
    image = lab.image(Core({0: RELAY}, [(0, 0)]), inputs={"in": [(0, 0, 0, delay)]})
    with pytest.raises(TnemuError, match=rf"input 'in' has a tap with delay = {delay}"):
        lab.start(image)


def test_an_unused_neuron_is_not_evaluated(lab):
    """Type 0 neither integrates nor leaks nor fires, whatever record 0 says; it counts no synapses."""
    image = lab.image(Core({1: COUNTER}, [(0, 0), (0, 1)], {0: (0, 0, 1)}))
    kinds = image.neuron_types.copy()
    kinds[0] = neuron(s=9, alpha=0, leak=5, V0=7)
    emulator = lab.start(dataclasses.replace(image, neuron_types=kinds))
    emulator.inject(0, 0, 0)
    emulator.run(5)
    assert emulator.potentials[0, :2].tolist() == [0, 1]
    assert emulator.counters.spikes == 0
    assert emulator.counters.synaptic_operations == 1


def test_a_quiet_core_wakes_up(lab):
    """Long silence, then a hit; a core that leaks, or was hit in the tick before, never rests."""
    leaking = neuron(leak=1, alpha=60)
    cores = [Core({0: RELAY}, [(0, 0)]), Core({0: leaking}), Core({0: neuron(alpha=0)})]
    emulator = lab.load(*cores)
    emulator.inject(0, 0, [40, 41, 90])
    emulator.run(100, record_spikes=True)
    ticks = [
        emulator.last_spikes.records["tick"][emulator.last_spikes.records["core"] == core].tolist()
        for core in range(3)
    ]
    assert ticks == [[40, 41, 90], [59], list(range(100))]


def test_a_core_whose_input_hid_its_leak_goes_on_leaking(lab):
    """Hits of +5 hide a leak of -5: V stays and nothing fires, and yet the core is not at rest."""
    emulator = lab.load(Core({0: neuron(s=5, leak=-5)}, [(0, 0)]))
    for tick, axons in every_tick(0, ticks=5).items():
        emulator.inject(0, axons, tick)
    emulator.run(8)
    assert emulator.potentials[0, 0] == -15
