"""What a board remembers between two ticks.

V_j, the generators, the scheduler rows, the tick and the inputs that are still to come: with the image
they decide everything that follows. Which engine computed them does not matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator import noise, snapshots
from tnemu.emulator.errors import SnapshotError
from tnemu.files import PathLike
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS, NEURONS, SLOTS

__all__ = ["LAST_TICK", "Counters", "Events", "SnapshotError", "State"]

LAST_TICK = snapshots.LAST_TICK
"""Highest tick: noise is keyed by 46 bits of it (2,000 years at 1 kHz)."""

Events = npt.NDArray[np.int64]
"""int64 [m, 3], one event per row: (tick, core, axon), (tick, connector, pin) or (tick, core, neuron)."""


@dataclass(frozen=True)
class Counters:
    """What has happened since the image was loaded; every engine counts alike.

    ticks                ticks evaluated
    spikes               neurons that fired, whether or not they send anything
    synaptic_operations  active axon, crossbar bit 1, used neuron: one each, drawn weights included
    input_spikes         external spikes that arrived on an axon (an input pin with 3 taps: 3)
    output_spikes        packets that left the board at an output connector
    merged               spikes that found their slot bit set already, external ones included
    hops                 |dx| + |dy| of every packet sent
    chip_crossings       chip borders passed, x leg first; leaving the board passes one
    """

    ticks: int = 0
    spikes: int = 0
    synaptic_operations: int = 0
    input_spikes: int = 0
    output_spikes: int = 0
    merged: int = 0
    hops: int = 0
    chip_crossings: int = 0

    def __str__(self) -> str:
        """Every counter by its name, the number grouped in thousands."""
        return ", ".join(
            f"{getattr(self, f.name):,} {f.name.replace('_', ' ')}" for f in fields(self)
        )


@dataclass
class State:
    """One board's state.

    clock       int64  [1]         the next tick to be evaluated
    potentials  int32  [n, 256]    V in -524288..524287; 0 for neurons that are not used
    slots       uint64 [16, n, 4]  scheduler row t mod 16: bit i % 64 of word i // 64 = axon i
    counters    int64  [8]         the fields of :class:`Counters`, in their order
    firings     int64  [n]         how often the neurons of every core have fired
    generators  uint32 [n]         the noise of every core: of ``xorshift32`` the generator's state, of
                                   ``counter`` the key, which stays (see noise.py)
    pending     int64  [m, 3]      external inputs (tick, core, axon), in order of tick; those of ticks
                                   that are over are over as well

    The clock is an array so that an engine can set it together with what it counts: an interrupt
    between two statements of Python then finds either all of a tick or none of it.
    """

    clock: npt.NDArray[np.int64]
    potentials: npt.NDArray[np.int32]
    slots: npt.NDArray[np.uint64]
    counters: npt.NDArray[np.int64]
    firings: npt.NDArray[np.int64]
    generators: npt.NDArray[np.uint32]
    pending: Events

    @classmethod
    def initial(cls, image: BoardImage, noise_seed: object = None) -> State:
        """The state an image is loaded with: V0 of every used neuron, empty slots, tick 0.

        ``noise_seed`` as of :func:`tnemu.emulator.noise.generators`; raises what that raises.
        """
        return cls(
            clock=np.zeros(1, np.int64),
            potentials=start_potentials(image),
            slots=np.zeros((SLOTS, image.core_count, AXONS // 64), np.uint64),
            counters=np.zeros(len(fields(Counters)), np.int64),
            firings=np.zeros(image.core_count, np.int64),
            generators=noise.generators(image, noise_seed),
            pending=np.zeros((0, 3), np.int64),
        )

    @property
    def tick(self) -> int:
        """The next tick to be evaluated."""
        return int(self.clock[0])

    def due(self) -> Events:
        """The pending inputs that are still to come."""
        if not len(self.pending) or self.pending[0, 0] >= self.clock[0]:
            return self.pending
        return self.pending[np.searchsorted(self.pending[:, 0], self.tick) :]

    def add_pending(self, events: Events) -> None:
        """Queue external inputs (tick, core, axon); none may be earlier than ``tick``."""
        due = self.due()
        pending = np.concatenate([due, events]) if len(due) else events
        if (np.diff(pending[:, 0]) < 0).any():
            pending = pending[np.argsort(pending[:, 0], kind="stable")]
        self.pending = pending

    def in_flight(self) -> int:
        """Spikes that some core has still to see: bits set in slots, and pending inputs."""
        return int(np.bitwise_count(self.slots).sum()) + len(self.due())

    def save(self, path: PathLike, image: BoardImage) -> None:
        """Write the snapshot to ``path``, whole or not at all; SnapshotError where that fails."""
        snapshots.write(
            path, image, snapshots.ALONE, self.tick, self._arrays() | {"pending": self.due()}
        )

    @classmethod
    def load(cls, path: PathLike, image: BoardImage) -> State:
        """Read a snapshot of ``image``.

        Raises SnapshotError for a file that is no snapshot, is damaged, or was taken of another
        image (it names both hashes).
        """
        tick, arrays = snapshots.read(path, image, snapshots.ALONE)
        if problem := _problem(arrays, tick, image):
            raise snapshots.damaged(path, problem)
        return cls(clock=np.array([tick]), **arrays)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "clock"}


def start_potentials(image: BoardImage) -> npt.NDArray[np.int32]:
    """V0 of every used neuron, 0 of the others: int32 [n, 256]."""
    start = np.where(image.types != 0, image.neuron_types["V0"][image.types], 0)
    return start.astype(np.int32)


def _shapes(n: int) -> dict[str, tuple[int, ...]]:
    """Of the arrays of n cores in a file; of pending inputs the columns."""
    return {
        "potentials": (n, NEURONS),
        "slots": (SLOTS, n, AXONS // 64),
        "counters": (len(fields(Counters)),),
        "firings": (n,),
        "generators": (n,),
        "pending": (0, 3),
    }


def _problem(arrays: Mapping[str, Any], tick: int, image: BoardImage) -> str | None:
    """What does not fit the image, if anything; a hand-made file must not reach outside of memory."""
    return (
        snapshots.shape_problem(arrays, _shapes(image.core_count))
        or snapshots.potential_problem(arrays["potentials"], image)
        or snapshots.count_problem(arrays)
        or snapshots.generator_problem(arrays["generators"], image)
        or snapshots.pending_problem(arrays["pending"], tick, image)
    )
