"""External spikes on their way in: pins to axons, and the refusal of what no core could see."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.emulator.state import LAST_TICK, Events
from tnemu.errors import TnemuError
from tnemu.hardware.image import InputConnector
from tnemu.hardware.neuron import AXONS, whole


class InputError(TnemuError, ValueError):
    """An input spike names a core, axon, pin or tick that does not exist or is over."""


def axon_events(
    core: npt.ArrayLike, axon: npt.ArrayLike, tick: npt.ArrayLike, core_count: int, now: int
) -> Events:
    """Rows (tick, core, axon) of spikes seen directly by axons; arrays broadcast."""
    cores, axons, ticks = _broadcast(core=core, axon=axon, tick=tick)
    _check("core", cores, core_count - 1, "use an index into the image's cores")
    _check("axon", axons, AXONS - 1, "a core has 256 axons")
    _check_ticks(ticks, now)
    return np.stack([ticks, cores, axons], axis=1)


class Pins:
    """The taps of one input connector, sorted by pin so that a pin's taps are one slice."""

    def __init__(self, connector: InputConnector) -> None:
        self._name, self._width = connector.name, connector.width
        taps = connector.taps[np.argsort(connector.taps["pin"], kind="stable")]
        self._rows = np.stack(
            [taps[field].astype(np.int64) for field in ("delay", "core", "axon")], axis=1
        )
        self._first = np.searchsorted(taps["pin"], np.arange(connector.width + 1))
        delays = self._rows[:, 0]
        self._delays = (int(delays.min()), int(delays.max())) if len(delays) else (0, 0)

    def events(self, pins: npt.ArrayLike, tick: npt.ArrayLike, now: int) -> Events:
        """Rows (tick, core, axon): tap rows of every spiking pin, ``delay`` ticks after ``tick``."""
        numbers, ticks = _broadcast(pins=self._numbers(pins), tick=tick)
        first = self._first[numbers]
        count = self._first[numbers + 1] - first
        # Tap k of the result belongs to the pin whose run of taps covers k.
        skip = np.repeat(first - (np.cumsum(count) - count), count)
        events = self._rows[skip + np.arange(len(skip))]
        events[:, 0] += np.repeat(ticks, count)
        if len(ticks) and not self._in_time(int(ticks.min()), int(ticks.max()), now):
            _check_ticks(events[:, 0], now)
        return events

    def _in_time(self, first: int, last: int, now: int) -> bool:
        """No tap of a pin that spikes in source ticks ``first`` to ``last`` can be too early or late."""
        least, most = self._delays
        return first + least >= now and last + most <= LAST_TICK

    def _numbers(self, pins: npt.ArrayLike) -> npt.NDArray[np.int64]:
        array = np.asarray(pins)
        if array.dtype == np.bool_:
            if array.shape != (self._width,):
                raise InputError(
                    f"input {self._name!r} has {self._width} pins, the spikes have shape "
                    f"{array.shape}; give bool [{self._width}] or pin numbers"
                )
            return np.flatnonzero(array)
        what = f"pin of input {self._name!r}"
        numbers = whole(array, what).astype(np.int64)
        _check(what, numbers, self._width - 1, "use a pin that it has")
        return numbers


def _broadcast(**values: npt.ArrayLike) -> list[npt.NDArray[np.int64]]:
    """Whole numbers as int64, brought to one common length."""
    arrays = {name: whole(array, name) for name, array in values.items()}
    try:
        common = np.broadcast_arrays(*arrays.values())
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise InputError(f"{shapes} do not broadcast; give arrays of one length") from None
    return [array.ravel().astype(np.int64) for array in common]


def _check(what: str, values: npt.NDArray[np.int64], high: int, advice: str) -> None:
    bad = (values < 0) | (values > high)
    if bad.any():
        raise InputError(f"{what} = {int(values[bad].flat[0])} is outside 0..{high}; {advice}")


def _check_ticks(ticks: npt.NDArray[np.int64], now: int) -> None:
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
