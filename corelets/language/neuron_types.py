"""The named kinds of neurons, each with its equation.

S is the weighted sum of the spikes that arrive in a tick, V the potential, y whether the neuron
fires. In every tick V <- V + S first; what is below comes then. Unless it says otherwise V begins at 0.

====================  ==========================================================================
Repeater              y = S >= 1;  V <- 0                                     stateless
Threshold(at)         y = S >= at;  V <- 0                                    stateless
Accumulator(at)       y = V >= at, then V <- 0;  V >= floor                   counts, drops the rest
Integrator(at)        y = V >= at, then V <- V - at;  V >= floor              counts, keeps the rest
Leaky(at, leak)       V towards 0 by leak;  y = V >= at, then V <- 0
SaturatingCounter(n)  V in 0..n;  y = V = n
Level(at)             count >= 0 moved by S;  y = count >= at, and it stays
Latch                 y = V >= 1, then V <- 1;  V >= 0                        on until it is cleared
Toggle                each spike changes between on (y = 1 in every tick) and off
OneShot(rest)         y = S >= 1, then deaf for ``rest`` ticks
Bursting(spikes)      each spike makes it fire in ``spikes`` ticks
Bernoulli(p)          y = 1 with probability p, in every tick
Clock(period, phase)  y = 1 in the ticks phase, phase + period, ...
Start                 y = 1 in tick 0, and never again
Neuron(alpha, ...)    the neuron of the chip, all of it
====================  ==========================================================================

Equations are those of Cassidy et al., IJCNN 2013 (tnemu.hardware.neuron) with the parameters that each
class names.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError
from corelets.language.kinds import Kind
from corelets.language.weights import CLEAR
from tnemu.errors import did_you_mean, real, shown, whole
from tnemu.hardware.neuron import FIELDS

MOST = FIELDS["alpha"].high
LEAST = -FIELDS["beta"].high
LEAK = FIELDS["leak"].high
MASK = 16
"""Bits of the noise of Bernoulli neurons."""

_SCALE = "scale weights and threshold down together, or count with an Accumulator"


class Repeater(Kind):
    """Fires in the ticks in which something arrives: y = S >= 1. No state; an OR of its sources.

    alpha = 1, beta = 0, kappa = 1.
    """

    def __init__(self, **chip: Any) -> None:
        super().__init__({}, {"alpha": 1}, chip)


class Threshold(Kind):
    """y = S >= ``at`` (-254..256): no state, every tick stands alone.

    leak = 1 - at, alpha = 1, beta = 0, kappa = 1, R = 0: V is 0 after every tick. With at <= 0 it
    fires where nothing arrives, so ``Threshold(at=0)[n](-x)`` is a NOT.
    """

    def __init__(self, at: npt.ArrayLike = 1, **chip: Any) -> None:
        level = self.whole("at", at, 1 - LEAK, 1 + LEAK, _SCALE)
        super().__init__({"at": at}, {"alpha": 1, "leak": 1 - level}, chip)


class Accumulator(Kind):
    """V <- V + S; y = V >= ``at`` (1..262143), and then V <- 0. V stays at or above ``floor`` (0).

    What goes beyond ``at`` is dropped; see Integrator. alpha = at, beta = -floor, kappa = 1.
    """

    def __init__(self, at: npt.ArrayLike, floor: npt.ArrayLike = 0, **chip: Any) -> None:
        level = self.whole("at", at, 1, MOST)
        depth = -self.whole("floor", floor, LEAST, 0)
        super().__init__({"at": at, "floor": floor}, {"alpha": level, "beta": depth}, chip)


class Integrator(Kind):
    """V <- V + S; y = V >= ``at`` (1..262143), and then V <- V - at. V stays at or above ``floor``.

    The rest is kept, so after n spikes in all S has been n * at + V: rates are scaled without loss,
    as long as a tick brings no more than ``at`` on average. floor is -262143, so that debts are paid;
    0 forgets them. alpha = at, gamma = 1, beta = -floor, kappa = 1.
    """

    def __init__(self, at: npt.ArrayLike, floor: npt.ArrayLike = LEAST, **chip: Any) -> None:
        level = self.whole("at", at, 1, MOST)
        depth = -self.whole("floor", floor, LEAST, 0)
        chosen = {"alpha": level, "beta": depth, "gamma": 1}
        super().__init__({"at": at, "floor": floor}, chosen, chip)


class Leaky(Kind):
    """V <- V + S, then ``leak`` (0..255) towards 0; y = V >= ``at`` (1..262143), and then V <- 0.

    V stays at or above ``floor`` (0). The leak stops at 0 (the chip's switch leak_zero_clamp).
    leak = -leak, epsilon = 1, alpha = at, beta = -floor, kappa = 1.
    """

    def __init__(
        self, at: npt.ArrayLike, leak: npt.ArrayLike, floor: npt.ArrayLike = 0, **chip: Any
    ) -> None:
        level = self.whole("at", at, 1, MOST)
        loss = -self.whole("leak", leak, 0, LEAK)
        depth = -self.whole("floor", floor, LEAST, 0)
        chosen = {"alpha": level, "leak": loss, "epsilon": 1, "beta": depth}
        super().__init__({"at": at, "leak": leak, "floor": floor}, chosen, chip)


class SaturatingCounter(Kind):
    """A count in 0..``top`` (1..262143) that S moves up and down; y = count is ``top``.

    At both ends the count stays. It begins at ``start``. V is the count less top: alpha = 0, R = 0,
    beta = top, kappa = 1, V0 = start - top.
    """

    def __init__(self, top: npt.ArrayLike, start: npt.ArrayLike = 0, **chip: Any) -> None:
        most = self.whole("top", top, 1, MOST)
        first = self.whole("start", start, 0, MOST)
        if (first > most).any():
            raise CoreletError(
                f"{self.at()}: start = {shown(start)} is above top = {shown(top)}; begin at most there"
            )
        chosen = {"alpha": 0, "beta": most, "V0": first - most}
        super().__init__({"top": top, "start": start}, chosen, chip)


class Level(Kind):
    """A count that S moves up and down; y = count >= ``at`` (0..262143), in every tick, and it stays.

    The count does not fall below 0 and has no top of its own. It begins at ``start``. V is the count
    less at: alpha = 0, gamma = 1 (which takes alpha = 0 away), beta = at, kappa = 1, V0 = start - at.
    """

    def __init__(self, at: npt.ArrayLike, start: npt.ArrayLike = 0, **chip: Any) -> None:
        level = self.whole("at", at, 0, MOST)
        first = self.whole("start", start, 0, MOST)
        chosen = {"alpha": 0, "gamma": 1, "beta": level, "V0": first - level}
        super().__init__({"at": at, "start": start}, chosen, chip)


class Latch(Kind):
    """On from a tick with S >= 1 on, in which it fires as in every tick after it, until it is cleared.

    ``CLEAR * r`` clears it; a clear wins over a set in the same tick. alpha = 1, R = 1, beta = 0,
    kappa = 1.
    """

    def __init__(self, **chip: Any) -> None:
        super().__init__({}, {"alpha": 1, "sigma_VR": 1, "VR": 1}, chip)


class Toggle(Kind):
    """Each spike turns it on or off; it fires in every tick while it is on. It begins off.

    A spike turns it off in its own tick, and on from the next tick. One source at a time: two
    spikes in one tick count as one while it is off, as none while it is on. V = 0 is on, -1 off:
    weight -1, alpha = 0, beta = 1, kappa = 0, R = 0, V0 = -1.
    """

    scale = -1
    plain = True

    def __init__(self, on: bool = False, **chip: Any) -> None:
        if not isinstance(on, bool):
            raise CoreletError(f"{self.at()}: on = {shown(on)}: must be True or False; choose one")
        chosen = {"alpha": 0, "beta": 1, "kappa": 0, "V0": 0 if on else -1}
        super().__init__({"on": on}, chosen, chip)


class OneShot(Kind):
    """y = S >= 1, and then deaf for ``rest`` ticks (1..256), whatever arrives in them.

    Made of two neurons each: a Threshold(at=1) that its own spike clears in the next tick, and a
    Bursting(rest - 1) that clears it in those after.
    """

    def __init__(self, rest: int, **chip: Any) -> None:
        self.rest = whole(f"{self.at()}: rest", rest, 1, LEAK + 1, error=CoreletError)
        super().__init__({"rest": rest}, {"alpha": 1}, chip)

    def complete(self, group: Any) -> None:
        """Wire what clears ``group`` after its spikes."""
        CLEAR * group.loop(1) >> group
        if self.rest > 1:
            deaf = group.beside(Bursting(self.rest - 1), "deaf")
            group >> deaf
            CLEAR * deaf.loop(1) >> group


class Bursting(Kind):
    """Each spike makes it fire in ``spikes`` ticks (1..255), the first of them its own.

    Spikes that come during a burst make it longer: V counts what is owed. Weights count ``spikes``
    times. alpha = 1, gamma = 1, beta = 0, kappa = 1.
    """

    def __init__(self, spikes: int, **chip: Any) -> None:
        self.scale = whole(f"{self.at()}: spikes", spikes, 1, LEAK, error=CoreletError)
        super().__init__({"spikes": spikes}, {"alpha": 1, "gamma": 1}, chip)


class Bernoulli(Kind):
    """y = 1 with probability ``p`` in every tick, each on its own; it needs no source.

    p is rounded to a multiple of 2**-16, which ``p`` of the kind gives; the ends 0 and 1 are taken
    only if they are meant. alpha = 1, gamma = 2, TM = 16, V0 = p 2**16: it fires where V0 is above
    the noise.
    """

    def __init__(self, p: npt.ArrayLike, **chip: Any) -> None:
        asked = np.asarray(
            [real(f"{self.at()}: p", q, 0, 1, error=CoreletError) for q in np.ravel(p).tolist()]
        ).reshape(np.shape(p))
        steps = np.rint(asked * (1 << MASK)).astype(np.int64)
        lost = ((steps == 0) & (asked > 0)) | ((steps == 1 << MASK) & (asked < 1))
        if lost.any():
            raise CoreletError(
                f"{self.at()}: p = {shown(float(asked[lost][0]))} is nearer to an end than 2**-16, the "
                "step of the chip's noise; combine two neurons, or choose the end"
            )
        self.p = steps / (1 << MASK)
        chosen = {"alpha": 1, "gamma": 2, "TM": MASK, "V0": steps}
        super().__init__({"p": p}, chosen, chip)


class Clock(Kind):
    """y = 1 in the ticks ``phase``, phase + ``period``, phase + 2 period, ...; it needs no source.

    period 1..262143, phase 0..period - 1. leak = 1, alpha = period, V0 = period - 1 - phase.
    """

    def __init__(self, period: npt.ArrayLike, phase: npt.ArrayLike = 0, **chip: Any) -> None:
        length = self.whole("period", period, 1, MOST)
        first = self.whole("phase", phase, 0, MOST)
        if (first >= length).any():
            raise CoreletError(
                f"{self.at()}: phase = {shown(phase)} is not below period = {shown(period)}; the first "
                "spike comes in the first period"
            )
        chosen = {"alpha": length, "leak": 1, "V0": length - 1 - first}
        super().__init__({"period": period, "phase": phase}, chosen, chip)


class Start(Kind):
    """y = 1 in tick 0, and never again; it needs no source. V0 = alpha = 1."""

    def __init__(self, **chip: Any) -> None:
        super().__init__({}, {"alpha": 1, "V0": 1}, chip)


class Neuron(Kind):
    """The chip's neuron with the parameters that are given, as :func:`tnemu.hardware.neuron`.

    ``alpha`` must be given. What is not given is 0, except kappa = 1 (V stays at or above -beta = 0)
    and sigma_VR = +1. Weights come from the sources.
    """

    def __init__(self, alpha: npt.ArrayLike | None = None, **chip: Any) -> None:
        if alpha is None:
            hint = next((h for name in chip if (h := did_you_mean(name, ["alpha"]))), "")
            raise CoreletError(
                f"{self.at()}: the threshold alpha must be given, without one a neuron never fires; "
                f"{hint or 'name it, as in Neuron(alpha=1)'}"
            )
        super().__init__({"alpha": alpha}, {"alpha": alpha}, chip)
