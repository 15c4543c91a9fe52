"""Files that hold spikes, of every kind that is read, as one kind of record.

:data:`KINDS` is the table of them: a further kind of file is one more entry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError
from tnemu.files import opening, place
from tnemu.formats.probe_file import iter_firings
from tnemu.formats.spike_file import iter_spikes

RECORD_DTYPE = np.dtype([("tick", np.int64), ("place", np.int64)])
"""A spike as it is compared: its tick, and :func:`places` of where it goes or comes from."""
Records = npt.NDArray[np.void]

SPIKES, FIRINGS = "spikes", "firings"
"""What a file holds: spikes to axons and connectors, or firings of neurons."""

_HEAD_BYTES = 64
_CORES = 1 << 31


class SpikeSourceError(TnemuError, ValueError):
    """A file is none that holds spikes, or cannot be compared."""


@dataclass(frozen=True)
class Place:
    """Core (or connector, below 0), axon (or pin, or neuron) and delay (0: there is none)."""

    core: int
    axon: int
    delay: int


def places(
    core: npt.NDArray[np.int64], axon: npt.ArrayLike, delay: npt.ArrayLike
) -> npt.NDArray[np.int64]:
    """Place as one number, in the order of core, axon, delay: bits 12.., 4..11, 0..3."""
    axon, delay = np.asarray(axon, np.int64), np.asarray(delay, np.int64)
    return (core + _CORES) << 12 | axon << 4 | delay


def place_of(number: int) -> Place:
    """What :func:`places` made a number of."""
    return Place((number >> 12) - _CORES, number >> 4 & 255, number & 15)


@dataclass(frozen=True)
class Kind:
    """A kind of file: its name for messages, how its first bytes look, and its reader."""

    name: str
    holds: str
    begins: tuple[bytes, ...]
    blocks: Callable[[Path], Iterator[Records]]


def _spikes(path: Path) -> Iterator[Records]:
    for block in iter_spikes(path):
        found = block.records
        # A spike that has left the board goes no further: a connector has no delay.
        delay = np.where(found["core"] < 0, 0, found["delay"])
        yield _records(found["time"], places(found["core"], found["axon"], delay))


def _firings(path: Path) -> Iterator[Records]:
    for found in iter_firings(path):
        yield _records(found["tick"], places(found["core"], found["neuron"], 0))


def _records(tick: npt.NDArray[np.int64], place: npt.NDArray[np.int64]) -> Records:
    records = np.empty(len(tick), RECORD_DTYPE)
    records["tick"], records["place"] = tick, place
    return records


KINDS = (
    Kind("IBM spike file: text, RAWI3, RAWO6 or CONNPIN", SPIKES, (b"{",), _spikes),
    Kind("recording of firings, .npz or .csv", FIRINGS, (b"PK", b"tick,core,neuron"), _firings),
)
"""Every kind of file with spikes, told apart by their first bytes."""


def kind_of(path: Path) -> Kind:
    """The kind of a file. Raises SpikeSourceError for one that is none of :data:`KINDS`."""
    with opening(path, error=SpikeSourceError, what="spike file", most_bytes=1 << 44) as file:
        head = file.read(_HEAD_BYTES).lstrip()
    for kind in KINDS:
        if head.startswith(kind.begins):
            return kind
    known = "; ".join(kind.name for kind in KINDS)
    raise SpikeSourceError(f"{place(path)} is no file of spikes; read are: {known}")
