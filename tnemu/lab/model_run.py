"""A run of IBM's files: a board image, input spikes in, spikes that leave the board out, probes.

    run_model(board_image("ex1.json"), 100, "out.sfto", given="in.sfti")

Ticks count from 0. An input spike sent in tick t is seen in tick t + its delay. Every spike that
leaves the board is in the output: the tick in which the neuron fired, the connector's number, the
pin. The output's name says how it is written (:mod:`tnemu.lab.outputs`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.state import Counters
from tnemu.files import writing
from tnemu.formats.spike_file import Spikes, iter_spikes
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import NEURONS
from tnemu.lab.outputs import RunError, output_for
from tnemu.lab.probes import SPIKE_LIMIT, Probe
from tnemu.runtime.clock import now_s

__all__ = ["ModelRun", "RunError", "check_numbers", "run_model"]

CHUNK_TICKS = 256
"""Ticks run at a time, so that the output is written as it comes."""
WAITING_SPIKES = 1 << 23
"""Input spikes of a file that wait in the board at most, unless one block of it has more."""


@dataclass(frozen=True)
class ModelRun:
    """What a run did. ``late``: input spikes that arrive after its last tick and were not used."""

    ticks: int
    board: str
    engine: str
    counters: Counters
    late: int
    probes: tuple[Probe, ...]
    firings: npt.NDArray[np.int64]
    """[cores] firings of every core."""
    elapsed_s: float | None
    """Seconds of the engine in all ticks but the first, which loads it; None of one tick."""

    def __str__(self) -> str:
        count = self.counters
        return (
            f"{count.ticks:,} ticks, {count.spikes:,} neurons fired, "
            f"{count.output_spikes:,} spikes left {self.board}, "
            f"{count.synaptic_operations:,} synaptic operations, engine {self.engine}"
        )

    def notes(self) -> list[str]:
        """What its user must know."""
        late = (
            f"{self.late:,} input spikes arrive in tick {self.ticks:,} or later, after this run's "
            "last tick; run more ticks to use them"
        )
        merged = (
            f"{self.counters.merged:,} spikes met another on the same axon in the same tick and "
            "merged with it: an axon carries one spike a tick"
        )
        said = [
            late if self.late else "",
            merged if self.counters.merged else "",
            *(probe.note() for probe in self.probes),
        ]
        return [note for note in said if note]


def run_model(
    image: BoardImage,
    ticks: int,
    output: str | Path | IO[bytes],
    *,
    given: str | Path | None = None,
    probes: Sequence[Probe] = (),
    engine: str = "compiled",
    noise_seed: int | None = None,
    name: str = "the model",
) -> ModelRun:
    """Run ``image`` for ``ticks`` ticks on the spike file ``given``; spikes go to ``output``.

    ``output`` is a file's name, written whole or not at all, as text, RAWO6 (.sfro) or CONNPIN
    (.sfcp); or an open file, for text. ``noise_seed`` is the Emulator's; ``name`` names the model in
    errors. A spike file of any length is read as the run comes to it; one with more than
    WAITING_SPIKES spikes must be in the order of ticks. Raises RunError, at the line of a spike whose
    core the model does not have, and what readers, probes and the emulator raise.
    """
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator(image, engine=engine, noise_seed=noise_seed))
        check_numbers(image)
        inputs = _Inputs(given, emulator, ticks, name) if given else None
        if inputs:
            inputs.queue()  # what is wrong in a short file is said before anything is written
        for probe in probes:
            probe.start(image)
        kind = output_for(output if isinstance(output, str | Path) else None, image)
        if isinstance(output, str | Path):
            # It takes its name after the run, so that an interrupted run leaves none.
            output = stack.enter_context(writing(output, error=RunError, what="spike file"))
        output.write(kind.head())
        elapsed_s = 0.0
        while (begin := emulator.tick) < ticks:
            recorded = kind.recorded.union(*(p.recorded for p in probes))
            most, limit = _piece(len(recorded)) if kind.recorded else (CHUNK_TICKS, SPIKE_LIMIT)
            until = min(ticks, inputs.queue()) if inputs else ticks
            until = min(until, *(p.stop(begin) for p in probes), begin + (most if begin else 1))
            started = now_s()
            found = emulator.run(until - begin, record_spikes=sorted(recorded), spike_limit=limit)
            elapsed_s += now_s() - started if begin else 0.0
            output.writelines(kind.piece(found, emulator.last_spikes, begin, until))
            for probe in probes:
                probe.take(emulator)
        output.write(kind.tail())
        if inputs:
            inputs.finish()
        for probe in probes:
            probe.finish()
        output.flush()
        counters, firings = emulator.counters, emulator.firings
    late = inputs.late if inputs else 0
    return ModelRun(
        ticks,
        image.board.name,
        engine,
        counters,
        late,
        tuple(probes),
        firings,
        elapsed_s if ticks > 1 else None,
    )


class _Inputs:
    """The spikes of a file, queued in the board block by block as the run comes to them."""

    def __init__(self, path: str | Path, emulator: Emulator, ticks: int, name: str) -> None:
        self.emulator, self.ticks, self.name = emulator, ticks, name
        self.blocks: Iterator[Spikes] = iter_spikes(path)
        self.waiting: deque[tuple[int, int]] = deque()
        self.known = 0
        """Every spike that arrives before this tick has been read, if the file is in order."""
        self.late = 0
        self.ids = emulator.image.core_ids
        self.order = np.argsort(self.ids)
        if len(np.unique(self.ids)) != len(self.ids):
            raise RunError(
                f"{name} has cores with the same number, so a spike file cannot tell them apart; "
                "number the cores of the network differently and build the image again"
            )

    def queue(self) -> int:
        """Queue as many blocks as may wait; returns the tick up to which the board may run."""
        now = self.emulator.tick
        self.waiting = deque((last, count) for last, count in self.waiting if last >= now)
        room = WAITING_SPIKES - sum(count for _, count in self.waiting)
        while room > 0 or self.known <= now:
            if (block := next(self.blocks, None)) is None:
                self.known = self.ticks
                break
            room -= self._inject(block)
        return self.known

    def finish(self) -> None:
        """After the last tick: look at the rest of the file, which all arrives later."""
        for block in self.blocks:
            self._inject(block)

    def _inject(self, block: Spikes) -> int:
        records = block.records
        core = self._cores(block)
        arrival = records["time"] + records["delay"]
        missed = np.flatnonzero(arrival < self.emulator.tick)
        if len(missed):
            first = int(missed[0])
            raise RunError(
                f"{block.where(first)}: the spike arrives in tick {int(arrival[first]):,}, when the "
                f"run was in tick {self.emulator.tick:,}; a file of more than {WAITING_SPIKES:,} "
                "spikes must be in the order of ticks: sort it by srcTime"
            )
        # What follows was sent no earlier, and takes a tick at least.
        self.known = max(self.known, int(records["time"].max(initial=0)) + 1)
        seen = arrival < self.ticks
        count = int(seen.sum())
        self.late += len(seen) - count
        if count:
            self.emulator.inject(core[seen], records["axon"][seen], arrival[seen])
            self.waiting.append((int(arrival[seen].max()), count))
        return count

    def _cores(self, block: Spikes) -> npt.NDArray[np.intp]:
        """Index of the core of every spike."""
        wanted, ids = block.records["core"], self.ids
        index = self.order[np.minimum(np.searchsorted(ids[self.order], wanted), len(ids) - 1)]
        unknown = np.flatnonzero(ids[index] != wanted)
        if len(unknown):
            first = int(unknown[0])
            raise RunError(
                f"{block.where(first)}: destCore = {int(wanted[first])} is not allowed; {self.name} "
                f"has {len(ids):,} cores, {int(ids.min())}..{int(ids.max())}, and no core of that id"
            )
        return index


def _piece(cores: int) -> tuple[int, int]:
    """(ticks to run at a time, all firings that so many cores can have in them)."""
    ticks = min(CHUNK_TICKS, max(1, SPIKE_LIMIT // (NEURONS * cores)))
    return ticks, ticks * NEURONS * cores


def check_numbers(image: BoardImage) -> None:
    """Raises RunError when two exits of the board have the same number in the output file."""
    owner: dict[int, str] = {}
    for connector in image.outputs:
        for k in range(len(connector.exits)):
            number = connector.number - k
            if number in owner:
                raise RunError(
                    f"outputs {owner[number]!r} and {connector.name!r} both use the connector "
                    f"number {number}; number outputs further apart, one for every 256 pins"
                )
            owner[number] = connector.name
