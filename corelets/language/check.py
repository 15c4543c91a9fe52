"""The test of a corelet: its model against the emulated chip, on random inputs.

check(Accumulate(8, at=3), runs=100)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from corelets.language.body import body_of
from corelets.language.codes import Burst, Code, Thermometer, TimeSlot
from corelets.language.errors import CoreletError
from corelets.language.ports import Input
from corelets.language.raster import Raster, answers
from corelets.language.simulate import Bench
from tnemu.errors import shown, whole

ENGINES = ("compiled", "reference")
"""Both engines; on this many runs each."""
SIGMAS = 6.0
"""How far a count may be from what probabilities say: one in 500 million is farther by chance."""
MOST_RUNS = 1_000_000
MOST_TICKS = 100_000

Stimulus = Callable[[np.random.Generator, int], Mapping[str, npt.ArrayLike]]


class CheckError(CoreletError):
    """A corelet does something else than its model says; ``inputs`` are the rasters that show it."""

    inputs: Mapping[str, Raster]


@dataclass(frozen=True)
class Checked:
    """What was compared and found equal. ``spikes`` counts those of all outputs in all runs."""

    corelet: str
    runs: int
    ticks: int
    spikes: int
    engines: tuple[str, ...]
    chances: bool

    def __str__(self) -> str:
        how = f"within {SIGMAS:g} standard deviations of" if self.chances else "equal to"
        return (
            f"{self.corelet}: {self.runs:,} runs, {self.ticks:,} ticks, {self.spikes:,} spikes on "
            f"{' and '.join(self.engines)}, {how} its model"
        )


def check(
    corelet: Any,
    runs: int = 100,
    *,
    ticks: int = 64,
    seed: int = 0,
    stimulus: Stimulus | None = None,
    engines: Iterable[str] = ENGINES,
    board: Any = None,
) -> Checked:
    """Run ``corelet`` and its ``model()`` on ``runs`` random inputs each, on both engines.

    Every run has 1..``ticks`` ticks, silent, sparse, dense and full ones, according to the code of
    each input; ``stimulus(rng, ticks)`` gives other rasters, by input. Run k depends on ``seed`` and k
    alone, its noise too. The engines must agree to the bit. A model of a corelet with noise may answer
    probabilities, floats in 0..1: the spikes of each pin are then counted over all runs.

    Raises CheckError at the first difference, with the output, pin, row and run; CoreletError where
    there is no model.
    """
    body = body_of(corelet)
    if body is None:
        raise CoreletError(f"check({shown(corelet)}): give a corelet, such as Relay(8)")
    count = whole("check(): runs", runs, 1, MOST_RUNS, error=CoreletError)
    most = whole("check(): ticks", ticks, 1, MOST_TICKS, error=CoreletError)
    bench = Bench(corelet, board)
    names = tuple(engines)
    spikes = total = 0
    tally = _Tally()
    for run in range(count):
        rng = np.random.default_rng(
            [whole("check(): seed", seed, 0, 1 << 62, error=CoreletError), run]
        )
        length = most if run % 2 else int(rng.integers(1, most + 1))
        given = stimulus(rng, length) if stimulus else drawn(bench.inputs, rng, length)
        rows = None if bench.inputs else length
        found = [
            bench.run(given, ticks=rows, engine=name, noise_seed=run).outputs for name in names
        ]
        wanted = answers(corelet, given, length, chances=True)
        where = f"{body.describe()}: run {run} of check(seed={seed})"
        for name, other in zip(names[1:], found[1:], strict=True):
            _compare(where, f"{names[0]} says", f"{name} says", found[0], other, given)
        tally.add(found[0], wanted)
        certain = {n: w for n, w in wanted.items() if w.dtype == np.bool_}
        _compare(where, "the model says", f"{names[0]} says", certain, found[0], given)
        spikes += sum(int(raster.sum()) for raster in found[0].values())
        total += len(next(iter(found[0].values()), ()))
    tally.judge(body.describe())
    return Checked(body.describe(), count, total, spikes, names, bool(tally.counts))


def drawn(inputs: Iterable[Input], rng: np.random.Generator, ticks: int) -> dict[str, Raster]:
    """A random raster for each input, bool [ticks, *shape], of its code."""
    return {port.name: _raster(port.code, rng, ticks, port.shape) for port in inputs}


def _raster(
    code: Code | None, rng: np.random.Generator, ticks: int, shape: tuple[int, ...]
) -> Raster:
    width = int(np.prod(shape))
    if isinstance(code, Thermometer):
        value = rng.integers(0, width + 1, (ticks, 1))
        raster = np.arange(width) < value
    elif isinstance(code, TimeSlot):
        windows = -(-ticks // code.slots)
        slot = rng.integers(0, code.slots + 1, (windows, 1, width))  # the last is no value
        raster = (np.arange(code.slots)[:, None] == slot).reshape(-1, width)[:ticks]
    elif isinstance(code, Burst):
        length = rng.integers(0, code.most + 1, (ticks, width))
        raster = np.zeros((ticks, width), np.bool_)
        for pin in range(width):
            tick = int(rng.integers(0, code.most + 1))
            while tick < ticks:
                raster[tick : tick + length[tick, pin], pin] = True
                tick += int(length[tick, pin]) + 1 + int(rng.integers(0, code.most + 1))
    else:
        per_run = rng.choice([0.05, 0.3, 0.7], (1, 1))
        rates = np.where(
            rng.random((ticks, 1)) < 0.3, rng.choice([0.0, 0.5, 1.0], (ticks, 1)), per_run
        )
        raster = rng.random((ticks, width)) < rates
    return raster.reshape(ticks, *shape)


def _compare(
    where: str,
    one: str,
    other: str,
    first: Mapping[str, Raster],
    second: Mapping[str, Raster],
    given: Mapping[str, Any],
) -> None:
    for name, raster in first.items():
        wrong = raster != second[name]
        if wrong.any():
            row, *pin = (int(k) for k in np.unravel_index(int(wrong.argmax()), wrong.shape))
            place = f"{name}[{', '.join(map(str, pin))}]"
            at = (row, *pin)
            error = CheckError(
                f"{where}: in row {row} {one} {int(raster[at])} of {place}, {other} "
                f"{int(second[name][at])} ({int(wrong.sum()):,} of {wrong.size:,} bits differ); simulate() with "
                "the inputs of this error (error.inputs) shows it, and its probes why"
            )
            error.inputs = {k: np.asarray(v) for k, v in given.items()}
            raise error


class _Tally:
    """Spikes of pins against the sum of their probabilities."""

    def __init__(self) -> None:
        self.counts: dict[str, npt.NDArray[np.float64]] = {}

    def add(self, found: Mapping[str, Raster], wanted: Mapping[str, npt.NDArray[Any]]) -> None:
        for name, chance in wanted.items():
            if chance.dtype == np.bool_:
                continue
            sums = np.stack([found[name].sum(0), chance.sum(0), (chance * (1 - chance)).sum(0)])
            self.counts[name] = self.counts.get(name, 0) + sums

    def judge(self, where: str) -> None:
        for name, (count, mean, variance) in self.counts.items():
            score = np.abs(count - mean) / np.sqrt(np.maximum(variance, 1e-9))
            worst = np.unravel_index(int(score.argmax()), score.shape)
            if score[worst] > SIGMAS:
                place = f"{name}[{', '.join(map(str, map(int, worst)))}]"
                raise CheckError(
                    f"{where}: {place} spiked {int(count[worst]):,} times, the model's probabilities say "
                    f"{mean[worst]:,.1f}, {score[worst]:.1f} standard deviations away; correct the one or "
                    "the other"
                )
