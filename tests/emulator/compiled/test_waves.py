"""A stretch evaluated for many ticks at once: the same bits at the same ticks as the reference."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_boards import Wires, random_image

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines.compiled import layout, listing, stretch
from tnemu.emulator.engines.compiled.engine import CompiledEngine
from tnemu.emulator.engines.compiled.kernels import waves
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import NEURON_DTYPE, neuron

quick = settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)
ADDS = [(1, -1, 0, 1), (1, -1, -1, 0), (-1, 1, 1, -1)]
"""Weights by axon type; all neurons of a core have the same."""
FLOW, MEMORY, CYCLES = 0, 1, 2


@pytest.fixture
def wherever_it_can(monkeypatch):
    """Every stretch is evaluated in waves, however small it is and whatever that costs."""
    monkeypatch.setattr(stretch, "LEAST_CORES", 1)
    monkeypatch.setattr(stretch, "LEAST_FRAMES", 1)
    monkeypatch.setattr(stretch, "ACTIVE_AXONS", 1 << 30)


@pytest.fixture
def counted(monkeypatch):
    """The ticks that have been run in waves, by thread 0."""
    ticks, advance = [], waves.advance_waves

    def counting(*arguments):
        if arguments[-3] == 0:
            ticks.append(arguments[-1])
        advance(*arguments)

    monkeypatch.setattr(waves, "advance_waves", counting)
    return ticks


def net(seed: int, cores: int, kind: int, density: float) -> BoardImage:
    """Neurons send to later cores, all delays, some to the same axons, some out of the board.

    MEMORY: one core in five keeps potentials. CYCLES: one neuron in 500 sends anywhere. Where biases are 0 or
    more neurons fire without input.
    """
    rng = np.random.default_rng(seed)
    leaks = rng.choice([-40, -6, -3, -2, -1, 0, 0, 1], 5)
    kinds = [
        neuron(s=s, alpha=alpha, beta=0, kappa=1, leak=leak)
        for s in ADDS
        for alpha, leak in zip((1, 1, 1, 0, 1), leaks, strict=True)
    ]
    keeps = neuron(s=(1, -1, 2, -2), alpha=5, beta=3, kappa=0, leak=1)
    image = random_image(
        rng, cores, np.array([*kinds, keeps], NEURON_DTYPE), density=density, cores_x=40
    )
    own = rng.integers(0, len(ADDS), cores) * 5
    types = 1 + own[:, None] + rng.integers(0, 5, (cores, 256))
    if kind == MEMORY:
        types[rng.random(cores) < 0.2] = len(kinds) + 1
    types *= rng.random((cores, 256)) < 0.9
    crossbar = image.crossbar
    crossbar[:, :, 2] = crossbar[:, :, 1]  # twins, where types agree
    types[:, 128:192] = types[:, 64:128]
    wires = Wires.random(rng, cores, feedback=0.9)
    core = np.arange(cores)[:, None]
    onward = core + 1 + (rng.random((cores, 256)) * (cores - 1 - core)).astype(int)
    ends = np.where(wires.ends < 0, wires.ends, np.where(onward < cores, onward, ~0))
    if kind == CYCLES:
        ends = np.where(rng.random(ends.shape) < 0.002, rng.integers(0, cores, ends.shape), ends)
    wires = replace(wires, ends=ends, axons=rng.integers(0, rng.choice([40, 256]), ends.shape))
    return wires.laid(replace(image, types=types.astype(np.uint16), crossbar=crossbar))


def shown(image: BoardImage, seed: int, length: int, engine: str, **more: int) -> Emulator:
    """The board with spikes for one tick in three, to all its cores, and a few for later."""
    rng = np.random.default_rng(seed)
    emulator = Emulator(image, engine=engine, **more)
    ticks = rng.choice(length + 20, max(1, (length + 20) // 3))
    count = 60 * len(ticks)
    emulator.inject(
        rng.integers(0, image.core_count, count), rng.integers(0, 256, count), np.repeat(ticks, 60)
    )
    return emulator


def seen(emulator: Emulator, runs: list[int], probes: list[int]) -> list[object]:
    """Everything that can be seen of some runs one after the other."""
    found: list[object] = []
    outputs, spikes = [], []
    for ticks in runs:
        outputs += emulator.run(ticks, record_spikes=probes).records.tolist()
        spikes += emulator.last_spikes.records.tolist() if probes else []
    found += [outputs, spikes, emulator.counters, emulator.potentials.tolist()]
    return [*found, emulator.firings.tolist(), emulator.in_flight]


@pytest.mark.usefixtures("wherever_it_can")
@quick
@given(
    seed=st.integers(0, 2**32 - 1),
    cores=st.integers(2, 8),
    kind=st.sampled_from([FLOW, MEMORY, CYCLES]),
    density=st.sampled_from([0.02, 0.3, 1.0]),
    runs=st.lists(st.sampled_from([1, 15, 16, 17, 64, 65, 100]), min_size=1, max_size=3),
)
def test_waves_are_the_reference(seed, cores, kind, density, runs):
    image, length = net(seed, cores, kind, density), sum(runs)
    probes = [0, cores - 1]
    one = shown(image, seed, length, "reference")
    other = shown(image, seed, length, "compiled")
    assert seen(other, runs, probes) == seen(one, [length], probes)


@pytest.mark.usefixtures("wherever_it_can")
@pytest.mark.parametrize("kind", [FLOW, MEMORY, CYCLES])
def test_waves_of_several_threads_are_the_reference(kind, counted):
    image = net(kind, 80, kind, 0.1)
    expected = seen(shown(image, 1, 40, "reference"), [40], [3, 79])
    for threads in (1, 2, 3):
        assert seen(shown(image, 1, 40, "compiled", threads=threads), [40], [3, 79]) == expected
    assert counted == [40, 40, 40]


@pytest.mark.usefixtures("wherever_it_can")
@pytest.mark.parametrize("kind", [FLOW, MEMORY])
def test_a_snapshot_between_waves_goes_on_on_any_engine(kind, counted):
    image = net(5, 6, kind, 0.3)
    expected = seen(shown(image, 2, 130, "reference"), [130], [])
    emulator = shown(image, 2, 130, "compiled")
    outputs = emulator.run(70).records.tolist()
    with tempfile.TemporaryDirectory() as folder:
        emulator.snapshot(Path(folder) / "middle.npz")
        for engine in ("reference", "compiled"):
            other = Emulator.restore(image, Path(folder) / "middle.npz", engine=engine)
            rest = seen(other, [60], [])
            assert [outputs + rest[0], *rest[1:]] == expected
    assert counted == [70, 60]


def stages(image: BoardImage) -> list[list[int]]:
    return [stage.tolist() for stage in stretch.found(layout.load(image, threads=1))]


def chain(*ends: int, keeps: tuple[int, ...] = ()) -> BoardImage:
    """Core i's neurons all send to core ends[i], or out of the board (~0)."""
    n = len(ends)
    rng = np.random.default_rng(0)
    kinds = [neuron(s=(1, -1), alpha=1, beta=0, kappa=1), neuron(s=(1, -1), alpha=5, beta=5)]
    image = random_image(rng, n, np.array(kinds, NEURON_DTYPE))
    types = np.ones((n, 256), np.uint16)
    types[list(keeps)] = 2
    to = np.repeat(np.array(ends)[:, None], 256, axis=1)
    wires = replace(Wires.random(rng, n, 1.0), ends=to, sends=np.ones((n, 256), bool))
    return wires.laid(replace(image, types=types))


