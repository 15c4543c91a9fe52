"""When what happens to a layer of sampling units, in ticks from t0, in which its sources fire.

    1 .. T_A                     quantising neurons emit, up to T_A spikes each
    2 .. T_A + 1                 samplers accumulate the field
    T_A + 2                      they are raised, where a bias is beyond the chip's limit
    T_A + 2 .. T_A + T_S + 1     they sample; a leak arrives in each of these ticks with probability 1/2
    P = T_A + T_S + 2            the layer's units fire themselves ("fire", the papers' C+)
    P .. P + 1 + P               samplers are dropped to their floor, then lifted to where they began

so a layer takes P ticks, and two layers, one step of Gibbs sampling, 2 P. A unit's potential begins at
its bias b and accumulates the field; its floor is ``room`` below b, more than all its negative weights
together, and lifting by ``room`` brings it back to b from there, exactly. That is how a bias gets in:
it takes no axon (in the paper it has one).

A chip limits the potential of a neuron without reset to alpha + 2**TM - 1. What waits above that is
cut, and would be missing when inhibition comes; so all units of a layer with such biases begin
``raised`` lower, and are raised by it in the first tick of the window, from where on a cut changes
nothing: at the limit a sampler fires for certain.

Samplers fire outside their window, too. Refractory neurons are held down ("clear", C-) in all ticks but
those in which spikes of the window arrive, T_A + 3 .. P.

Source: Pedroni et al., IEEE TNNLS 2016, section III (the three stages, T_A + T_S + 2); how V gets back to
its start is not said there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from corelets.language.errors import CoreletError
from tnemu.errors import whole
from tnemu.hardware.neuron import FIELDS, POTENTIAL_MAX
from tnemu.networks.boltzmann.sampler import Sampler

STRONG = 255
"""Magnitude of the weights that only push to an end."""
FEW_RAISES = 8
"""Axons that are spent to keep all partial sums, not only biases, below the chip's limit."""
MOST_CONTROL_AXONS = 64
"""Axons of a core that drop and lift its samplers, at most."""


