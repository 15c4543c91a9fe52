"""Chance: bits from nothing, and spikes that are left out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from corelets.language.corelet import Corelet
from corelets.language.neuron_types import Bernoulli, Repeater
from corelets.language.ports import Input, Output
from corelets.language.raster import Raster
from corelets.library.entry import Entry


class RandomBits(Corelet):
    """z[i] = 1 with probability ``p`` in every tick, each on its own. Steps of 2**-16."""

    def __init__(self, width: int, p: npt.ArrayLike = 0.5) -> None:
        self.z = Output(width)
        self.bits = Bernoulli(p)[width]()
        self.bits >> self.z

    def model(self, ticks: int) -> npt.NDArray[np.float64]:
        """The probabilities."""
        chance: Bernoulli = self.bits.of  # type: ignore[assignment]
        return np.broadcast_to(chance.p, (ticks, self.bits.width)).astype(np.float64)


class Thin(Corelet):
    """z[i] = x[i] with probability ``p``, a multiple of 1/256 from 2/256 on."""

    def __init__(self, width: int, p: float) -> None:
        self.x, self.z, self.p = Input(width), Output(width), p
        Repeater()[width](self.x.chance(p)) >> self.z

    def model(self, x: Raster) -> npt.NDArray[np.float64]:
        """The probabilities."""
        return np.where(x, float(self.p), 0.0)


ENTRIES = (
    Entry(
        RandomBits,
        "this project; the noisy threshold of Cassidy et al., IJCNN 2013",
        lambda _: 1,
        (lambda: RandomBits(4, 0.3), lambda: RandomBits(3, [0.1, 0.5, 0.9])),
    ),
    Entry(
        Thin,
        "this project; the stochastic synapse of Cassidy et al., IJCNN 2013",
        lambda _: 2,
        (lambda: Thin(4, 0.5), lambda: Thin(4, 0.875)),
    ),
)
