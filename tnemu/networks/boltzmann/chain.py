"""The Markov chain of a machine as a fast operator: one matrix product and one look-up a layer.

    h ~ curve(b + v W),  v ~ curve(a + W h)        all units of a layer at once; what is clamped stays

``curve`` is how likely a unit fires at a field: a digital neuron's (sampler.py), or the logistic. On
the board the same chain takes T_A + T_S + 2 ticks a layer (corelets.library.boltzmann).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.networks.boltzmann.machine import Bits, Rounded
from tnemu.networks.boltzmann.sampler import Curve
from tnemu.networks.errors import NetworkError


class Chain:
    """Samples of ``machine`` by ``curve``, n chains at once; ``seed`` of numpy's PCG64."""

    def __init__(self, machine: Rounded, curve: Curve, seed: int | None = 0) -> None:
        self.machine, self.curve = machine, curve
        self._rng = np.random.default_rng(seed)

    def hidden(self, v: npt.NDArray[Any]) -> Bits:
        """h given v [n, visible]: bool [n, hidden]."""
        return self._drawn(self.machine.hidden_fields(v))

    def visible(self, h: npt.NDArray[Any]) -> Bits:
        """v given h [n, hidden]: bool [n, visible]."""
        return self._drawn(self.machine.visible_fields(h))

    def step(self, v: Bits, free: Bits | None = None) -> Bits:
        """The next v; where ``free`` (bool, [visible] or [n, visible]) is False it stays as it is."""
        new = self.visible(self.hidden(v))
        return new if free is None else np.where(free, new, v)

    def run(self, v: npt.ArrayLike, steps: int, free: npt.ArrayLike | None = None) -> Bits:
        """v after ``steps`` steps; NetworkError for v of another width."""
        now = np.asarray(v, np.bool_)
        if now.ndim != 2 or now.shape[1] != len(self.machine.visible_bias):
            raise NetworkError(
                f"states are {shown(now)}; the machine has {len(self.machine.visible_bias):,} visible "
                "units: give bool [n, visible]"
            )
        for _ in range(steps):
            now = self.step(now, None if free is None else np.asarray(free, np.bool_))
        return now

    def _drawn(self, fields: npt.NDArray[np.int32]) -> Bits:
        return self._rng.random(fields.shape, np.float32) < self.curve(fields)
