"""A run that has ended, as the page's source, and the file it is kept in.

``replay.npz`` holds the film of a run (:mod:`tnemu.runtime.film`), its table of decisions, and as JSON
what the page has to know of the board, with the report.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError
from tnemu.files import json_text, parse_json, read_npz, write_npz
from tnemu.runtime.film import BYTES, INDEX_DTYPE, PICTURES
from tnemu.runtime.record import DECISION_DTYPE, DECISIONS
from tnemu.runtime.session import Result
from tnemu.web.live import entry_of
from tnemu.web.numbers import of_report, times, work
from tnemu.web.server import PageError

NAME = "replay.npz"
WINDOW_S = 5.0
MOST_ABOUT = 1 << 26
MOST_BYTES = 2 * BYTES + PICTURES * INDEX_DTYPE.itemsize + DECISIONS * 80 + MOST_ABOUT
TRACK = 600
"""Points of the score's curve below the slider."""

INDEX_FIELDS = {"decision": 1, "offset": 1, "length": 1, "shape": 2, "action": 1, "player": 1}


class ReplayError(TnemuError, ValueError):
    """A run that was not kept, or whose file is damaged."""


def write_replay(
    result: Result, about: dict[str, Any], report: dict[str, Any], path: str | Path
) -> None:
    """Keep a run whose settings asked for a film. Raises ReplayError where it cannot be written."""
    text = json_text({**about, "report": report}, "what the page shows", error=ReplayError)
    index, details = result.film.index, result.record.decisions()
    arrays = {
        "about": np.frombuffer(text.encode(), np.uint8),
        "data": result.film.data,
        **{name: index[name] for name in INDEX_FIELDS},
        **{f"d_{name}": details[name] for name in DECISION_DTYPE.names or ()},
    }
    write_npz(path, arrays, error=ReplayError, what="the replay")


class Replay:
    """A kept run. Raises ReplayError for a file that is damaged or no replay."""

    def __init__(self, path: str | Path) -> None:
        members = {
            "about": (np.uint8, 1),
            "data": (np.uint8, 1),
            **{name: (INDEX_DTYPE[name].base, axes) for name, axes in INDEX_FIELDS.items()},
            **{f"d_{name}": (DECISION_DTYPE[name], 1) for name in DECISION_DTYPE.names or ()},
        }
        found = read_npz(
            path, members, error=ReplayError, what="replay of a run", most_bytes=MOST_BYTES
        )
        self._where = str(path)
        self._about = _about(found.pop("about"), self._where)
        self._data = found.pop("data")
        self._index = self._table(found, "", INDEX_DTYPE)
        self._details = self._table(found, "d_", DECISION_DTYPE)
        self._check()
        self._sums = {n: np.cumsum(self._details[n]) for n in ("spikes", "synaptic_operations")}
        self._first = int(self.report["decisions"]) - len(self._details)

    @property
    def report(self) -> dict[str, Any]:
        """The run's report."""
        return self._about["report"]

    @property
    def index(self) -> npt.NDArray[np.void]:
        """Its moments, of film.INDEX_DTYPE."""
        return self._index

    def packed(self, number: int) -> bytes:
        """The compressed bytes of a moment."""
        entry = self._index[number]
        return self._data[int(entry["offset"]) :][: int(entry["length"])].tobytes()

    def about(self) -> dict[str, Any]:
        """As of a live run; and how many moments there are, when episodes ended, the score's curve."""
        step = max(1, len(self._details) // TRACK)
        return {
            **self._about,
            "kind": "replay",
            "moments": self._index["decision"].tolist(),
            "overs": (self._first + 1 + np.flatnonzero(self._details["over"])).tolist(),
            "track": {
                "decision": (self._first + 1 + np.arange(0, len(self._details), step)).tolist(),
                "score": self._details["score"][::step].tolist(),
            },
        }

    def events(self, ended: threading.Event) -> Iterator[dict[str, Any]]:
        """None: who watches asks for moments."""
        return iter(())

    def do(self, what: str, value: Any) -> None:
        """Nothing: the run is over."""
        raise PageError(f"{what[:40]!r} cannot be done: the run is over; the page moves its slider")

    def moment(self, number: int) -> dict[str, Any]:
        """Moment 0..n-1, with the numbers of that decision; the last has the report's own."""
        if not 0 <= number < len(self._index):
            raise PageError(f"moment {number}: this run has {len(self._index)}, from 0 on")
        entry = self._index[number]
        return {
            **entry_of(entry, self.packed(number)),
            "numbers": self.numbers(int(entry["decision"])),
        }

    def numbers(self, decision: int) -> dict[str, Any]:
        """What the page of the live run said after ``decision`` decisions, totals to the unit."""
        report, done = self.report, max(0, min(decision - self._first, len(self._details)))
        rate = report["wanted_decisions_per_second"]
        latest = self._details[max(0, done - max(1, round(rate * WINDOW_S))) : done]
        if decision == report["decisions"]:
            return {**times(latest), **of_report(report), "score": self._score(done)}
        past, at = self._details[:done], max(done - 1, 0)
        late = past["lateness_s"]
        return {
            "running": True,
            "decisions": decision,
            "decisions_per_second": report["decisions_per_second"],
            "score": self._score(done),
            "episodes": int(past["over"].sum()),
            "returns": past["score"][past["over"]][-5:].tolist(),
            "misses": int(np.count_nonzero(late[~np.isnan(late)] > 0)),
            **times(latest),
            **work(
                done * report["ticks_per_decision"],
                int(self._sums["spikes"][at]) if done else 0,
                int(self._sums["synaptic_operations"][at]) if done else 0,
                tick_us=report["tick_us"],
                chips=report["energy"]["chips"],
            ),
        }

    def _score(self, done: int) -> float:
        return float(self._details["score"][done - 1]) if done else 0.0

    def _table(
        self, found: dict[str, npt.NDArray[Any]], prefix: str, dtype: np.dtype[np.void]
    ) -> npt.NDArray[np.void]:
        names = dtype.names or ()
        lengths = {len(found[prefix + name]) for name in names}
        if len(lengths) != 1 or (prefix == "" and found["shape"].shape[1:] != (3,)):
            raise self._refused("its tables differ in length")
        table = np.empty(lengths.pop(), dtype)
        for name in names:
            table[name] = found[prefix + name]
        return table

    def _check(self) -> None:
        start, length = self._index["offset"], self._index["length"]
        outside = (start < 0) | (length < 0) | (start > len(self._data) - length)
        if outside.any():
            raise self._refused(f"moment {int(outside.argmax())} lies outside of its bytes")

    def _refused(self, problem: str) -> ReplayError:
        return ReplayError(
            f"{self._where} is no replay of a run: {problem}; play again with --web or --video"
        )


def _about(data: npt.NDArray[np.uint8], where: str) -> dict[str, Any]:
    try:
        text = data.tobytes().decode()
    except UnicodeDecodeError as error:
        raise ReplayError(f"{where} is damaged; play again with --web or --video") from error
    found = parse_json(text, where, error=ReplayError)
    if not isinstance(found, dict) or not isinstance(found.get("report"), dict):
        raise ReplayError(f"{where} holds no report; play again with --web or --video")
    return found
