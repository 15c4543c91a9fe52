"""Codes: what the spikes of a port mean. A wire between ports of unlike codes is refused.

========================  ===================================================================
``Frame()``               a bit for each pin and tick: one frame a tick
``Rate(window)``          pin k carries the number of its spikes in ``window`` ticks, 0..window
``Thermometer()``         the value is the number of pins that spike in a tick, lowest pins first
``TimeSlot(slots)``       pin k carries the number of the tick, of ``slots``, in which it spikes
``Population()``          each pin stands for a value; the most active ones say which it is
``Burst(most)``           pin k carries the length of its run of spikes, 0..most ticks
========================  ===================================================================

A port without a code (the default) takes and gives spikes of any.
"""

from __future__ import annotations

from dataclasses import dataclass

from corelets.language.errors import CoreletError, caller
from tnemu.errors import whole

MOST_TICKS = 1 << 20


@dataclass(frozen=True)
class Code:
    """Base of all codes. A code of your own is a frozen dataclass that inherits it."""

    def __str__(self) -> str:
        return repr(self)


@dataclass(frozen=True)
class Frame(Code):
    """A bit for each pin, in every tick anew."""


@dataclass(frozen=True)
class Rate(Code):
    """Pin k carries how often it spikes in ``window`` ticks (1..2**20)."""

    window: int

    def __post_init__(self) -> None:
        _ticks("Rate: window", self.window)


@dataclass(frozen=True)
class Thermometer(Code):
    """The value is how many pins spike; they are the lowest ones."""


@dataclass(frozen=True)
class TimeSlot(Code):
    """Pin k carries in which of ``slots`` ticks (1..2**20) it spikes; silence is no value."""

    slots: int

    def __post_init__(self) -> None:
        _ticks("TimeSlot: slots", self.slots)


@dataclass(frozen=True)
class Population(Code):
    """Each pin stands for a value; the most active pins say which it is."""


@dataclass(frozen=True)
class Burst(Code):
    """Pin k carries how many ticks in a row it spikes, up to ``most`` (1..2**20)."""

    most: int

    def __post_init__(self) -> None:
        _ticks("Burst: most", self.most)


CONVERTERS = {
    (Rate, Thermometer): "RateToThermometer",
    (Thermometer, Rate): "ThermometerToRate",
    (Thermometer, Burst): "ThermometerToBurst",
}
"""Corelets of the library that turn one code into another."""


def converter(source: Code, sink: Code) -> str:
    """What to do about a wire from ``source`` to ``sink``, in words."""
    if type(source) is type(sink):
        return "use the same parameters on both sides"
    name = CONVERTERS.get((type(source), type(sink)))
    if name:
        return f"put a corelets.{name} between them"
    return (
        "the library has no converter from the one to the other; put a corelet between them that has "
        f"Input(code={source}) and Output(code={sink}), or leave one code out if any spikes will do"
    )


def _ticks(what: str, value: int) -> None:
    whole(f"at {caller()}: {what}", value, 1, MOST_TICKS, error=CoreletError)
