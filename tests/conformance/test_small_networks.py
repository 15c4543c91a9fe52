"""Small networks whose whole course is known."""

from __future__ import annotations

from laboratory import Core

from tnemu.hardware import neuron


def test_tonic_bursting_pair(lab):
    """Two neurons: the first, once kicked, fires with period 17 until the second stops it at six."""
    burster = neuron(s=[1, -100], epsilon=1, leak=1, alpha=18, beta=0, VR=1, kappa=1)
    stopper = neuron(s=1, epsilon=1, alpha=6, beta=0, kappa=1)
    core = Core(
        {0: burster, 1: stopper},
        synapses=[(0, 0), (1, 0), (2, 1)],
        wires={0: (0, 2, 1), 1: (0, 1, 1)},
        axon_types={0: 0, 1: 1, 2: 0},
    )
    emulator = lab.load(core)
    emulator.inject(0, 0, [100, 400])
    emulator.run(600, record_spikes=True)
    records = emulator.last_spikes.records
    bursts = [116, 133, 150, 167, 184, 201, 416, 433, 450, 467, 484, 501]
    assert records["tick"][records["neuron"] == 0].tolist() == bursts
    assert records["tick"][records["neuron"] == 1].tolist() == [202, 502]


def test_trinary_neuron_of_a_deep_network(lab):
    """s = (-1, +1), leak -2, alpha 1, floor 0: fires when +1 hits exceed -1 hits by three."""
    n = neuron(s=[-1, 1], leak=-2, alpha=1, beta=0, kappa=1)
    hits = [(2, 0), (3, 0), (5, 3), (0, 4), (3, 0)]
    minus, plus = range(0, 32, 4), range(1, 32, 4)
    course = lab.watch(
        n, 5, {tick: [*plus[:up], *minus[:down]] for tick, (up, down) in enumerate(hits)}
    )
    assert (course.v, course.fired) == ([0] * 5, [1, 4])
