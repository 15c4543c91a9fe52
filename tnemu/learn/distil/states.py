"""States to learn from: what was seen, and the teacher's Q-values of it; in memory or in files.

A folder holds the states of one round of one game::

    screens.npy   uint8[n, stack, rows, columns], mapped, not read: ten games of 40,000 have 2.8 GB
    q.npy         float32[n, actions]
    facts.json    what they are states of, and how they were made (tnemu.learn.distil.rounds)

It is there whole or not at all, and is never changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from tnemu.errors import shown
from tnemu.files import (
    make_folder,
    map_npy,
    place,
    read_fields,
    read_npy,
    still_whole,
    write_json,
    write_npy,
    writing_folder,
)
from tnemu.formats.errors import FormatError
from tnemu.learn.run.runs import MOST_SETTINGS
from tnemu.tasks.task import TaskSpec

Screens = npt.NDArray[np.uint8]
Facts = Mapping[str, Any]

SCREENS, LABELS, FACTS = "screens.npy", "q.npy", "facts.json"
_AGAIN = "delete it and go on with the run with --resume, it is collected again"


class States:
    """Observations uint8[n, stack, rows, columns] and the teacher's Q-values float32[n, actions].

    Observations may be mapped from files, and stay there: what is asked for is copied.
    """

    q: Tensor

    def __init__(self, screens: Screens, q: npt.NDArray[np.float32], where: str = "states"):
        """Takes the arrays as they are; they must have the same length. ``where`` names the file."""
        self._parts, self.q = [(screens, where)], torch.from_numpy(q)

    def __len__(self) -> int:
        return len(self.q)

    def take(self, index: Tensor) -> Tensor:
        """Observations uint8[len(index), stack, rows, columns] of the states with these numbers.

        Raises FormatError where a file was cut meanwhile.
        """
        wanted, first = index.numpy(), 0
        seen = np.empty((len(wanted), *self._parts[0][0].shape[1:]), np.uint8)
        for screens, where in self._parts:
            still_whole(screens, where, error=FormatError)
            here = (wanted >= first) & (wanted < first + len(screens))
            seen[here] = screens[wanted[here] - first]
            first += len(screens)
        return torch.from_numpy(seen)

    def batches(self, size: int = 500) -> Iterator[Tensor]:
        """All observations in order, so many at a time."""
        for index in torch.arange(len(self)).split(size):
            yield self.take(index)

    def split(self, hold_out: int) -> tuple[States, States]:
        """For training, for validation: the last 1 / hold_out in time."""
        cut = len(self) - len(self) // hold_out
        return self._between(0, cut), self._between(cut, len(self))

    def _between(self, start: int, end: int) -> States:
        first, parts = 0, []
        for screens, where in self._parts:
            parts.append((screens[max(start - first, 0) : max(end - first, 0)], where))
            first += len(screens)
        return _of(parts, self.q[start:end])

    @staticmethod
    def join(rounds: Sequence[States]) -> States:
        """The states of all rounds, one after the other; observations stay where they are."""
        parts = [part for r in rounds for part in r._parts]
        return _of(parts, torch.cat([r.q for r in rounds]))

    def save(self, folder: Path, facts: Facts, **made: Any) -> None:
        """With what must be the same for states to be these, and how they were ``made``. An older
        folder is replaced. Raises FormatError.
        """
        make_folder(folder.parent, error=FormatError)
        with writing_folder(folder, error=FormatError, may_replace=is_states) as scratch:
            parts = [screens for screens, _ in self._parts]
            screens = parts[0] if len(parts) == 1 else np.concatenate(parts)
            write_npy(scratch / SCREENS, screens, error=FormatError)
            write_npy(scratch / LABELS, self.q.numpy(), error=FormatError)
            write_json(scratch / FACTS, {"facts": facts, "made": made}, error=FormatError)

    @staticmethod
    def load(folder: Path, spec: TaskSpec, facts: Facts) -> States:
        """Raises FormatError for a folder that cannot be read, and for states that were made with
        other facts.
        """
        try:
            with read_fields(folder / FACTS, error=FormatError, most_bytes=MOST_SETTINGS) as found:
                stored = found.json("facts")
                found.json("made")  # for people
            shape: tuple[int | None, ...] = (None, *spec.shape)
            screens = map_npy(folder / SCREENS, error=FormatError, dtype=np.uint8, shape=shape)
            wanted = (len(screens), len(spec.actions))
            q = read_npy(
                folder / LABELS, error=FormatError, dtype=np.float32, shape=wanted, finite=True
            )
            if not len(q):
                raise FormatError(f"{place(folder / LABELS)}: it holds no states")
        except FormatError as error:
            raise FormatError(
                f"{place(folder)} cannot be read as states ({error}); {_AGAIN}"
            ) from None
        _check_same(stored, facts, folder)
        return States(screens, q, place(folder / SCREENS))


def is_states(folder: Path) -> bool:
    """Whether a folder is one of states, and may be replaced by another."""
    return (folder / FACTS).is_file()


def _of(parts: list[tuple[Screens, str]], q: Tensor) -> States:
    states = States.__new__(States)
    states._parts, states.q = [(a, where) for a, where in parts if len(a)] or parts[:1], q
    return states


def _check_same(stored: Any, facts: Facts, folder: Path) -> None:
    if not isinstance(stored, dict):
        stored = {}
    for name in (*facts, *stored):
        before, now = stored.get(name), facts.get(name)
        if before != now:
            raise FormatError(
                f"{place(folder)}: its states were made with {name} {_brief(before)}, the run's is "
                f"{_brief(now)}; {_AGAIN}"
            )


def _brief(value: Any) -> str:
    """Of a hash its first letters."""
    return value[:12] if isinstance(value, str) else shown(value)
