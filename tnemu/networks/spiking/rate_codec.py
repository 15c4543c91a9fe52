"""How a rate network is asked and read: observations as spikes on two rails, spikes as scores.

    constant      u = min(|x| / X, 1);  floor(L u (t + 1) + 1/2) - floor(L u t + 1/2) of the L pins of x's
                  rail spike in tick t: sigma-delta, so that counts are exact within one
    the others    the spikes of tnemu.networks.spiking.encodings, on the rail of x's sign

Pin (2 i + r) L + level is that of input i, rail r (0: x > 0, 1: x < 0).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.networks.codec import Spikes, Stimulus, Window
from tnemu.networks.spiking.encodings import ENCODINGS
from tnemu.networks.spiking.rate import Integers, RateNetwork
from tnemu.networks.spiking.recipe import Recipe


class RateCodec:
    """The codec of a rate network; ``seed`` decides what a poisson code draws.

    ``input`` and ``output`` are the names that its corelet gives the connectors.
    """

    input = "rails"
    output = "readout"

    def __init__(self, network: RateNetwork, seed: int = 0) -> None:
        self.network = network
        self._rng = np.random.default_rng(seed)

    @property
    def window(self) -> Window:
        """The ticks of an answer, counted from its question."""
        return self.network.window

    def pins(self, observations: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
        """Which pins spike, bool [ticks, n, pins] by source tick, for observations [n, in]."""
        net = self.network
        return rails(observations, net.recipe, net.ranges, net.levels, self.window.ticks, self._rng)

    def encode(self, observation: npt.NDArray[Any]) -> Stimulus:
        """The spikes of one observation [in], over the ticks of a decision."""
        ticks, pins = np.nonzero(self.pins(observation[None])[:, 0])
        return Stimulus(pins.astype(np.int64), ticks.astype(np.int64))

    def decode(self, spikes: Spikes, start: int) -> Integers:
        """Scores int32 [answers]."""
        net = self.network
        return net.scores(self.window.counts(spikes, start, net.outputs)[None])[0]

    def decide(self, observations: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """The answers int64 [n] of the integer model."""
        net = self.network
        return net.scores(net.counts(self.pins(observations))).argmax(1).astype(np.int64)


def rails(
    observations: npt.NDArray[Any],
    recipe: Recipe,
    ranges: npt.NDArray[np.float64],
    levels: int,
    ticks: int,
    rng: np.random.Generator,
) -> npt.NDArray[np.bool_]:
    """Which pins spike, bool [ticks, n, pins], for observations [n, in]."""
    x = np.asarray(observations, np.float64)
    if recipe.encoding == "constant":
        share = levels * np.minimum(np.abs(x) / ranges, 1.0)
        sums = np.floor(np.arange(ticks + 1)[:, None, None] * share + 0.5)
        now = np.diff(sums, axis=0)
    else:
        now = np.abs(ENCODINGS[recipe.encoding](x, rng).next(ticks))
    on = np.arange(levels) < now[..., None]
    signs = np.stack([x > 0, x < 0], axis=-1)[None, ..., None]
    return (on[:, :, :, None] & signs).reshape(ticks, len(x), -1)
