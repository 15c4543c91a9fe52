"""When spikes arrive: with the wave, after it, exactly, or as feedback.

``x``            with the wave: the mapper chooses the delay, so that a neuron's inputs arrive together
``x.after(n)``   n ticks later than that; what the neuron computes of it is not held back
``q.loop(k)``    declared feedback: exactly k ticks after it was fired, outside the wave
``connect(..., delay=d)``   exactly d ticks after it was fired, 1..15, and others wait for it

Any n and k: what no delay of a packet can do, the mapper does with relay neurons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from corelets.language.errors import CoreletError
from tnemu.errors import whole
from tnemu.networks.logical import MOST_TICKS


@dataclass(frozen=True)
class Time:
    """At most one of ``delay`` and ``loop``; ``after`` adds to a loop."""

    delay: int = 0
    after: int = 0
    loop: int = 0

    def later(self, what: str, ticks: Any) -> Time:
        """``ticks`` after this."""
        ticks = whole(f"{what}.after(ticks): ticks", ticks, 0, MOST_TICKS, error=CoreletError)
        whole(
            f"{what}.after(): ticks in all", self.after + ticks, 0, MOST_TICKS, error=CoreletError
        )
        if self.loop:
            return Time(loop=self.loop + ticks)
        return Time(self.delay, self.after + ticks)

    def back(self, what: str, ticks: Any) -> Time:
        """As feedback, ``ticks`` after it was fired."""
        ticks = whole(
            f"{what}.loop(ticks): ticks",
            ticks,
            1,
            MOST_TICKS,
            error=CoreletError,
            then="a spike that is fired in a tick is seen in the next one at the earliest",
        )
        if self.loop:
            raise CoreletError(
                f"{what}.loop({ticks}) is feedback of {self.loop} ticks already; say loop() once"
            )
        return Time(loop=ticks + self.after)

    def __str__(self) -> str:
        texts = (("after", self.after), ("loop", self.loop), ("delay", self.delay))
        return ", ".join(f"{name} {ticks}" for name, ticks in texts if ticks)


WITH_THE_WAVE = Time()
