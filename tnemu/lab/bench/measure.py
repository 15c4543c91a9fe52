"""Speed as a ratio: two machines take turns on the same network, and medians are compared.

A computer's speed changes from second to second (other programs, temperature, clock), and a time
alone says little about a program. So a measurement is cut into short segments, the engine's and the
other's by turns, and a ratio is taken of each pair before the median over all pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tnemu.emulator import memory
from tnemu.emulator.engine import Trace
from tnemu.emulator.engines.compiled import sizes
from tnemu.emulator.engines.compiled.engine import CompiledEngine, default_threads
from tnemu.emulator.engines.compiled.kernels import naive
from tnemu.emulator.state import Counters, State
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS, NEURONS
from tnemu.lab.bench.computer import computer, resident_mb
from tnemu.lab.bench.networks import BenchError, recurrent, start_potentials
from tnemu.runtime.clock import now_s
from tnemu.runtime.report import versions

FORMAT = "tnemu-bench-1"
"""What files of figures are marked with."""
SEGMENTS = 7
"""Turns of a measurement."""
SEGMENT_S = 0.2
"""What one segment lasts about, unless the number of ticks is given."""
QUICK_SEGMENTS, QUICK_SEGMENT_S = 3, 0.05
"""The same for a first look."""
MOST_TICKS = 20_000
"""Ticks of one segment at most."""
WARM_UP_TICKS = 32
"""Ticks that are not measured: code is compiled, and the longest delay has passed twice."""
ROUNDING = 4
"""Significant digits of figures in files."""


class Machine(Protocol):
    """Something that can be run for a number of ticks (or frames, or passes)."""

    def run(self, ticks: int) -> None:
        """Do ``ticks`` of them."""
        ...


class EngineMachine:
    """The compiled engine on ``threads`` threads (None: as many as pay)."""

    def __init__(
        self, image: BoardImage, potentials: npt.NDArray[np.int32], threads: int | None = None
    ) -> None:
        self.engine = CompiledEngine(image, threads)
        self.state = State.initial(image)
        self.state.potentials[:] = potentials
        self._nothing_recorded = np.zeros(image.core_count, np.bool_)

    def run(self, ticks: int) -> None:
        """Advance the board; nothing is recorded."""
        self.engine.advance(self.state, ticks, Trace(self._nothing_recorded))

    @property
    def counters(self) -> Counters:
        """Of all ticks so far."""
        self.engine.deliver(self.state)
        return Counters(*self.state.counters.tolist())


class NaiveMachine:
    """The loop that one writes first, on the arrays of an engine, in one thread."""

    def __init__(self, engine: CompiledEngine, potentials: npt.NDArray[np.int32]) -> None:
        self._board = engine.board
        packed = engine.board.axon_types[:, :, None]
        self._axon_types = (packed >> np.arange(0, 8, 2, dtype=np.uint8) & 3).reshape(-1, AXONS)
        self._potentials = potentials.copy()
        self._slots = np.zeros((16, len(potentials), 4), np.uint64)
        self._tick = self.spikes = self.operations = 0

    def run(self, ticks: int) -> None:
        """Advance the board; spikes and synaptic operations are counted."""
        board = self._board
        spikes, operations = naive.advance(
            board.crossbar, self._axon_types, board.block, board.weights, board.parameters,
            board.target, self._potentials, self._slots, self._tick, ticks,
        )  # fmt: skip
        self._tick += ticks
        self.spikes += spikes
        self.operations += operations


@dataclass(frozen=True)
class Row:
    """One measured network.

    rate_hz          measured: spikes per neuron and 1,000 ticks
    ticks            ticks measured, all segments together
    ms_per_tick      median of the segments
    realtime_factor  1 ms / ms_per_tick
    sops             synaptic operations per second of this computer's time
    ratio            how many times as fast as ``beside``; None where nothing ran beside it
    rss_mb           resident memory of the whole process while it ran (10^6 bytes)
    """

    name: str
    cores: int
    rate_hz: float
    synapses: int
    threads: int
    ticks: int
    ms_per_tick: float
    realtime_factor: float
    sops: float
    ratio: float | None
    rss_mb: float
    beside: str = "naive"
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The row as it is written to files: ``ratio`` becomes ``ratio_to_<beside>``."""
        facts = asdict(self)
        beside, more = facts.pop("beside"), facts.pop("more")
        named = {f"ratio_to_{beside}" if k == "ratio" else k: v for k, v in facts.items()}
        return {k: _rounded(v) for k, v in {**named, **more}.items()}


