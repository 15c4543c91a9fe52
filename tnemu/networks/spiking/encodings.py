"""Observations as what flows into the first layer, tick by tick: u[t] for each value x.

    constant      u[t] = x                                     a current, the same in every tick
    poisson       u[t] = sgn(x) if r[t] <= |x|, else 0         r[t] uniform in [0, 1), drawn anew
    equidistant   u[t] = sgn(x) if t = round(k / |x|), else 0; k counts from 1, and on at every spike

The last two are spikes of two input neurons for each value, one of them with negated weights. Of a
poisson code a value beyond 1 spikes in every tick, as 1 does. Of an equidistant code, as the thesis has
it, such a value falls silent: round(k / |x|) falls behind t, which it never equals again.

Source: Hahn 2020, section 3.2, and its code.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]


class Encoding(ABC):
    """The code of observations ``x`` [n, in], asked for tick after tick; ``rng`` draws what is random."""

    name: ClassVar[str]

    def __init__(self, x: Array, rng: np.random.Generator) -> None:
        self.x, self.rng, self.tick = x, rng, 0

    def next(self, ticks: int) -> Array:
        """What flows in the next so many ticks: [ticks, n, in], in the type of x."""
        inflow = self._inflow(ticks)
        self.tick += ticks
        return inflow

    @abstractmethod
    def _inflow(self, ticks: int) -> Array:
        """From tick ``self.tick`` on."""


class Constant(Encoding):
    """x itself."""

    name = "constant"

    def _inflow(self, ticks: int) -> Array:
        return np.broadcast_to(self.x, (ticks, *self.x.shape))


class Poisson(Encoding):
    """A spike with probability |x|."""

    name = "poisson"

    def _inflow(self, ticks: int) -> Array:
        hit = self.rng.random((ticks, *self.x.shape)) <= np.abs(self.x)
        return np.where(hit, np.sign(self.x), np.zeros((), self.x.dtype))


class Equidistant(Encoding):
    """Spike k in tick round(k / |x|)."""

    name = "equidistant"

    def __init__(self, x: Array, rng: np.random.Generator) -> None:
        super().__init__(x, rng)
        with np.errstate(divide="ignore"):
            self.distance = 1 / np.abs(x)  # infinite where x is 0: it never spikes
        self.count = np.ones_like(x)

    def _inflow(self, ticks: int) -> Array:
        signs = np.sign(self.x)
        inflow = np.empty((ticks, *self.x.shape), self.x.dtype)
        for t in range(ticks):
            spikes = np.round(self.distance * self.count) == self.tick + t
            self.count += spikes
            np.multiply(signs, spikes, out=inflow[t])
        return inflow


ENCODINGS: dict[str, type[Encoding]] = {
    encoding.name: encoding for encoding in (Constant, Poisson, Equidistant)
}