@dataclass(frozen=True)
class Leak:
    """The sampler's leak on a chip: ``parts`` axons of weight ``weight`` each, driven together.

    A synapse's weight has 8 bits, so a larger leak is cut into equal parts, each of which has a
    relay: that takes a tick more from the helper to the sampler.
    """

    weight: int
    parts: int

    @classmethod
    def of(cls, sampler: Sampler) -> Leak:
        """Of a leak of 0..4096 that has a divisor of at least L / 64 and at most 255."""
        size = whole(
            "leak", sampler.leak, 0, 4096, error=CoreletError, then="a chip's unit leaks upwards"
        )
        if not size:
            return cls(0, 0)
        for parts in range(1, 65):
            if size % parts == 0 and size // parts <= STRONG:
                return cls(size // parts, parts)
        raise CoreletError(
            f"leak = {size} is no sum of up to 64 equal weights of at most {STRONG}; choose one that is, "
            f"such as {size - size % 4}"
        )

    @property
    def ticks(self) -> int:
        """From a helper's spike to the sampler's potential: 1, or 2 by way of relays."""
        return 1 if self.parts <= 1 else 2


@dataclass(frozen=True)
class Reset:
    """How samplers get back to their start: ``drop_ticks`` with ``drops`` axons of -255, then
    ``lift_ticks`` with ``lifts`` axons of ``weight``; ``room`` = lift_ticks * lifts * weight.
    """

    room: int
    weight: int
    drops: int
    drop_ticks: int
    lifts: int
    lift_ticks: int

    @property
    def ticks(self) -> int:
        """All together."""
        return self.drop_ticks + self.lift_ticks

    @classmethod
    def within(cls, ticks: int, weight: int, room: int, reach: int, who: str = "") -> Reset:
        """The reset with the fewest axons in at most ``ticks`` ticks.

        room: at least so far is the floor below the start; reach: so far can V rise above the start;
        who: the unit that needs most, for the error.
        Raises CoreletError where even 64 axons are too few.
        """
        found = []
        for lifts in range(1, MOST_CONTROL_AXONS):
            lift_ticks = -(-room // (lifts * weight))
            whole_room = lift_ticks * lifts * weight
            left = ticks - lift_ticks
            if left < 1:
                continue
            drops = -(-(reach + whole_room) // (STRONG * left))
            if drops + lifts <= MOST_CONTROL_AXONS:
                drop_ticks = -(-(reach + whole_room) // (STRONG * drops))
                found.append(
                    (drops + lifts, cls(whole_room, weight, drops, drop_ticks, lifts, lift_ticks))
                )
        if not found:
            raise CoreletError(
                f"{who}samplers whose fields span {-room:,}..{reach:,} do not get back to their start "
                f"within {ticks} ticks by {MOST_CONTROL_AXONS} axons of weight {weight}; take a longer window, a "
                "smaller scale or a machine of smaller weights"
            )
        return min(found, key=lambda each: each[0])[1]


@dataclass(frozen=True)
class Schedule:
    """Of one layer: ``sampler``, ``accumulate`` = T_A (0: nothing to accumulate), the largest sums of
    its units' ``negative`` and ``positive`` weights, and the range of their ``biases`` (low, high).
    ``rest`` ticks are left to get back to the start (None: P + 2, until the other layer is through).
    ``who`` names the unit that needs most, for errors.

    Raises CoreletError for what a chip's neurons cannot hold or do in time.
    """

    sampler: Sampler
    accumulate: int
    negative: int
    positive: int
    biases: tuple[int, int]
    rest: int | None = None
    who: str = ""

    def __post_init__(self) -> None:
        whole("accumulate", self.accumulate, 0, STRONG, error=CoreletError)
        whole(
            "window", self.sampler.window, 1, STRONG - 1, error=CoreletError,
            then="a refractory neuron counts so far down",
        )  # fmt: skip
        if self.raises > MOST_CONTROL_AXONS:
            raise CoreletError(
                f"{self.who}a bias of {self.biases[1]:,} waits above the limit of a neuron without reset; it takes "
                f"{self.raises:,} axons to raise it by, at most {MOST_CONTROL_AXONS} are spent; take a "
                "smaller scale or a sampler with a longer leak"
            )
        highest, lowest = self.start(self.biases[1]), self.start(self.biases[0]) - self.reset.room
        for what, value, most in (
            ("the threshold", self.alpha + (1 << self.sampler.mask), FIELDS["alpha"].high),
            ("the floor", max(0, -lowest), FIELDS["beta"].high),
            ("the highest potential", highest + self.reach, POTENTIAL_MAX),
        ):
            if value > most:
                raise CoreletError(
                    f"{self.who}{what} of a sampler would be {value:,}, a neuron holds {most:,}; take a smaller "
                    "scale or a machine of smaller weights"
                )

    @property
    def leak(self) -> Leak:
        """The leak on axons."""
        return Leak.of(self.sampler)

    @property
    def shift(self) -> int:
        """What is added to all potentials so that the threshold is not negative."""
        return max(0, -self.sampler.threshold)

    @property
    def alpha(self) -> int:
        """The threshold, shifted."""
        return self.sampler.threshold + self.shift

    @property
    def raises(self) -> int:
        """Axons that raise a unit in the first tick of its window: as many as its bias needs to wait below
        the chip's limit, and its partial sums too if that takes few.
        """
        if not self.accumulate:
            return 0
        limit = self.alpha + (1 << self.sampler.mask) - 1
        above = self.biases[1] + self.shift - limit
        biases, sums = (
            -(-max(0, excess) // self.weight) for excess in (above, above + self.positive)
        )
        return sums if sums <= FEW_RAISES else biases

    @property
    def raised(self) -> int:
        """By so much."""
        return self.raises * self.weight

    @property
    def weight(self) -> int:
        """Of the axons that lift and raise: the leak's."""
        return self.leak.weight or STRONG

    @property
    def period(self) -> int:
        """P = T_A + T_S + 2: ticks of a layer."""
        return self.accumulate + self.sampler.window + 2

    @property
    def reach(self) -> int:
        """So far a potential rises above its start at most."""
        return self.raised + self.positive + self.sampler.leak * self.sampler.window

    @cached_property
    def reset(self) -> Reset:
        """From the end of the window to the next accumulation, the other layer's P ticks later.

        The floor, start - room, is at most 0 as a neuron's must be.
        """
        room = max(1, self.negative, self.start(self.biases[1]))
        rest = self.period + 2 if self.rest is None else self.rest
        return Reset.within(rest, self.weight, room, self.reach, self.who)

    def start(self, bias: int) -> int:
        """Potential at which the unit with this bias begins."""
        return bias + self.shift - self.raised

    def floor(self, bias: int) -> int:
        """beta of the unit with this bias."""
        return self.reset.room - self.start(bias)
