"""xorshift32: which words a core draws, in which order; words and expectations are computed here anew."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from laboratory import Core, every_tick

from tnemu.emulator.errors import EmulatorError
from tnemu.hardware import neuron

ONES = 0xFFFFFFFF
HIGH = (1 << 19) - 1
SHOWS = {"alpha": 0, "TM": 18, "V0": HIGH, "gamma": 1}
"""Fires in every tick, and its potential falls by the noise of its threshold."""


def words(seed: int = ONES):
    """The words of a generator, by its definition."""
    y = seed
    while True:
        yield y
        y ^= y << 13 & ONES
        y ^= y >> 17
        y ^= y << 5 & ONES


def etas(count: int, seed: int = ONES, TM: int = 18) -> list[int]:
    return [word & (1 << TM) - 1 for word in islice(words(seed), count)]


@pytest.fixture
def drawing(lab_with):
    return lab_with(noise="xorshift32")


def falls(drawing, ticks: int, *cores: Core) -> list[list[int]]:
    """By how much the potentials of neurons with SHOWS have fallen after so many ticks."""
    emulator = drawing.load(*cores)
    emulator.run(ticks)
    V = emulator.potentials
    return [[HIGH - int(V[index, j]) for j in core.neurons] for index, core in enumerate(cores)]


def test_the_first_words_are_those_of_the_recording(drawing):
    """The states after 32 ones that were found, of which a neuron with TM = 18 shows 18 bits."""
    known = [0xFFFFFFFF, 0x0003E01F, 0xFC07FDFF, 0x74BB9843]
    known += [0xF1CC88DA, 0x7A28EE91, 0x98A550EC, 0x65A1FFB0]
    assert list(islice(words(), 8)) == known
    found = falls(drawing, 1, Core({j: neuron(**SHOWS) for j in range(8)}))
    assert found == [[word & 0x3FFFF for word in known]]


@pytest.mark.parametrize("TM", [1, 8, 17, 18])
def test_eta_is_the_low_bits_of_a_word(drawing, TM):
    cores = Core({j: neuron(**SHOWS | {"TM": TM}) for j in range(40)})
    assert falls(drawing, 1, cores) == [etas(40, TM=TM)]


@pytest.mark.parametrize("count", [1, 15, 16, 17, 255, 256])
def test_neurons_draw_in_rising_order_and_the_state_goes_on_over_ticks(drawing, count):
    found = falls(drawing, 2, Core({j: neuron(**SHOWS) for j in range(count)}))
    drawn = etas(2 * count)
    assert found == [[drawn[j] + drawn[count + j] for j in range(count)]]


def test_only_used_neurons_with_threshold_noise_draw(drawing):
    """Not those between: unused ones, certain ones, and hits and leaks without a flag."""
    certain = neuron(s=[3] * 4, leak=-3, alpha=HIGH // 2)
    some = {j: neuron(**SHOWS) for j in (3, 64, 65, 130, 255)}
    core = Core(some | dict.fromkeys((0, 63, 129, 200), certain), [(0, 0), (0, 200), (5, 63)])
    emulator = drawing.load(core)
    emulator.inject(0, [0, 5], 0)
    emulator.run(1)
    assert [HIGH - int(emulator.potentials[0, j]) for j in some] == etas(5)


def test_a_neuron_draws_also_where_its_threshold_is_out_of_reach(drawing):
    far = neuron(alpha=(1 << 18) - 1, TM=8)
    found = falls(drawing, 1, Core({0: far, 1: neuron(**SHOWS)}))
    assert found[0][1] == etas(2)[1]


def test_every_core_has_a_generator_that_begins_with_its_seed(drawing):
    cores = [Core({0: neuron(**SHOWS), 9: neuron(**SHOWS)}, seed=seed) for seed in (5, ONES, 5)]
    assert falls(drawing, 1, *cores) == [etas(2, 5), etas(2), etas(2, 5)]


def test_a_core_at_rest_draws_on(drawing):
    """No input, no spike, no change for 1,001 ticks, and then the word of that tick."""
    quiet = neuron(s=255, TM=18, alpha=0, gamma=1, leak=0, V0=-1, beta=(1 << 18) - 1, kappa=1)
    core = Core(dict.fromkeys(range(3), quiet), [(axon, 1) for axon in range(256)])
    emulator = drawing.load(core)
    emulator.run(500)
    emulator.inject(0, range(256), 1001)
    emulator.run(502)
    eta = etas(3 * 1002)[-2]
    V = 255 * 64 - 1  # of four axon types one has a weight
    assert emulator.potentials[0, 1] == (V - eta if eta <= V else V)
    emulator.inject(0, [0], 1002)
    emulator.run(1)
    before, eta = int(V - eta if eta <= V else V) + 255, etas(3 * 1003)[-2]
    assert emulator.potentials[0, 1] == (before - eta if before >= eta else before)


# The order of draws of synapses and leak is a choice; so is that a flag decides and not the weight.


def expected(core: Core, hits: list[list[int]], seed: int = ONES) -> list[int]:
    """Potentials after ticks with these active axons, of neurons that only add: no spike, no floor."""
    drawn, synapses = words(seed), set(core.synapses)
    V = dict.fromkeys(core.neurons, 0)
    for axons in hits:
        for j in sorted(core.neurons):
            n = core.neurons[j]
            for axon in sorted(axons):
                if (axon, j) not in synapses:
                    continue
                s, b = int(n["s"][axon % 4]), n["b"][axon % 4]
                if b:
                    V[j] += int(np.sign(s)) * (abs(s) >= (next(drawn) & 255))
                else:
                    V[j] += s
            leak = int(n["leak"])
            if n["c"]:
                leak = int(np.sign(leak)) * (abs(leak) >= (next(drawn) & 255))
            V[j] += leak
            if n["TM"]:
                next(drawn)
    return list(V.values())


SOME = np.random.default_rng(4)


def adding(**parameters):
    """A neuron that never fires nor is lifted by a floor."""
    return neuron(alpha=(1 << 18) - 1, **parameters)


MIXTURES = {
    "synapses": [adding(b=1, s=[120, -120, 60, 200])],
    "leak": [adding(c=1, leak=100)],
    "leak and threshold": [adding(c=1, leak=-100, TM=4), adding(c=1, leak=7), adding(TM=2)],
    "synapses and threshold": [adding(b=1, s=[9, -99, 199, 254], TM=1), adding(s=[1, 2, 3, 4])],
    "all": [
        adding(b=[1, 0, 1, 0], s=[100, 3, -100, -4], c=1, leak=128, TM=3),
        adding(b=[0, 1, 1, 1], s=[7, 50, -50, 250], leak=-2),
        adding(b=1, s=[255, 1, 128, -128], TM=8),
        adding(c=1, leak=-33),
    ],
    "flags without a weight": [adding(b=1, c=1, TM=1), adding(b=1, s=[90] * 4, c=1, leak=90)],
}


@pytest.mark.parametrize("mixture", MIXTURES)
def test_synapses_draw_in_axon_order_then_the_leak_then_the_threshold(drawing, mixture):
    kinds = MIXTURES[mixture]
    neurons = {int(j): kinds[k % len(kinds)] for k, j in enumerate(range(0, 256, 3))}
    synapses = np.argwhere(SOME.random((256, 256)) < 0.3).tolist()
    core = Core(neurons, [(i, j) for i, j in synapses if j in neurons], seed=77)
    hits = [[], [7], SOME.permutation(256)[:30].tolist(), [], list(range(256)), [0, 255]]
    emulator = drawing.load(core)
    for tick, axons in enumerate(hits):
        emulator.inject(0, axons, tick)
    emulator.run(len(hits))
    assert [int(emulator.potentials[0, j]) for j in neurons] == expected(core, hits, seed=77)


def test_a_seed_of_0_is_refused_where_a_core_draws_and_nowhere_else(lab_with):
    """Its generator would give 0 for ever; what IBM's run time made of it is not known."""
    lab = lab_with(noise="xorshift32")
    for drawer in (neuron(TM=1), neuron(c=1), neuron(b=[0, 0, 1])):
        with pytest.raises(EmulatorError) as refusal:
            lab.load(Core({0: neuron()}, seed=0), Core({4: drawer}, seed=0))
        assert str(refusal.value) == (
            "core 1 draws noise and its seed is 0, from which xorshift32 gives 0 for ever; "
            "give the core another seed, give the run a noise_seed, or set chip.noise=counter"
        )
    lab.load(Core({0: neuron(leak=1)}, seed=0)).run(1)
    lab_with(noise="counter").load(Core({0: neuron(TM=1)}, seed=0)).run(1)


