"""A digital neuron that samples: how likely it fires in a window that its potential V begins.

Each of T ticks, a Markov chain over V with an absorbing state "has fired"::

    leak       V <- V + L B,                                B fair, 0 or 1
    threshold  fires with probability clip((V - Vt + r) / 2**M, 0, 1)
    r = 0  rule "strict":   V > Vt + eta  }
    r = 1  rule "literal":  V >= Vt + eta }   eta uniform in 0 .. 2**M - 1

V is not reset inside a window; the sample is 1 if the neuron has fired at all. It comes near the
logistic 1 / (1 + exp(-V / scale)). A chip compares with >=, so hardware follows the literal rule; the
figures that Pedroni et al. print are those of the strict one.

Source: Das et al., ISCAS 2015, Table I (P1 to P7); Pedroni et al., IEEE TNNLS 2016, Table I (G1, G3,
G5; G2 and G4 are not in the papers at hand), eq. of the chain: section III.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tnemu.errors import one_of, real, whole
from tnemu.hardware.exact import exact
from tnemu.networks.errors import NetworkError

RULES = {"strict": 0, "literal": 1}
"""Name of a comparison -> r of the hit probability."""

MOST_WINDOW = 1024
"""Ticks of the longest window."""
MOST_THRESHOLD = (1 << 18) - 1
MOST_MASK = 18
MOST_LEAK = 1 << 12

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sampler:
    """window T in ticks, 1..1024; threshold Vt, -262143..262143; mask M in bits, 0..18; leak L,
    -4096..4096; scale > 0, in units of potential for one unit of the logistic's argument.

    Raises NetworkError for a value outside of these.
    """

    window: int
    threshold: int
    mask: int
    leak: int
    scale: float

    def __post_init__(self) -> None:
        for name, low, high in (
            ("window", 1, MOST_WINDOW),
            ("threshold", -MOST_THRESHOLD, MOST_THRESHOLD),
            ("mask", 0, MOST_MASK),
            ("leak", -MOST_LEAK, MOST_LEAK),
        ):
            whole(f"sampler: {name}", getattr(self, name), low, high, error=NetworkError)
        real("sampler: scale", self.scale, 1e-3, 1e6, error=NetworkError)

    @property
    def top(self) -> int:
        """The least V that fires for certain by either rule: Vt + 2**M."""
        return self.threshold + (1 << self.mask)

    def probability(self, potentials: npt.ArrayLike, rule: str = "literal") -> Floats:
        """P(fires in the window) for whole potentials V of any shape; float64 of that shape.

        Exact up to rounding: survival after t ticks, by the number of leaks so far, T (T + 1) steps.
        """
        r = RULES[one_of("rule", rule, RULES, error=NetworkError)]
        V = exact(potentials, np.int64, "potentials", NetworkError)
        below = np.zeros((self.window + 1, V.size))  # has not fired, after k leaks
        below[0] = 1
        leaked = V.ravel() + self.leak * np.arange(self.window + 1)[:, None]
        misses = 1 - np.clip((leaked - self.threshold + r) / (1 << self.mask), 0, 1)
        for _ in range(self.window):
            below *= 0.5
            below[1:] += below[:-1]
            below *= misses
        return np.clip(1 - below.sum(axis=0), 0, 1).reshape(V.shape)

    def ideal(self, potentials: npt.ArrayLike) -> Floats:
        """1 / (1 + exp(-V / scale))."""
        return logistic(np.asarray(potentials, np.float64) / self.scale)

    def squared_errors(self, rule: str = "literal", low: int = -1000, high: int = 1000) -> float:
        """Sum over whole V in low..high of (probability - ideal)**2.

        The papers' column "MSE" is this sum, not a mean.
        """
        V = np.arange(low, high + 1)
        return float(((self.probability(V, rule) - self.ideal(V)) ** 2).sum())


SAMPLERS = {
    "P1": Sampler(1, -130, 8, 0, 50),
    "P2": Sampler(1, -80, 8, 102, 50),
    "P3": Sampler(1, -20, 8, 200, 75),
    "P4": Sampler(1, -100, 9, 300, 120),
    "P5": Sampler(16, 50, 9, 15, 30),
    "P6": Sampler(16, 100, 10, 30, 50),
    "P7": Sampler(16, 633, 8, 90, 100),
    "G1": Sampler(1, 0, 7, 125, 50),
    "G3": Sampler(4, 66, 8, 77, 50),
    "G5": Sampler(16, 186, 9, 36, 50),
}
"""The settings that the papers print, by their names there."""


def logistic(x: npt.ArrayLike) -> Floats:
    """1 / (1 + exp(-x)), without overflow at either end."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(x, np.float64)))


class Curve:
    """P(1 | V) as a table: one look-up a unit, for whole V of any size.

    Of a ``sampler`` under ``rule``, or with ``ideal`` of the logistic of its scale. Where V is below
    the table the probability is 0 (ideal: below 1e-15), above it 1.
    """

    def __init__(self, sampler: Sampler, rule: str = "literal", *, ideal: bool = False) -> None:
        self.sampler, self.rule, self.ideal = sampler, rule, ideal
        self._low, self._table = _table(sampler, rule, ideal)

    def __call__(self, potentials: npt.NDArray[np.integer]) -> npt.NDArray[np.float32]:
        """Probabilities float32 of whole potentials, of the same shape."""
        return self._table[np.clip(potentials - self._low, 0, len(self._table) - 1)]


@lru_cache(maxsize=32)
def _table(sampler: Sampler, rule: str, ideal: bool) -> tuple[int, npt.NDArray[np.float32]]:
    reach = max(0, sampler.leak) * sampler.window
    fall = min(0, sampler.leak) * sampler.window
    low, high = sampler.threshold - reach - 1, sampler.top - fall
    if ideal:
        low, high = (round(side * 36 * sampler.scale) for side in (-1, 1))
    V = np.arange(low, high + 1)
    table = (sampler.ideal(V) if ideal else sampler.probability(V, rule)).astype(np.float32)
    table.flags.writeable = False
    return low, table
