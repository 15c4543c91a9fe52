"""Who wins: a race of counters, and the nearest of several templates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.neuron_types import Accumulator, Neuron
from corelets.language.ports import Input, Output
from corelets.language.raster import Raster
from corelets.language.weights import CLEAR, LARGEST
from corelets.library.entry import Entry
from tnemu.errors import whole
from tnemu.hardware.exact import exact


class WinnerTakeAll(Corelet):
    """z[i] = x[i] is the first to have spiked ``at`` times; then all begin again, two ticks later.

    Those that get there in the same tick all win. What comes in the tick after is lost.
    """

    def __init__(self, width: int, at: int) -> None:
        self.x, self.z, self.at = Input(width), Output(width), at
        race = Accumulator(at=at)[width](self.x)
        CLEAR * race.any().loop(1) >> race
        race >> self.z

    def model(self, x: Raster) -> Raster:
        """Counts until one gets there."""
        z, count, over = np.zeros_like(x), np.zeros(x.shape[1], np.int64), False
        for t in range(len(x)):
            count = np.zeros_like(count) if over else count + x[t]
            z[t] = count >= self.at
            count[z[t]] = 0
            over = bool(z[t].any())
        return z


class Nearest(Corelet):
    """z[j] = template j is nearest to the frame x that came with ``go``: the better, the sooner.

    ``templates`` [n, d] of 0 and 1, d up to 253. A template that differs in m pixels from the frame
    scores d - m and would spike m ticks after it; the first one clears all others. Equally near ones spike
    together. Frames come at least d + 3 ticks apart, each with ``go``.
    """

    def __init__(self, templates: npt.ArrayLike) -> None:
        what = self.describe()
        self.templates = exact(
            templates, np.int64, f"{what}: templates", CoreletError, low=0, high=1
        )
        if self.templates.ndim != 2 or not self.templates.size:
            raise CoreletError(f"{what}: templates have shape {self.templates.shape}; give [n, d]")
        count, pixels = self.templates.shape
        whole(f"{what}: pixels of a template", pixels, 1, LARGEST - 2, error=CoreletError)
        self.x, self.go, self.z = Input(pixels), Input(), Output(count)
        # the score of a silent frame is what the templates' dark pixels say
        race = Neuron(alpha=pixels + 2, leak=1, epsilon=1)[count]((2 * self.templates - 1) @ self.x)
        (pixels + 1 - self.templates.sum(1)) * self.go >> race
        CLEAR * race.any().loop(1) >> race
        race >> self.z

    def model(self, x: Raster, go: Raster) -> Raster:
        """Distances, frame by frame."""
        z = np.zeros((len(x), len(self.templates)), np.bool_)
        for t in np.flatnonzero(go[:, 0]):
            distance = (self.templates != x[t]).sum(1)
            if t + distance.min() < len(x):
                z[t + distance.min()] = distance == distance.min()
        return z


def frames(pixels: int) -> object:
    """A stimulus: a frame with ``go`` every d + 3 ticks or later."""

    def draw(rng: np.random.Generator, ticks: int) -> dict[str, Raster]:
        x, go = np.zeros((ticks, pixels), np.bool_), np.zeros((ticks, 1), np.bool_)
        t = int(rng.integers(0, 3))
        while t < ticks:
            x[t], go[t] = rng.random(pixels) < rng.random(), True
            t += pixels + 3 + int(rng.integers(0, 3))
        return {"x": x, "go": go}

    return draw


_TEMPLATES = np.random.default_rng(1).integers(0, 2, (5, 9))

ENTRIES = (
    Entry(
        WinnerTakeAll,
        "this project",
        lambda _: 2,
        (lambda: WinnerTakeAll(8, 4), lambda: WinnerTakeAll(1, 1)),
    ),
    Entry(
        Nearest,
        "this project",
        lambda _: 2,
        (lambda: Nearest(_TEMPLATES), lambda: Nearest([[0, 1], [1, 1], [1, 0]])),
        stimulus=lambda one: frames(one.x.width),
    ),
)
