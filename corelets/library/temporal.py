"""When spikes come: coincidences and motion."""

from __future__ import annotations

from corelets.language.corelet import Corelet
from corelets.language.neuron_types import Threshold
from corelets.language.ports import Input, Output
from corelets.language.raster import Raster, later
from corelets.library.entry import Entry


class Coincidence(Corelet):
    """z[i] = y[i] spikes ``lag`` ticks after x[i] did."""

    def __init__(self, width: int, lag: int) -> None:
        self.x, self.y, self.z, self.lag = Input(width), Input(width), Output(width), lag
        Threshold(at=2)[width](self.x.after(lag), self.y) >> self.z

    def model(self, x: Raster, y: Raster) -> Raster:
        """z[t] = x[t - lag] & y[t]."""
        return later(x, self.lag) & y


class Reichardt(Corelet):
    """right[i] = x[i + 1] spikes ``lag`` ticks after x[i], left[i] = x[i] does so after x[i + 1].

    ``width``, from 2, pixels in a row; one detector less.
    """

    def __init__(self, width: int, lag: int) -> None:
        self.x, self.lag = Input(width), lag
        self.right, self.left = Output(width - 1), Output(width - 1)
        pair = Threshold(at=2)[width - 1]
        pair(self.x[:-1].after(lag), self.x[1:]) >> self.right
        pair(self.x[1:].after(lag), self.x[:-1]) >> self.left

    def model(self, x: Raster) -> dict[str, Raster]:
        """Both coincidences."""
        before = later(x, self.lag)
        return {"right": before[:, :-1] & x[:, 1:], "left": before[:, 1:] & x[:, :-1]}


ENTRIES = (
    Entry(
        Coincidence,
        "this project",
        lambda one: 2 + one.lag,
        (lambda: Coincidence(4, 3), lambda: Coincidence(2, 0), lambda: Coincidence(2, 40)),
    ),
    Entry(
        Reichardt,
        "Reichardt 1961; Hassenstein & Reichardt 1956 (the correlation detector)",
        lambda one: 2 + one.lag,
        (lambda: Reichardt(6, 2), lambda: Reichardt(2, 16)),
    ),
)
