"""How fast the engine is: as a ratio that any computer must reach, and as times for people.

Only ratios are asserted, with room of about half of what is measured, of times that a busy computer
does not spoil (turns.py). Benchmarks of single times are not
part of the quick tests: pytest -m bench.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numba
import pytest
from llvmlite import binding
from turns import ROUNDS, SEGMENTS, best_ratio

from tnemu.lab.bench.frames import Alone, Lanes, Stream, random_frames
from tnemu.lab.bench.measure import EngineMachine, Machine, NaiveMachine, take_turns, warm_up
from tnemu.lab.bench.networks import feed_forward, recurrent, start_potentials


def machines(
    cores: int, rate_hz: float = 20.0, noise: str = "none", source: str = "xorshift32"
) -> EngineMachine:
    image = recurrent(cores, rate_hz, noise=noise)
    image = replace(image, board=image.board.override({"chip.noise": source}))
    return EngineMachine(image, start_potentials(image), threads=1)


def vector_bits() -> int:
    """The width of the vectors that numba compiles for; the least where its processor is not this one."""
    features = binding.get_host_cpu_features() if numba.config.CPU_NAME is None else {}
    return 512 if features.get("avx512bw") else 256 if features.get("avx2") else 128


@pytest.fixture
def ratio(capsys) -> Callable[..., float]:
    """How many times the first machine's time the second takes: said, also where all tests pass."""

    def measured(
        what: str, machines: list[Machine], ticks: list[int], enough: Callable[[float], bool]
    ) -> float:
        found = best_ratio(machines, ticks, enough)
        with capsys.disabled():
            print(f"\n{what}, vectors of {vector_bits()} bits: {found:.3g}", flush=True)
        return found

    return measured


@pytest.mark.slow
def test_the_engine_is_several_times_as_fast_as_the_loop_one_writes_first(ratio) -> None:
    """Measured: 21 to 23 times, 15 to 16 with 256-bit vectors, 8 with 128."""
    image = recurrent(64, rate_hz=100)
    start = start_potentials(image)
    engine = EngineMachine(image, start, threads=1)
    both = [engine, NaiveMachine(engine.engine, start)]
    for machine in both:
        warm_up(machine)
    least = {512: 10, 256: 7, 128: 4}[vector_bits()]
    assert ratio("naive loop to engine", both, [200, 40], lambda r: r > least) > least


@pytest.mark.slow
def test_lanes_are_faster_than_single_runs(ratio) -> None:
    """Measured on this small net: 3.6 to 3.8 times, 3.1 with 256-bit vectors, 2.8 with 128."""
    image = feed_forward(64, 4)
    sequences = random_frames(image, 128).reshape(64, 2, -1)
    both = [Lanes(image, sequences, 4), Alone(image, sequences, 4)]
    for machine in both:
        machine.run(1)
    least = {512: 2.3, 256: 1.8, 128: 1.5}[vector_bits()]
    assert ratio("64 single runs to 64 lanes", both, [1, 1], lambda r: r > least) > least


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate_hz", "noise", "source", "ticks", "most"),
    [
        (20, "threshold", "xorshift32", 40, {512: 4, 256: 4, 128: 7}),
        (20, "leak+threshold", "xorshift32", 30, {512: 5, 256: 5, 128: 7}),
        (20, "synapses", "xorshift32", 30, {512: 10, 256: 10, 128: 11}),
        (20, "synapses", "counter", 30, {512: 7, 256: 8, 128: 10}),
        (0, "none", "xorshift32", 10_000, {512: 0.1, 256: 0.1, 128: 0.1}),
    ],
    ids=["thresholds drawn", "leaks and thresholds", "synapses", "synapses by keys", "idle"],
)
def test_noise_costs_a_few_times_the_tick_and_an_idle_board_next_to_nothing(
    ratio, request, rate_hz, noise, source, ticks, most
) -> None:
    """Measured on this board in the cache with 256-bit vectors: 2.1, 3.0, 6.3, 4.3, idle 1/2,000.

    A full chip, whose deterministic tick waits for memory, shows less.
    """
    both = [machines(512), machines(512, rate_hz, noise, source)]
    for machine in both:
        warm_up(machine)
    bound = most[vector_bits()]
    what = f"{request.node.callspec.id} to deterministic"
    assert ratio(what, both, [60, ticks], lambda r: r < bound) < bound


@pytest.mark.slow
def test_thresholds_drawn_by_the_chips_generator_take_no_longer_than_by_keys(ratio) -> None:
    """Measured: 0.72 to 0.75 of the time."""
    both = [machines(512, noise="threshold", source=by) for by in ("counter", "xorshift32")]
    for machine in both:
        warm_up(machine)
    assert ratio("xorshift32 to counter", both, [30, 30], lambda r: r < 1) < 1


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


def test_a_ratio_is_of_the_shortest_times_and_too_slow_stays_too_slow() -> None:
    clock, runs = 0.0, 0

    class Busy:
        """Takes its seconds, or ten times as many in two of three turns."""

        def __init__(self, seconds: float) -> None:
            self.seconds = seconds

        def run(self, ticks: int) -> None:
            nonlocal clock, runs
            runs += 1
            clock += self.seconds * ticks * (1 if runs % 3 == 0 else 10)

    pair = [Busy(1.0), Busy(6.0)]
    assert best_ratio(pair, [1, 1], lambda r: r > 5, now=lambda: clock) == 6
    assert runs == 2 * SEGMENTS
    assert best_ratio(pair, [1, 1], lambda r: r > 7, now=lambda: clock) == 6
    assert runs == 2 * SEGMENTS * (1 + ROUNDS)


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