PINNED = [14, 39, 48, 48, 37, 63, 49, 54, 61, 82, 82, 96, 98, 132, 122, 123, 143, 155, 159, 175]
PINNED_SUM = 145535


def test_a_noisy_network_is_the_one_that_the_scalar_reference_gave(drawing):
    """Two cores that feed each other, with every mode: spikes a tick, as the reference engine had them."""
    kinds = [
        neuron(b=[1, 0, 1, 0], s=[150, 2, -90, -1], c=1, leak=60, alpha=3, TM=2, beta=4, gamma=1),
        neuron(s=[2, 1, -1, 1], leak=-1, alpha=5, TM=3, gamma=2, beta=2, kappa=1, epsilon=1),
        neuron(b=1, s=[90, 120, -220, -255], alpha=2, VR=2, sigma_VR=-1, beta=1, kappa=1),
    ]
    rng = np.random.default_rng(1)
    cores = []
    for index in range(2):
        synapses = np.argwhere(rng.random((256, 256)) < 0.05).tolist()
        ends = rng.permutation(256)
        wires = {j: (1 - index, int(ends[j]), 1 + j % 5) for j in range(256)}
        cores.append(Core({j: kinds[j % 3] for j in range(256)}, synapses, wires, seed=9 + index))
    emulator = drawing.load(*cores)
    for tick, axons in every_tick(*range(0, 256, 9), ticks=3).items():
        emulator.inject(0, axons, tick)
    emulator.run(20, record_spikes=True)
    records = emulator.last_spikes.records
    assert np.bincount(records["tick"].astype(int), minlength=20).tolist() == PINNED
    assert int((emulator.potentials * np.arange(1, 257)).sum()) == PINNED_SUM
