"""What ``tnemu run --probe`` records inside the board; files are those of tnemu.formats.probe_file.

spikes=FILE                     every neuron that fired
spikes:CORE,...=FILE            those of the named cores
potentials:CORE=FILE            V of all 256 neurons of a core, after every tick
potentials:CORE:NEURON,...=FILE those of the named neurons
"... every N=FILE"              of either, in ticks 0, N, 2N, ... alone
counters=FILE                   what happened in every tick: spikes, synaptic operations, hops, ...
"counters every N=FILE"         in every N ticks together

The name of the file says how it is written: ``.npz``, ``.csv`` or ``.parquet``, firings also as ``.sfro`` (RAWO6: with
where they are sent, as IBM's run time records them). Firings are kept up to SPIKE_LIMIT; more than
VALUE_LIMIT potentials are refused.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.state import Counters
from tnemu.errors import TnemuError, shown
from tnemu.files import check_writable
from tnemu.formats.probe_file import (
    FIRING_DTYPE,
    suffix_of,
    write_counts,
    write_firings,
    write_potentials,
)
from tnemu.formats.spike_words import write_sent_spikes
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import NEURONS
from tnemu.lab.senders import Senders

SPIKE_LIMIT = 10_000_000
"""Firings that a probe keeps at most: 160 MB while it runs."""
SENT = ".sfro"
"""How the name of a recording ends that says where the spikes are sent."""
VALUE_LIMIT = 1 << 26
"""Potentials that a probe keeps at most: 256 MB."""
COUNT_LIMIT = 1 << 24
"""Counts that a probe keeps at most: 128 MB."""

_LIST = r"\d{1,9}(?:,\d{1,9})*"
_EVERY = r"(?: every ([1-9]\d{0,8}))?"
_SPIKES = re.compile(rf"spikes(?::({_LIST}))?{_EVERY}")
_POTENTIALS = re.compile(rf"potentials:(\d{{1,9}})(?::({_LIST}))?{_EVERY}")
_COUNTERS = re.compile(rf"counters{_EVERY}")
COUNTED = tuple(f.name for f in fields(Counters) if f.name != "ticks")
"""What is counted of every tick."""


class ProbeError(TnemuError, ValueError):
    """A probe asks for what the board does not have, or for more than it may keep."""


class Probe(ABC):
    """One recording: started with the loaded board, given every piece of the run, then written.

    It has ticks 0, ``every``, 2 ``every`` and so on.
    """

    recorded: frozenset[int] = frozenset()
    """Indices of the cores whose firings it wants; known once started."""

    def __init__(self, what: str, path: Path, every: int, also: tuple[str, ...] = ()) -> None:
        suffix_of(path, also)
        self.what = what
        self.path = path
        self.every = every

    def stop(self, tick: int) -> int:
        """The tick before which it has to be asked again, when ``tick`` is the next to be run."""
        return tick + -tick % self.every + 1

    def start(self, image: BoardImage) -> None:
        """Before the first tick: find what is to be recorded, and whether the file can be written.

        Raises ProbeError for what the board does not have, FormatError for the file.
        """
        self.prepare(image)
        check_writable(self.path, error=ProbeError, what="recording")

    @abstractmethod
    def prepare(self, image: BoardImage) -> None:
        """Find what is to be recorded, or raise ProbeError."""

    @abstractmethod
    def take(self, emulator: Emulator) -> None:
        """After every piece of the run."""

    @abstractmethod
    def finish(self) -> None:
        """After the last tick: write the recording."""

    def note(self) -> str:
        """What its user must know, or nothing."""
        return ""

    def core_index(self, image: BoardImage, number: int) -> int:
        """Index of the core with that id."""
        found = np.flatnonzero(image.core_ids == number)
        if not len(found):
            raise ProbeError(
                f"--probe {self.what}: there is no core {number}; the model has "
                f"{image.core_count:,} cores, {int(image.core_ids.min())}..{int(image.core_ids.max())}"
            )
        return int(found[0])


class SpikeProbe(Probe):
    """Every firing of the named cores, or of all."""

    def __init__(self, what: str, path: Path, cores: list[int], every: int) -> None:
        super().__init__(what, path, every, (SENT,))
        self.cores = cores
        self.unsent = 0
        self.found: list[npt.NDArray[np.void]] = []
        self.count = 0
        self.truncated = False

    def prepare(self, image: BoardImage) -> None:
        """Find the named cores."""
        wanted = [self.core_index(image, number) for number in self.cores]
        self.recorded = frozenset(wanted or range(image.core_count))
        self.core_ids = np.array(image.core_ids)
        self.senders = Senders(image) if self.path.suffix.lower() == SENT else None

    def stop(self, tick: int) -> int:
        """Never: the firings of a piece have their ticks."""
        return tick + (1 << 30)

    def take(self, emulator: Emulator) -> None:
        """Keep the firings of the piece, up to SPIKE_LIMIT in all."""
        spikes = emulator.last_spikes
        if spikes is None or self.truncated:
            return
        wanted = np.isin(spikes.records["core"], list(self.recorded))
        mine = spikes.records[wanted & (spikes.records["tick"] % self.every == 0)]
        room = SPIKE_LIMIT - self.count
        self.found.append(mine[:room].copy())
        self.count += len(self.found[-1])
        self.truncated = spikes.truncated or len(mine) > room
        if self.truncated:
            self.recorded = frozenset()

    def finish(self) -> None:
        """Write the firings."""
        found = np.concatenate(self.found)
        if self.senders:
            sent = self.senders.sent(found)
            self.unsent = len(found) - len(sent)
            write_sent_spikes(self.path, sent)
            return
        records = np.empty(len(found), FIRING_DTYPE)
        records["tick"], records["neuron"] = found["tick"], found["neuron"]
        records["core"] = self.core_ids[found["core"]]
        write_firings(self.path, records, self.truncated)

    def note(self) -> str:
        """Whether there were more firings than are kept, or than the file has a place for."""
        if not self.truncated and not self.unsent:
            return ""
        if not self.truncated:
            return (
                f"--probe {self.what} left out {self.unsent:,} firings of neurons without a "
                f"destination, for which {SENT} has no place; .npz and .csv have all"
            )
        return (
            f"--probe {self.what} kept the first {self.count:,} firings; name fewer cores, fewer "
            f"ticks of them (spikes every {10 * self.every}) or run fewer ticks to have all"
        )


class PotentialProbe(Probe):
    """V of some neurons of one core, after every tick."""

    def __init__(
        self, what: str, path: Path, core: int, neurons: list[int], every: int, ticks: int
    ) -> None:
        super().__init__(what, path, every)
        self.core = core
        self.neurons = np.array(neurons or range(NEURONS), dtype=np.int16)
        kept = -(-ticks // every)
        if (size := kept * len(self.neurons)) > VALUE_LIMIT:
            raise ProbeError(
                f"--probe {what}: {kept:,} ticks of {len(self.neurons)} neurons are {size:,} "
                f"values, a probe keeps {VALUE_LIMIT:,}; name fewer neurons, fewer ticks "
                f"(potentials:{core} every {10 * every}) or run fewer ticks"
            )
        self.potential = np.zeros((kept, len(self.neurons)), dtype=np.int32)

    def prepare(self, image: BoardImage) -> None:
        """Find the core."""
        self.index = self.core_index(image, self.core)

    def take(self, emulator: Emulator) -> None:
        """Keep the potentials after the tick, if it is one of its own."""
        row, other = divmod(emulator.tick - 1, self.every)
        if not other:
            self.potential[row] = emulator.potentials[self.index, self.neurons]

    def finish(self) -> None:
        """Write the potentials."""
        ticks = np.arange(len(self.potential)) * self.every
        write_potentials(self.path, ticks, self.core, self.neurons, self.potential)


class CountProbe(Probe):
    """What the board counted in every ``every`` ticks, the last of them fewer if the run ends."""

    def __init__(self, what: str, path: Path, every: int, ticks: int) -> None:
        super().__init__(what, path, every)
        rows = -(-ticks // every)
        if (size := rows * len(COUNTED)) > COUNT_LIMIT:
            raise ProbeError(
                f"--probe {what}: {rows:,} rows of {len(COUNTED)} counters are {size:,} values, a probe "
                f"keeps {COUNT_LIMIT:,}; count more ticks together (counters every {10 * every}) or run "
                "fewer ticks"
            )
        self.sums = np.zeros((rows, len(COUNTED)), np.int64)
        self.before = np.zeros(len(COUNTED), np.int64)

    def stop(self, tick: int) -> int:
        """The end of the row that ``tick`` is in."""
        return tick - tick % self.every + self.every

    def prepare(self, image: BoardImage) -> None:
        """Nothing: every board counts."""

    def take(self, emulator: Emulator) -> None:
        """Add what was counted since the last piece to its row."""
        now = np.array(astuple(emulator.counters)[1:], np.int64)
        self.sums[(emulator.tick - 1) // self.every] += now - self.before
        self.before = now

    def finish(self) -> None:
        """Write the counts."""
        write_counts(self.path, np.arange(len(self.sums)) * self.every, COUNTED, self.sums)


def parse_probe(text: str, ticks: int) -> Probe:
    """The probe that ``WHAT=FILE`` asks for, in a run of ``ticks`` ticks."""
    what, equals, name = text.partition("=")
    if equals and name:
        if found := _SPIKES.fullmatch(what):
            return SpikeProbe(what, Path(name), _numbers(found[1]), int(found[2] or 1))
        found = _POTENTIALS.fullmatch(what)
        if found and max(neurons := _numbers(found[2]), default=0) < NEURONS:
            core, every = int(found[1]), int(found[3] or 1)
            return PotentialProbe(what, Path(name), core, neurons, every, ticks)
        if found := _COUNTERS.fullmatch(what):
            return CountProbe(what, Path(name), int(found[1] or 1), ticks)
    raise ProbeError(
        f"--probe {shown(text)} is not understood; write spikes=FILE, spikes:CORE,...=FILE, "
        f"potentials:CORE[:NEURON,...]=FILE or counters=FILE, neurons 0..{NEURONS - 1}, files .npz, .csv "
        f"or .parquet (spikes also {SENT}); for every N-th tick alone: 'spikes every N=FILE'"
    )


def _numbers(text: str | None) -> list[int]:
    return [int(number) for number in text.split(",")] if text else []
