"""In which order a neuron adds, compares and resets in a tick; h[t] is what flows into its layer.

thesis      s[t] = V > 1;   V <- reset(V + I, s[t]);   I <- h[t]
            The comparison sees the potential of the tick before, and inflow waits a tick in I: what
            enters a layer shows two ticks later, so that three layers lose about six ticks.
textbook    V <- V + h[t];   s[t] = V >= 1;   V <- reset(V, s[t])
            Layers follow each other within a tick.

Source: thesis: SQN.py of Hahn's code; textbook: Rueckauer et al., Frontiers in Neuroscience 11:682,
2017, and what a chip does with its waves taken out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tnemu.networks.spiking.resets import Reset

Array = npt.NDArray[np.floating[Any]]


class Layer(ABC):
    """One layer of neurons for n observations at once; ``potentials`` [n, out] stay between runs."""

    name: ClassVar[str]

    def __init__(self, shape: tuple[int, int], start: float, reset: Reset, dtype: Any) -> None:
        self.potentials: Array = np.full(shape, start, dtype)
        self.reset = reset

    @abstractmethod
    def fire(self, inflow: Array) -> npt.NDArray[np.bool_]:
        """The spikes bool [ticks, n, out] of so many ticks of inflow [ticks, n, out]."""

    @abstractmethod
    def gather(self, inflow: Array) -> None:
        """Take the inflow in without ever firing, as an output layer whose potentials are read."""


class Thesis(Layer):
    """Compare with what was, then add what came a tick ago."""

    name = "thesis"

    def __init__(self, shape: tuple[int, int], start: float, reset: Reset, dtype: Any) -> None:
        super().__init__(shape, start, reset, dtype)
        self.waiting: Array = np.zeros(shape, dtype)

    def fire(self, inflow: Array) -> npt.NDArray[np.bool_]:
        """s[t] = V > 1, then V <- reset(V + I) and I <- h[t]."""
        v, spikes = self.potentials, np.empty(inflow.shape, bool)
        waiting = self.waiting
        for t in range(len(inflow)):
            fired = np.greater(v, 1, out=spikes[t])
            v += waiting
            self.reset(v, fired)
            waiting = inflow[t]
        self.waiting = waiting.copy()
        return spikes

    def gather(self, inflow: Array) -> None:
        """V + I, tick by tick."""
        for t in range(len(inflow)):
            self.potentials += self.waiting if t == 0 else inflow[t - 1]
        self.waiting = inflow[-1].copy()


class Textbook(Layer):
    """Add, compare, reset."""

    name = "textbook"

    def fire(self, inflow: Array) -> npt.NDArray[np.bool_]:
        """V <- V + h[t], then s[t] = V >= 1 and reset."""
        v, spikes = self.potentials, np.empty(inflow.shape, bool)
        for t in range(len(inflow)):
            v += inflow[t]
            self.reset(v, np.greater_equal(v, 1, out=spikes[t]))
        return spikes

    def gather(self, inflow: Array) -> None:
        """V + h[t], tick by tick."""
        for t in range(len(inflow)):
            self.potentials += inflow[t]


ORDERS: dict[str, type[Layer]] = {order.name: order for order in (Thesis, Textbook)}
