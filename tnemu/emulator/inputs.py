"""External spikes on their way in: pins to axons, and the refusal of what no core could see."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator import memory
from tnemu.emulator.arguments import whole_array
from tnemu.emulator.errors import InputError
from tnemu.emulator.state import LAST_TICK, Events
from tnemu.errors import shown
from tnemu.hardware.image import InputConnector
from tnemu.hardware.neuron import AXONS, MAX_DELAY

__all__ = ["AT_ONCE", "InputError", "Taps", "axon_events"]

AT_ONCE = 1 << 26
"""Spikes that one call may inject: 1.6 GB of events."""


Range = tuple[npt.ArrayLike, int, int, str]
"""What is given, its lowest and highest value, and what to do about another one."""


def axon_events(
    core: npt.ArrayLike,
    axon: npt.ArrayLike,
    tick: npt.ArrayLike,
    core_count: int,
    now: int,
    **more: Range,
) -> tuple[Events, list[npt.NDArray[np.int64]]]:
    """Rows (tick, core, axon) of spikes seen directly by axons; arrays broadcast, with ``more``."""
    given: dict[str, Range] = {
        "core": (core, 0, core_count - 1, "use an index into the image's cores"),
        "axon": (axon, 0, AXONS - 1, "a core has 256 axons"),
        "tick": (tick, now, LAST_TICK, f"the next tick is {now}"),
        **more,
    }
    arrays = {name: whole_array(name, *limits) for name, limits in given.items()}
    cores, axons, ticks, *others = together(**arrays)
    return np.stack([ticks, cores, axons], axis=1), others


class Taps:
    """The taps of one input connector, sorted by pin so that a pin's taps are one slice."""

    def __init__(self, connector: InputConnector) -> None:
        memory.check(
            f"input {connector.name!r} with {connector.width:,} pins",
            8 * connector.width,
            "use a narrower input",
        )
        self._name, self._width = connector.name, connector.width
        taps = connector.taps[np.argsort(connector.taps["pin"], kind="stable")]
        self._rows = np.stack(
            [taps[field].astype(np.int64) for field in ("delay", "core", "axon")], axis=1
        )
        self._first = np.searchsorted(taps["pin"], np.arange(connector.width + 1))
        most = -(-len(taps) // max(1, self._width))
        equal = len(taps) and (np.diff(self._first) == most).all()
        self._each = most if equal else 0
        """Taps of every pin, where all have as many; else 0."""
        delays = self._rows[:, 0]
        self._delays = (int(delays.min()), int(delays.max())) if len(delays) else (0, 0)

    def events(self, pins: npt.ArrayLike, tick: npt.ArrayLike, now: int) -> Events:
        """Rows (tick, core, axon): tap rows of every spiking pin, ``delay`` ticks after ``tick``."""
        ticks = whole_array("tick", tick, now - MAX_DELAY, LAST_TICK, f"the next tick is {now}")
        numbers, rows = self._numbers(pins)
        if rows is not None:
            if ticks.ndim:
                raise InputError(
                    f"tick = {shown(tick)}: the rows of a raster are ticks already; give the one of row 0"
                )
            ticks = ticks + rows
        if ticks.ndim:
            numbers, ticks = together(pins=numbers, tick=ticks)
        numbers = numbers.ravel()
        if self._each:
            check_size(self._each * len(numbers))
            events = self._rows.reshape(self._width, -1)[numbers].reshape(-1, 3)
            count: Any = self._each
        else:
            first, count = self._first[numbers], self.count(numbers)
            check_size(int(count.sum()))
            # Tap k of the result belongs to the pin whose run of taps covers k.
            skip = np.repeat(first - (np.cumsum(count) - count), count)
            events = self._rows[skip + np.arange(len(skip))]
        if len(events):
            events[:, 0] += np.repeat(ticks, count) if ticks.ndim else ticks
            if not self._in_time(int(ticks.min()), int(ticks.max()), now):
                check_ticks(events[:, 0], now)
        return events

    def count(self, pins: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """How many taps every one of these pins has; they follow one another in ``events``."""
        return self._first[pins + 1] - self._first[pins]

    def _in_time(self, first: int, last: int, now: int) -> bool:
        """No tap of a pin that spikes in source ticks ``first`` to ``last`` can be too early or late."""
        least, most = self._delays
        return first + least >= now and last + most <= LAST_TICK

    def _numbers(
        self, pins: npt.ArrayLike
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64] | None]:
        """The pins that spike, of numbers, of a mask or of a raster, and the row of each in this."""
        array = _array(f"input {self._name!r}", pins)
        if array.dtype == np.bool_:
            if array.ndim == 0 or math.prod(array.shape[1:] or array.shape) != self._width:
                raise InputError(
                    f"input {self._name!r} has {self._width} pins, the spikes have shape {array.shape}; "
                    f"give bool [{self._width}], a raster bool [ticks, {self._width}], or pin numbers"
                )
            if array.ndim == 1:
                return np.flatnonzero(array), None
            row, found = np.nonzero(array.reshape(len(array), self._width))
            return found, row
        if array.ndim > 1 and array.shape[-1] == self._width and set(np.unique(array)) <= {0, 1}:
            raise InputError(
                f"input {self._name!r}: {shown(array)} are pin numbers that look like a raster; a raster is "
                "of booleans: raster.astype(bool)"
            )
        last = self._width - 1
        then = f"input {self._name!r} has pins 0..{last}"
        return whole_array("pins", array, 0, last, then), None


def together(**arrays: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """The arrays brought to one common length, or an InputError that names their shapes."""
    try:
        shape = np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InputError(f"{shapes} do not broadcast; give arrays of one length") from None
    check_size(math.prod(shape))  # before anything of that size is asked for
    return [np.broadcast_to(a, shape).ravel() for a in arrays.values()]


def check_size(spikes: int) -> None:
    """Refuses more spikes than one call may inject."""
    if spikes > AT_ONCE:
        raise InputError(
            f"{spikes:,} spikes are more than the {AT_ONCE:,} that one call may inject; "
            "inject them in several calls"
        )


def check_ticks(ticks: npt.NDArray[np.int64], now: int) -> None:
    """Refuses a tick that is over or after the last one."""
    if (ticks < now).any():
        raise InputError(
            f"an input spike lands in tick {int(ticks.min())}, but the next tick is {now}; "
            "inject it earlier"
        )
    if (ticks > LAST_TICK).any():
        raise InputError(
            f"an input spike lands in tick {int(ticks.max())}, after the last tick {LAST_TICK}; "
            "start a new run"
        )


def _array(what: str, value: npt.ArrayLike) -> npt.NDArray[Any]:
    try:
        return np.asarray(value)
    except (ValueError, TypeError, OverflowError):
        raise InputError(
            f"spikes of {what} are {shown(value)}, which is no array; give a mask or pin numbers"
        ) from None
