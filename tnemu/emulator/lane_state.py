"""What many boards of one image remember between two ticks, and the inputs that wait for them.

Lanes come in words of 64: bit k of word w belongs to lane 64 w + k.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator import noise, snapshots
from tnemu.emulator.arguments import whole_array
from tnemu.emulator.errors import InputError
from tnemu.emulator.state import Counters, Events
from tnemu.errors import shown
from tnemu.files import PathLike
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS, NEURONS, SLOTS

WORD = 64
"""Lanes of one word."""


def words_of(lanes: int) -> int:
    """Words that so many lanes take."""
    return -(-lanes // WORD)


def mask(lanes: int) -> npt.NDArray[np.uint64]:
    """uint64 [words] with the bits of lanes 0..lanes - 1."""
    return packed(np.ones((lanes, 1), np.bool_))[0]


def packed(lanes: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """Words uint64 [m, words] of bool [lanes, m]."""
    padded = np.zeros((lanes.shape[1], WORD * words_of(len(lanes))), np.bool_)
    padded[:, : len(lanes)] = lanes.T
    return np.packbits(padded, axis=1, bitorder="little").view(np.uint64)


def generators(image: BoardImage, lanes: int, noise_seed: object) -> npt.NDArray[np.uint32]:
    """The state of every core's noise before tick 0, uint32 [lanes, n]; read-only.

    ``noise_seed``: None or a number for all lanes (:func:`tnemu.emulator.noise.generators`), or a list
    of one for each.
    """
    if noise_seed is None or np.ndim(noise_seed) == 0:  # type: ignore[arg-type]
        return np.broadcast_to(noise.generators(image, noise_seed), (lanes, image.core_count))
    then = f"give one for all, or a list of {lanes:,}, one a lane"
    seeds = whole_array("noise_seed", noise_seed, 0, noise.WORD, then)  # type: ignore[arg-type]
    if seeds.shape != (lanes,):
        raise InputError(f"noise_seed = {shown(noise_seed)}: is of shape {seeds.shape}; {then}")
    return np.stack([noise.generators(image, seed) for seed in seeds.tolist()])


@dataclass(frozen=True, eq=False)
class LaneInputs:
    """External spikes to come: rows (tick, core, axon) in order of tick, and the lanes of each.

    events  int64  [m, 3]
    lanes   uint64 [m, words]
    """

    events: Events
    lanes: npt.NDArray[np.uint64]

    @classmethod
    def none(cls, lanes: int) -> LaneInputs:
        """No spike for any of so many lanes."""
        return cls(np.zeros((0, 3), np.int64), np.zeros((0, words_of(lanes)), np.uint64))

    def from_tick(self, tick: int) -> LaneInputs:
        """Those that are still to come when ``tick`` is the next one."""
        first = np.searchsorted(self.events[:, 0], tick)
        return LaneInputs(self.events[first:], self.lanes[first:])

    def joined(self, others: list[LaneInputs]) -> LaneInputs:
        """These and others, in order of tick."""
        events = np.concatenate([self.events, *(other.events for other in others)])
        lanes = np.concatenate([self.lanes, *(other.lanes for other in others)])
        order = np.argsort(events[:, 0], kind="stable")
        return LaneInputs(events[order], lanes[order])

    def count(self) -> int:
        """Spikes, of all lanes together."""
        return int(np.bitwise_count(self.lanes).sum())


@dataclass(frozen=True, eq=False)
class LaneState:
    """The state of ``lanes`` boards.

    tick        the next tick to be evaluated, of every board
    potentials  int32  [lanes, n, 256]
    slots       uint64 [words, 16, n, 256]  lanes in which an axon is active in scheduler row t mod 16
    counters    int64  [8]                  of all boards together
    firings     int64  [n]                  of all boards together
    generators  uint32 [lanes, n]           of every board as in :class:`State`
    pending     the inputs to come
    """

    tick: int
    potentials: npt.NDArray[np.int32]
    slots: npt.NDArray[np.uint64]
    counters: npt.NDArray[np.int64]
    firings: npt.NDArray[np.int64]
    generators: npt.NDArray[np.uint32]
    pending: LaneInputs

    def save(self, path: PathLike, image: BoardImage) -> None:
        """Write the snapshot to ``path``, whole or not at all; SnapshotError where that fails."""
        snapshots.write(path, image, snapshots.LANES, self.tick, self._arrays())

    @classmethod
    def load(cls, path: PathLike, image: BoardImage) -> LaneState:
        """Read a snapshot of lanes of ``image``.

        Raises SnapshotError for a file that is no snapshot of lanes, is damaged, or was taken of
        another image.
        """
        tick, arrays = snapshots.read(path, image, snapshots.LANES)
        if problem := _problem(arrays, tick, image):
            raise snapshots.damaged(path, problem)
        pending = LaneInputs(arrays.pop("pending"), arrays.pop("pending_lanes"))
        return cls(tick=tick, pending=pending, **arrays)

    def _arrays(self) -> snapshots.Arrays:
        return {
            "potentials": self.potentials,
            "slots": self.slots,
            "counters": self.counters,
            "firings": self.firings,
            "generators": self.generators,
            "pending": self.pending.events,
            "pending_lanes": self.pending.lanes,
        }


def _problem(arrays: Mapping[str, Any], tick: int, image: BoardImage) -> str | None:
    """What does not fit the image, if anything."""
    n, lanes = image.core_count, len(arrays["potentials"])
    shapes = {
        "potentials": (lanes, n, NEURONS),
        "slots": (words_of(lanes), SLOTS, n, AXONS),
        "counters": (len(Counters.__dataclass_fields__),),
        "firings": (n,),
        "generators": (lanes, n),
        "pending": (0, 3),
        "pending_lanes": (0, words_of(lanes)),
    }
    if problem := snapshots.shape_problem(arrays, shapes):
        return problem
    if not lanes:
        return "it has no lanes"
    if len(arrays["pending"]) != len(arrays["pending_lanes"]):
        return "pending inputs and their lanes are not equally many"
    beyond = ~mask(lanes)
    if (arrays["pending_lanes"] & beyond).any() or (
        arrays["slots"] & beyond[:, None, None, None]
    ).any():
        return f"a spike is in a lane after the last of {lanes}"
    return (
        snapshots.potential_problem(arrays["potentials"], image)
        or snapshots.count_problem(arrays)
        or snapshots.generator_problem(arrays["generators"], image)
        or snapshots.pending_problem(arrays["pending"], tick, image)
    )