def measure_recurrent(
    cores: int,
    rate_hz: float,
    synapses: int,
    *,
    noise: str = "none",
    name: str = "recurrent",
    threads: int | None = None,
    ticks: int | None = None,
    segments: int = SEGMENTS,
    segment_s: float = SEGMENT_S,
    beside: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> Row:
    """The speed of the network :func:`recurrent`, beside the naive loop on the same arrays.

    With noise, which the naive loop does not know, beside the engine on the same network without.
    ``ticks`` are each machine's in all segments together (None: segments of about ``segment_s``).
    Raises EmulatorError, before anything is built, when the memory that is left does not hold it.
    """
    if ticks is not None and ticks < segments:
        raise BenchError(f"ticks = {ticks} is fewer than the {segments} segments; use more")
    engines = 2 if beside and noise != "none" else 1
    memory.check(
        f"{cores:,} cores", _needed_bytes(cores, engines, threads or default_threads(cores))
    )
    tell("building")
    image = recurrent(cores, rate_hz, synapses, noise=noise)
    start = start_potentials(image)
    engine = EngineMachine(image, start, threads)
    machines: list[Machine] = [engine]
    other = "naive"
    if noise != "none":
        other = "deterministic"
        if beside:
            plain = recurrent(cores, rate_hz, synapses)
            machines.append(EngineMachine(plain, start_potentials(plain), threads))
    elif beside:
        machines.append(NaiveMachine(engine.engine, start))
    del image
    each = [warm_up(machine, ticks and ticks // segments, segment_s) for machine in machines]
    tell("measuring")
    before = engine.counters
    times = take_turns(machines, each, segments)
    after = engine.counters
    return row(
        f"{name}, noise in {noise}" if noise != "none" else name,
        times,
        cores=cores,
        synapses=synapses,
        threads=engine.engine.threads,
        ticks=after.ticks - before.ticks,
        spikes=after.spikes - before.spikes,
        operations=after.synaptic_operations - before.synaptic_operations,
        beside=other,
    )


def _needed_bytes(cores: int, engines: int, threads: int) -> int:
    """Images, their wires while they are made, engines, and the potentials and slots of another loop."""
    wires = NEURONS * (4 + 1)
    each = cores * (memory.IMAGE_CORE + wires) + sizes.engine_bytes(cores, threads=threads)
    return engines * each + cores * (2 * 4 * NEURONS + memory.SLOT_BITS)


def row(
    name: str,
    times: npt.NDArray[np.float64],
    *,
    cores: int,
    ticks: float,
    spikes: float,
    operations: float,
    **more: Any,
) -> Row:
    """A row of seconds per tick [segments, 1 or 2], the second column that of ``beside``."""
    per_tick = float(np.median(times[:, 0]))
    return Row(
        name=name,
        cores=cores,
        rate_hz=1000 * spikes / (ticks * cores * NEURONS),
        ticks=round(ticks),
        ms_per_tick=1000 * per_tick,
        realtime_factor=1 / (1000 * per_tick),
        sops=operations / ticks / per_tick,
        ratio=float(np.median(times[:, 1] / times[:, 0])) if times.shape[1] > 1 else None,
        rss_mb=resident_mb(),
        **more,
    )


def warm_up(
    machine: Machine,
    ticks: int | None = None,
    segment_s: float = SEGMENT_S,
    now: Callable[[], float] = now_s,
) -> int:
    """Run a machine until it is compiled and warm; returns the ticks of one of its segments."""
    machine.run(WARM_UP_TICKS // 2)
    began = now()
    machine.run(WARM_UP_TICKS // 2)
    if ticks is not None:
        return ticks
    per_tick = (now() - began) / (WARM_UP_TICKS // 2)
    return max(1, min(MOST_TICKS, round(segment_s / max(per_tick, 1e-9))))


def take_turns(
    machines: Sequence[Machine],
    ticks: Sequence[int],
    segments: int,
    now: Callable[[], float] = now_s,
) -> npt.NDArray[np.float64]:
    """Seconds per tick [segments, machines]: in every segment each machine runs its ticks once."""
    times = np.empty((segments, len(machines)))
    for segment in range(segments):
        for index, (machine, some) in enumerate(zip(machines, ticks, strict=True)):
            began = now()
            machine.run(some)
            times[segment, index] = (now() - began) / some
    return times


def document(rows: Sequence[Row], **more: Any) -> dict[str, Any]:
    """What is written to a file: the rows, the computer, the versions."""
    return {
        "format": FORMAT,
        "computer": computer(),
        "versions": versions(),
        "rows": [item.as_json() for item in rows],
        **more,
    }


def _rounded(value: Any) -> Any:
    """Floats to four digits; json knows no nan."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.{ROUNDING}g}") if np.isfinite(value) else None
