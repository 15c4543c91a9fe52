"""How fast the engine is: as a ratio that any computer must reach, and as times for people.

Only ratios are asserted, and those far below what is measured. Benchmarks of single times are not
part of the quick tests: pytest -m bench.
"""

from __future__ import annotations

import time

import numpy as np
import pytest

from tnemu.runtime.bench import EngineMachine, NaiveMachine, take_turns, warm_up
from tnemu.runtime.bench_frames import Alone, Lanes, Stream, random_frames
from tnemu.runtime.bench_networks import feed_forward, recurrent, start_potentials


def machines(cores: int, rate_hz: float = 20.0, noise: str = "none") -> EngineMachine:
    image = recurrent(cores, rate_hz, noise=noise)
    return EngineMachine(image, start_potentials(image), threads=1)


def test_the_engine_is_several_times_as_fast_as_the_loop_one_writes_first() -> None:
    """Measured: 15 times, 11 with 256-bit vectors, 6 with 128. Only this process's time counts."""
    image = recurrent(64, rate_hz=100)
    start = start_potentials(image)
    engine = EngineMachine(image, start, threads=1)
    both = [engine, NaiveMachine(engine.engine, start)]
    for machine in both:
        warm_up(machine)
    times = take_turns(both, [200, 40], segments=9, now=time.process_time)
    assert np.median(times[:, 1] / times[:, 0]) > 4


def test_lanes_are_faster_than_single_runs() -> None:
    """About 6 times is measured."""
    image = feed_forward(64, 4)
    sequences = random_frames(image, 128).reshape(64, 2, -1)
    both = [Lanes(image, sequences, 4), Alone(image, sequences, 4)]
    for machine in both:
        machine.run(1)
    times = take_turns(both, [1, 1], segments=5, now=time.process_time)
    assert np.median(times[:, 1] / times[:, 0]) > 1.5


def test_machines_run_by_turns_and_times_are_those_of_one_tick() -> None:
    seen: list[tuple[str, int]] = []

    class Recorder:
        def __init__(self, name: str, seconds: float) -> None:
            self.name, self.seconds = name, seconds

        def run(self, ticks: int) -> None:
            nonlocal clock
            seen.append((self.name, ticks))
            clock += self.seconds * ticks

    clock = 0.0
    both = [Recorder("one", 0.5), Recorder("other", 2.0)]
    times = take_turns(both, [10, 3], segments=2, now=lambda: clock)
    assert seen == [("one", 10), ("other", 3)] * 2
    assert times.tolist() == [[0.5, 2.0]] * 2
    assert warm_up(Recorder("one", 0.001), segment_s=0.2, now=lambda: clock) == 200
    assert warm_up(Recorder("slow", 9.0), segment_s=0.2, now=lambda: clock) == 1
    assert warm_up(Recorder("given", 9.0), 77, now=lambda: clock) == 77


@pytest.mark.bench
@pytest.mark.parametrize("rate_hz", [2, 20, 200])
@pytest.mark.parametrize("cores", [64, 4096])
def test_bench_100_ticks_of_a_recurrent_network(benchmark, cores, rate_hz) -> None:
    machine = machines(cores, rate_hz)
    warm_up(machine)
    benchmark(machine.run, 100)


@pytest.mark.bench
@pytest.mark.parametrize("noise", ["leak+threshold", "synapses"])
def test_bench_100_ticks_with_noise(benchmark, noise) -> None:
    machine = machines(64, noise=noise)
    warm_up(machine)
    benchmark(machine.run, 100)


@pytest.mark.bench
@pytest.mark.parametrize("spacing", [1, 16])
def test_bench_100_frames(benchmark, spacing) -> None:
    image = feed_forward(150, 15)
    stream = Stream(image, random_frames(image, 64), spacing, threads=1)
    stream.run(32)
    benchmark(stream.run, 100)


@pytest.mark.bench
def test_bench_64_lanes(benchmark) -> None:
    image = feed_forward(150, 15)
    lanes = Lanes(image, random_frames(image, 256).reshape(64, 4, -1), 15)
    lanes.run(1)
    benchmark(lanes.run, 1)


@pytest.mark.bench
def test_bench_building_a_chip(benchmark) -> None:
    benchmark(recurrent, 4096)