def test_a_core_comes_after_all_that_send_to_it():
    assert stages(chain(2, 2, 3, ~0)) == [[0, 1], [2], [3]]


def test_a_core_on_a_cycle_and_what_it_reaches_run_tick_by_tick():
    assert stages(chain(1, 2, 1, 2, ~0)) == [[0, 3, 4]]
    assert stages(chain(0)) == []


def test_a_core_that_keeps_something_and_what_it_reaches_run_tick_by_tick():
    assert stages(chain(1, 2, 3, ~0, keeps=(1,))) == [[0]]


def test_a_neuron_stands_for_those_of_the_same_synapses_and_threshold():
    image = net(3, 4, FLOW, 0.3)
    board = layout.load(image, threads=1)
    lists = listing.made(board, np.arange(4))
    assert (lists.stands[:, 128:192] == lists.stands[:, 64:128]).all()
    assert (np.diff(lists.first) == lists.stands.max(axis=1) + 1).all()


def test_without_the_memory_for_it_a_stretch_runs_tick_by_tick(monkeypatch, counted):
    monkeypatch.setattr(stretch, "LEAST_CORES", 1)
    monkeypatch.setattr(stretch, "available_bytes", lambda: 1000)
    shown(net(1, 4, FLOW, 0.3), 1, 64, "compiled").run(64)
    assert not counted


def test_a_single_frame_runs_tick_by_tick(monkeypatch, counted):
    monkeypatch.setattr(stretch, "LEAST_CORES", 1)
    emulator = Emulator(net(1, 4, FLOW, 0.3), engine="compiled")
    emulator.inject([0] * 256, np.arange(256), [0] * 256)
    emulator.run(64)
    assert not counted


def test_an_interrupt_leaves_all_ticks_of_a_wave_or_none(monkeypatch, counted):
    monkeypatch.setattr(stretch, "LEAST_CORES", 1)
    monkeypatch.setattr(stretch, "ACTIVE_AXONS", 1 << 30)
    image = net(2, 4, MEMORY, 0.3)
    expected = seen(shown(image, 3, 128, "reference"), [128], [])
    emulator = shown(image, 3, 128, "compiled")
    run, turns = CompiledEngine._run_waves, []

    def interrupted(*arguments):
        run(*arguments)
        if not turns:
            turns.append(1)
            raise KeyboardInterrupt

    monkeypatch.setattr(CompiledEngine, "_run_waves", interrupted)
    with pytest.raises(KeyboardInterrupt):
        emulator.run(64)
    assert emulator.tick == 64
    monkeypatch.setattr(CompiledEngine, "_run_waves", run)
    assert seen(emulator, [64], [])[1:] == expected[1:]
