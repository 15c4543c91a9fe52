"""Rates: compared, measured, and turned into other codes and back."""

from __future__ import annotations

import numpy as np

from corelets.language.codes import Burst, Code, Rate, Thermometer
from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.neuron_types import Accumulator, Clock, Integrator, Leaky
from corelets.language.ports import Input, Output
from corelets.language.raster import Raster
from corelets.language.weights import CLEAR, LARGEST
from corelets.library.entry import Entry
from tnemu.errors import whole


class RateThreshold(Corelet):
    """z[i] spikes while x[i] does often: V <- V + gain x, then down by ``leak``; at ``at`` z, V <- 0.

    Below a rate of leak / gain it is silent but for chance. gain, leak 1..255.
    """

    def __init__(self, width: int, at: int = 40, gain: int = 10, leak: int = 5) -> None:
        self.x, self.z, self.numbers = Input(width), Output(width), (at, gain, leak)
        Leaky(at, leak)[width](gain * self.x) >> self.z

    def model(self, x: Raster) -> Raster:
        """The equation, tick by tick."""
        at, gain, leak = self.numbers
        z, v = np.zeros_like(x), np.zeros(x.shape[1], np.int64)
        for t in range(len(x)):
            v = np.maximum(v + gain * x[t] - leak, 0)
            z[t] = v >= at
            v[z[t]] = 0
        return z


class RateCompare(Corelet):
    """z[i], when ``strobe`` spikes: x[i] spiked more often than y[i] since the strobe before.

    What comes in the tick after a strobe is not counted. ``window``, 1..255, is the longest time
    between strobes.
    """

    def __init__(self, width: int, window: int) -> None:
        self.window = whole(f"{self.describe()}: window", window, 1, LARGEST, error=CoreletError)
        self.x, self.y, self.strobe, self.z = Input(width), Input(width), Input(), Output(width)
        # where nothing fires the clear goes below the floor, from where kappa = 0 leads back to 0
        lead = Accumulator(at=window + 1, floor=-window, kappa=0)[width](self.x, -self.y)
        window * self.strobe >> lead
        CLEAR * self.strobe.after(1) >> lead
        lead >> self.z

    def model(self, x: Raster, y: Raster, strobe: Raster) -> Raster:
        """The lead of x over y, from the tick after the one behind the last strobe."""
        z, lead = np.zeros_like(x), np.zeros(x.shape[1], np.int64)
        for t in range(len(x)):
            lead = lead + x[t] - y[t]
            if t and strobe[t - 1, 0]:
                lead[:] = 0
            elif strobe[t, 0]:
                z[t] = lead > 0
        return z


class RateToThermometer(Corelet):
    """level[k], in the last tick of each window: x spiked more than k times in it.

    ``levels`` from 1, ``window`` 1..255 ticks, the first of which is tick 0. Two sets of counters take
    turns, so that one can be emptied.
    """

    def __init__(self, levels: int, window: int) -> None:
        self.window = whole(f"{self.describe()}: window", window, 1, LARGEST, error=CoreletError)
        self.x, self.level = Input(code=Rate(window)), Output(levels, code=Thermometer())
        count = Accumulator(at=window + np.arange(1, levels + 1))[levels]
        end = Clock(2 * window, phase=[window - 1, 2 * window - 1])[2]()
        turns = [
            count(self.x, window * end[k], CLEAR * end[k].after(1), CLEAR * end[1 - k])
            for k in (0, 1)
        ]
        (turns[0] | turns[1]) >> self.level

    def model(self, x: Raster) -> Raster:
        """Counts of windows."""
        levels = self.ports["level"].width
        level = np.zeros((len(x), levels), np.bool_)
        for t in range(self.window - 1, len(x), self.window):
            level[t] = x[t + 1 - self.window : t + 1].sum() > np.arange(levels)
        return level


class ThermometerToRate(Corelet):
    """z spikes as often as pins of x did: V <- V + sum of x; z while V >= 1, and V <- V - 1.

    ``levels`` pins; the spikes of a value follow each other, so that values may come every
    ``window`` ticks if they are not above it.
    """

    def __init__(self, levels: int, window: int) -> None:
        self.x, self.z = Input(levels, code=Thermometer()), Output(code=self._code(window))
        Integrator(at=1)[1](self.x.sum()) >> self.z

    def _code(self, window: int) -> Code:
        return Rate(window)

    def model(self, x: Raster) -> Raster:
        """Spikes that are owed."""
        z, owed = np.zeros((len(x), 1), np.bool_), 0
        for t, value in enumerate(x.sum(axis=1)):
            owed += int(value)
            z[t] = owed > 0
            owed -= int(z[t, 0])
        return z


class ThermometerToBurst(ThermometerToRate):
    """z spikes as many ticks in a row as pins of x did, up to ``window``."""

    def _code(self, window: int) -> Code:
        return Burst(window)


def strobes(width: int, window: int) -> object:
    """A stimulus: a strobe at least every ``window`` ticks."""

    def draw(rng: np.random.Generator, ticks: int) -> dict[str, Raster]:
        rates = rng.random((2, 1, width))
        strobe = rng.random((ticks, 1)) < 2 / window
        strobe[window - 1 :: window] = True
        x, y = rng.random((2, ticks, width)) < rates
        return {"x": x, "y": y, "strobe": strobe}

    return draw


def values(levels: int, window: int) -> object:
    """A stimulus: a value every ``window`` ticks."""

    def draw(rng: np.random.Generator, ticks: int) -> dict[str, Raster]:
        value = rng.integers(0, levels + 1, (ticks, 1))
        value[np.arange(ticks) % window > 0] = 0
        return {"x": np.arange(levels) < value}

    return draw


ENTRIES = (
    Entry(
        RateThreshold,
        "this project; the leaky neuron of Cassidy et al., IJCNN 2013",
        lambda _: 2,
        (lambda: RateThreshold(4), lambda: RateThreshold(3, at=7, gain=3, leak=1)),
    ),
    Entry(
        RateCompare,
        "this project",
        lambda _: 3,
        (lambda: RateCompare(4, 12), lambda: RateCompare(2, 200)),
        stimulus=lambda one: strobes(one.x.width, one.window),
    ),
    Entry(
        RateToThermometer,
        "this project",
        lambda _: 3,
        (lambda: RateToThermometer(5, 8), lambda: RateToThermometer(1, 1)),
    ),
    Entry(
        ThermometerToRate,
        "this project",
        lambda _: 2,
        (lambda: ThermometerToRate(4, 16), lambda: ThermometerToRate(1, 1)),
    ),
    Entry(
        ThermometerToBurst,
        "this project",
        lambda _: 2,
        (lambda: ThermometerToBurst(4, 6),),
        stimulus=lambda one: values(one.x.width, 6),
    ),
)
