"""A run that goes on, as the page's source: it reads shared memory, and asks for nothing but pace."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from typing import Any

from tnemu.errors import whole
from tnemu.hardware.image import BoardImage
from tnemu.runtime.film import Film
from tnemu.runtime.link import SharedArrays
from tnemu.runtime.live import Meter
from tnemu.runtime.pace import Pace
from tnemu.runtime.record import Record
from tnemu.runtime.report import chips_used
from tnemu.runtime.session import Settings
from tnemu.web.numbers import of_report, times, work
from tnemu.web.server import PageError, give_way

PERIOD_S = 1 / 30
"""From one look at the run to the next; a film has 15 moments a second."""

NUMBERS_EVERY = 3
"""Moments from one reading of the numbers to the next."""

FLUSH_S = 0.3
"""What browsers are given to read how the run ended."""


class LiveRun:
    """The source of a live page; ``attach`` it to the run's memory, ``finish`` it with its report."""

    def __init__(self, about: dict[str, Any], image: BoardImage, settings: Settings) -> None:
        self._about = {**about, "kind": "live"}
        self._image, self._settings = image, settings
        self._chips = chips_used(image)
        self._memory: SharedArrays | None = None
        self._report: dict[str, Any] | None = None
        self._told = threading.Event()
        self._watching = 0

    def attach(self, memory: SharedArrays) -> None:
        """From now on there is something to be seen."""
        self._record, self._film, self._pace = Record(memory), Film(memory), Pace(memory)
        self._memory = memory

    def finish(self, report: dict[str, Any]) -> None:
        """The run has ended: browsers are told its report, and have read it when this returns."""
        self._report = report
        if self._watching:
            self._told.wait(2.0)
            threading.Event().wait(FLUSH_S)

    def about(self) -> dict[str, Any]:
        """Board, layers, actions."""
        return self._about

    def moment(self, number: int) -> dict[str, Any]:
        """None is kept while the run goes on."""
        raise PageError(f"moment {number}: the run goes on; its moments come by themselves")

    def do(self, what: str, value: Any) -> None:
        """pause, go, step, next; mode NAME; watch CORE (-1: none)."""
        if self._memory is None:
            raise PageError("the run has not begun; wait a moment")
        if what == "mode":
            self._pace.mode(value)
        elif what == "watch":
            most = self._image.core_count - 1
            self._pace.watch(whole("core", value, -1, most, error=PageError))
        elif what == "pause":
            self._pace.pause()
        elif what == "go":
            self._pace.go()
        elif what == "step":
            self._pace.step()
        elif what == "next":
            self._pace.next_episode()
        else:
            raise PageError(
                f"{what[:40]!r} cannot be done; a page can pause, go, step, next, mode and watch"
            )

    def events(self, ended: threading.Event) -> Iterator[dict[str, Any]]:
        """A moment for each of the film's, numbers with every third; at the end the report's."""
        give_way()
        meter = Meter(
            self._settings.rate_hz,
            self._settings.board.ticks_per_decision,
            self._image.board.tick_us,
            self._chips,
        )
        seen, fired, looks = 0, 0, 0
        self._watching += 1
        try:
            while not ended.is_set() and self._report is None:
                event: dict[str, Any] = {}
                if self._memory is not None:
                    latest = self._film.latest()
                    if latest is not None and latest[0] != seen:
                        seen = latest[0]
                        event, fired = self._moment(*latest[1:], fired)
                    if looks % NUMBERS_EVERY == 0 or event:
                        event["numbers"] = self._numbers(meter)
                    looks += 1
                if event:
                    yield event
                ended.wait(PERIOD_S)
            if self._report is not None:
                yield {"numbers": of_report(self._report)}
        finally:
            self._watching -= 1
            self._told.set()

    def _moment(self, entry: Any, data: bytes, fired: int) -> tuple[dict[str, Any], int]:
        core, count, raster = self._pace.fired(fired)
        event = {**entry_of(entry, data), "watched": core, "raster": raster}
        event["tick"] = int(self._record.board["ticks"])
        return event, count

    def _numbers(self, meter: Meter) -> dict[str, Any]:
        record, live = self._record, meter.read(self._record)
        host, board = record.host, record.board
        return {
            "running": live.running,
            "compiling": bool(board["compiling"]),
            "paused": self._pace.paused,
            "decisions": live.decisions,
            "decisions_per_second": live.decisions_per_second,
            "score": live.score,
            "episodes": live.episodes,
            "returns": live.returns,
            "misses": int(host["misses"]),
            **times(record.decisions(max(1, round(self._settings.rate_hz * 5)))),
            **work(
                int(board["ticks"]),
                int(board["spikes"]),
                int(board["synaptic_operations"]),
                tick_us=self._image.board.tick_us,
                chips=self._chips,
            ),
        }


def entry_of(entry: Any, data: bytes) -> dict[str, Any]:
    """A moment of a film as JSON; the browser unpacks ``data`` itself."""
    return {
        "decision": int(entry["decision"]),
        "shape": [int(size) for size in entry["shape"]],
        "action": int(entry["action"]),
        "player": int(entry["player"]),
        "data": base64.b64encode(data).decode(),
    }
