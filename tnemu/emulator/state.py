"""What a board remembers between two ticks, and the snapshot file that holds it.

V_j, the scheduler rows, the tick and the inputs that are still to come: with the image they decide
everything that follows. Which engine computed them does not matter.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS, POTENTIAL_MAX, POTENTIAL_MIN, SLOTS

FORMAT = "tnemu-snapshot-1"

LAST_TICK = (1 << 46) - 1
"""Highest tick: noise is keyed by 46 bits of it (2,000 years at 1 kHz)."""

Events = npt.NDArray[np.int64]
"""int64 [m, 3], one event per row: (tick, core, axon), (tick, connector, pin) or (tick, core, neuron)."""


class SnapshotError(TnemuError, ValueError):
    """A snapshot cannot be written, is damaged, or belongs to another image."""


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


@dataclass
class State:
    """One board's state.

    tick        the next tick to be evaluated
    potentials  int32  [n, 256]    V in -524288..524287; 0 for neurons that are not used
    slots       uint64 [16, n, 4]  scheduler row t mod 16: bit i % 64 of word i // 64 = axon i
    counters    int64  [8]         the fields of :class:`Counters`, in their order
    firings     int64  [n]         how often the neurons of every core have fired
    pending     int64  [m, 3]      external inputs to come (tick, core, axon), in order of tick
    """

    tick: int
    potentials: npt.NDArray[np.int32]
    slots: npt.NDArray[np.uint64]
    counters: npt.NDArray[np.int64]
    firings: npt.NDArray[np.int64]
    pending: Events

    @classmethod
    def initial(cls, image: BoardImage) -> State:
        """The state an image is loaded with: V0 of every used neuron, empty slots, tick 0."""
        start = np.where(image.types != 0, image.neuron_types["V0"][image.types], 0)
        return cls(
            tick=0,
            potentials=start.astype(np.int32),
            slots=np.zeros((SLOTS, image.core_count, AXONS // 64), np.uint64),
            counters=np.zeros(len(Counters.__dataclass_fields__), np.int64),
            firings=np.zeros(image.core_count, np.int64),
            pending=np.zeros((0, 3), np.int64),
        )

    def add_pending(self, events: Events) -> None:
        """Queue external inputs (tick, core, axon); none may be earlier than ``tick``."""
        pending = np.concatenate([self.pending, events]) if len(self.pending) else events
        if (np.diff(pending[:, 0]) < 0).any():
            pending = pending[np.argsort(pending[:, 0], kind="stable")]
        self.pending = pending

    def in_flight(self) -> int:
        """Spikes that some core has still to see: bits set in slots, and pending inputs."""
        return int(np.bitwise_count(self.slots).sum()) + len(self.pending)

    def save(self, path: str | Path, image: BoardImage) -> None:
        """Write the snapshot to ``path``; the file appears whole or not at all.

        An .npz without pickled objects that names the image's hash. Raises SnapshotError when the
        file cannot be written (disk full, no such folder); an older file then stays as it was.
        """
        path = Path(path)
        scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        chip = image.board.chip
        header = {
            "format": FORMAT,
            "image": image.sha256(),
            "leak_zero_clamp": chip.leak_zero_clamp,
            "potential_range": chip.potential_range,
            "tick": self.tick,
        }
        try:
            with open(scratch, "xb") as file:
                np.savez(file, header=np.array(json.dumps(header)), **self.arrays())
                file.flush()
                os.fsync(file.fileno())
            os.replace(scratch, path)
        except BaseException as error:
            scratch.unlink(missing_ok=True)
            if isinstance(error, OSError):
                raise SnapshotError(
                    f"snapshot {path} cannot be written ({error.strerror or error}); "
                    "make room or choose another place"
                ) from error
            raise

    @classmethod
    def load(cls, path: str | Path, image: BoardImage) -> State:
        """Read a snapshot of ``image``.

        Raises SnapshotError for a file that is no snapshot, is damaged, or was taken of another
        image (it names both hashes).
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                header = json.loads(str(file["header"]))
                arrays = {k: np.ascontiguousarray(file[k]) for k in file.files if k != "header"}
            version, taken_of, tick = (header[key] for key in ("format", "image", "tick"))
        except Exception as error:  # whatever zipfile, zlib, numpy or json say to a damaged file
            raise SnapshotError(
                f"{path} is not a readable snapshot ({error}); take a new one"
            ) from error
        if version != FORMAT:
            raise SnapshotError(
                f"{path} has format {version!r}, this version reads {FORMAT!r}; take a new snapshot"
            )
        if taken_of != image.sha256():
            raise SnapshotError(
                f"{path} was taken of image {taken_of}, this image is {image.sha256()}; "
                f"restore it with the image it was taken of{_switches(header, image)}"
            )
        if problem := _problem(arrays, tick, image):
            raise SnapshotError(f"snapshot {path} is damaged: {problem}; take a new one")
        return cls(tick=tick, **arrays)

    def arrays(self) -> dict[str, Any]:
        """Everything but the tick, by name."""
        return {
            "potentials": self.potentials,
            "slots": self.slots,
            "counters": self.counters,
            "firings": self.firings,
            "pending": self.pending,
        }


def _switches(header: dict[str, Any], image: BoardImage) -> str:
    """Names the switches of the chip that differ: the usual reason why two images are not the same."""
    chip = image.board.chip
    differ = [
        f"{name} was {header.get(name)}, is {getattr(chip, name)}"
        for name in ("leak_zero_clamp", "potential_range")
        if header.get(name) != getattr(chip, name)
    ]
    return f" ({'; '.join(differ)})" if differ else ""


def _problem(arrays: dict[str, Any], tick: Any, image: BoardImage) -> str | None:
    """What does not fit the image, if anything; a hand-made file must not reach outside of memory."""
    if type(tick) is not int or not 0 <= tick <= LAST_TICK:
        return f"tick is {tick!r}"
    expected = State.initial(image).arrays()
    if arrays.keys() != expected.keys():
        return f"it holds {', '.join(arrays) or 'nothing'}"
    for name, like in expected.items():
        array = arrays[name]
        shape = (len(array), 3) if name == "pending" else like.shape
        if array.dtype != like.dtype or array.shape != shape:
            return f"{name} is {array.dtype} {array.shape}"
    potentials, pending = arrays["potentials"], arrays["pending"]
    if ((potentials < POTENTIAL_MIN) | (potentials > POTENTIAL_MAX)).any():
        return f"a potential is outside {POTENTIAL_MIN}..{POTENTIAL_MAX}"
    if potentials[image.types == 0].any():
        return "a neuron that is not used has a potential"
    if (arrays["counters"] < 0).any() or (arrays["firings"] < 0).any():
        return "a counter is negative"
    limits = [LAST_TICK, image.core_count - 1, AXONS - 1]
    if ((pending < [tick, 0, 0]) | (pending > limits)).any():
        return "a pending input is in the past or on no axon"
    if (np.diff(pending[:, 0]) < 0).any():
        return "pending inputs are not in order"
    return None
