"""The one answer contract: how an observation becomes spikes, and spikes become an answer.

    encode(observation)    -> pins and ticks    which input pins spike, how many ticks after the start
    decode(spikes, start)  -> scores            what the output spikes of a run from tick ``start`` say

A network that is asked in tick t answers in the ticks of its :class:`Window`, t + first .. t + last.
A feed-forward network of latency L answers in one of them, L - 1 after the question (the source tick
and the last fire tick both count); a rate code, a sampler or a comparator answers in several.
Everything that runs a network and reads it (the loop, lanes, comparisons, examples) reads it by this.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError

SPIKE_DTYPE = np.dtype([("tick", np.int64), ("pin", np.int32)])
"""An output spike: the tick in which the neuron fired, and the pin of the output connector."""

Spikes = npt.NDArray[np.void]
"""Records with the fields ``tick`` and ``pin``; others may stand beside them."""

Counts = npt.NDArray[np.int32]


class CodecError(TnemuError, ValueError):
    """A window or a stimulus that cannot be."""


class Stimulus(NamedTuple):
    """Input spikes of one question: pin ``pins[k]`` spikes ``ticks[k]`` ticks after its start.

    Both int [n]; ticks count from 0.
    """

    pins: npt.NDArray[np.int64]
    ticks: npt.NDArray[np.int64]

    @classmethod
    def at_once(cls, bits: npt.ArrayLike) -> Stimulus:
        """All pins whose bit is set, in the first tick; bits bool of any shape, flattened."""
        pins = np.flatnonzero(np.asarray(bits))
        return cls(pins, np.zeros(len(pins), np.int64))


@dataclass(frozen=True)
class Window:
    """The ticks whose output spikes are an answer: start + first .. start + last, both included.

    0 <= first <= last; CodecError otherwise.
    """

    first: int
    last: int

    def __post_init__(self) -> None:
        for name in ("first", "last"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | np.integer):
                raise CodecError(f"Window {name} = {value!r:.60}: must be a whole number of ticks")
        if not 0 <= self.first <= self.last:
            raise CodecError(
                f"Window {self.first}..{self.last}: it must begin at 0 or later and not end before "
                "it begins"
            )

    @classmethod
    def wave(cls, latency_ticks: int) -> Window:
        """Of a feed-forward network: the single tick in which the last neurons of a wave fire."""
        return cls(latency_ticks - 1, latency_ticks - 1)

    @property
    def ticks(self) -> int:
        """Ticks to run from a question's start until its answer is complete: last + 1."""
        return self.last + 1

    def inside(self, ticks: npt.NDArray[np.integer[Any]], start: int) -> npt.NDArray[np.bool_]:
        """Which of the fire ``ticks`` [n] belong to the answer to a question of tick ``start``."""
        since = ticks - start
        return (since >= self.first) & (since <= self.last)

    def of(self, spikes: Spikes, start: int) -> Spikes:
        """The spikes that belong to the answer, in order."""
        return spikes[self.inside(spikes["tick"], start)]

    def counts(self, spikes: Spikes, start: int, width: int) -> Counts:
        """How often each of ``width`` pins spiked in the window: int32 [width]."""
        return self.per_frame(spikes, start, width, 1)[0]

    def per_frame(
        self, spikes: Spikes, start: int, width: int, frames: int, every: int = 1
    ) -> Counts:
        """Counts int32 [frames, width] of questions in a pipeline, one every ``every`` ticks.

        Frame k is asked in tick start + k every, and its window is that much later.
        """
        counts = np.zeros((frames, width), np.int32)
        for offset in range(self.first, self.last + 1):
            frame, rest = np.divmod(spikes["tick"] - start - offset, every)
            mine = (rest == 0) & (frame >= 0) & (frame < frames)
            np.add.at(counts, (frame[mine], spikes["pin"][mine]), 1)
        return counts

    def per_lane(
        self, spikes: Spikes, lane: npt.NDArray[np.integer[Any]], start: int, width: int, lanes: int
    ) -> Counts:
        """Counts int32 [lanes, width] of one question to every lane; ``lane`` [n] of each spike."""
        mine = self.inside(spikes["tick"], start)
        place = lane[mine] * width + spikes["pin"][mine]
        return np.bincount(place, minlength=lanes * width).reshape(lanes, width).astype(np.int32)


class Codec(Protocol):
    """Eyes and hands of a network: what an observation is in spikes, and what its spikes mean.

    ``input`` and ``output`` name the connectors, ``window`` the ticks of the answer.
    """

    @property
    def input(self) -> str:
        """Name of the input connector."""
        ...

    @property
    def output(self) -> str:
        """Name of the output connector."""
        ...

    @property
    def window(self) -> Window:
        """The ticks of an answer, counted from its question."""
        ...

    def encode(self, observation: npt.NDArray[Any]) -> Stimulus:
        """The input spikes of one observation."""
        ...

    def decode(self, spikes: Spikes, start: int) -> npt.NDArray[Any]:
        """Scores [answers] from output spikes of a question of tick ``start``, others ignored.

        The answer is the highest score, the first of them on a tie.
        """
        ...
