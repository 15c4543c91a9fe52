"""Sampling units on cores: a sampler, its helper that is 1 by half, and a refractory neuron.

One unit of a Boltzmann machine, from the tick in which its sampler has its whole field::

    helper       fires with probability exactly 128 / 256 in a tick in which "on" is active
    sampler      V <- V + L (helper's spike); fires iff V >= alpha + eta; V stays (gamma 2)
    refractory   V = -C + spikes of the window, + C on "fire": fires iff there was one

Every helper draws for one sampler only, and only when asked: what it draws is used once. A sampler's
own leak could not do it, it is drawn in steps of 1.

Source: Das et al., ISCAS 2015, section III; Pedroni et al., IEEE TNNLS 2016, section III.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from corelets.language.core import Core
from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.pins import Pins
from corelets.language.ports import Input, Output
from corelets.language.raster import Raster
from corelets.library.boltzmann.schedule import STRONG, Schedule
from corelets.library.entry import Entry
from tnemu.hardware.exact import exact
from tnemu.hardware.neuron import AXONS, NEURON_DTYPE, NEURONS, RELAY_NEURON, neuron
from tnemu.networks.boltzmann.sampler import Sampler

PLUS, MINUS, LEAK, PUSH = range(4)
"""Axon types of a sampling core: +1, -1, the leak, and -255 (of a helper: drawn with 1/2)."""
HALF = 127
"""A drawn synapse of this weight acts where 127 >= a random byte: 128 times of 256."""

HELPER = neuron(s=(0, 0, 0, HALF), b=(0, 0, 0, 1), alpha=1, beta=0, kappa=1)


@dataclass(frozen=True)
class SamplingCore:
    """A core of samplers: its pins, by what they are for.

    ``inputs`` the axons of each unit's field, in order; ``on``, ``drop``, ``lift`` and ``raise_`` the axons
    of the control; ``samplers`` the neurons of the units.
    """

    core: Core
    inputs: list[Pins]
    on: Pins | None
    drop: Pins
    lift: Pins
    raise_: Pins
    samplers: Pins


def axons_beside(schedule: Schedule) -> int:
    """Axons of a sampling core that control it, whatever its units."""
    reset = schedule.reset
    return reset.drops + reset.lifts + schedule.raises + (schedule.leak.parts > 0)


def axons_of_a_unit(schedule: Schedule) -> int:
    """Axons that a unit takes besides those of its field."""
    parts = schedule.leak.parts
    return parts + (parts > 1)


def neurons_of_a_unit(schedule: Schedule) -> int:
    """Neurons that a unit takes on a sampling core."""
    parts = schedule.leak.parts
    return 1 + (parts > 0) + (parts if parts > 1 else 0)


def sampling_core(
    owner: Corelet,
    schedule: Schedule,
    biases: npt.NDArray[np.int64],
    signs: list[npt.NDArray[np.int8]],
    *,
    name: str = "",
    layer: str = "",
) -> SamplingCore:
    """A core of units with ``biases`` [n]; ``signs[k]`` are +1 or -1 for each axon of unit k's field."""
    leak, reset, n = schedule.leak, schedule.reset, len(biases)
    fields = [len(sign) for sign in signs]
    first = np.cumsum([0, *fields])
    own = axons_of_a_unit(schedule)
    helped = first[-1] + own * n  # behind the axons of all units
    end = helped + axons_beside(schedule)
    samplers, helpers = np.arange(n), n + np.arange(n)
    types = np.full(end, PUSH)
    types[: first[-1]] = np.where(np.concatenate([*signs, np.zeros(0)]) > 0, PLUS, MINUS)
    types[first[-1] : helped] = LEAK
    raises = int(end) - schedule.raises
    lifts = raises - reset.lifts
    drops = lifts - reset.drops
    types[lifts:] = LEAK
    records = [_sampler(schedule, int(bias)) for bias in biases]
    crossbar = np.zeros((end, n * neurons_of_a_unit(schedule)), np.bool_)
    for k in range(n):
        crossbar[first[k] : first[k + 1], k] = True
    crossbar[drops:, :n] = True
    if leak.parts:
        records += [HELPER] * n
        crossbar[helped, n : 2 * n] = True
    leaks = first[-1] + own * np.arange(n)[:, None] + np.arange(leak.parts)
    crossbar[leaks, samplers[:, None]] = True
    if leak.parts > 1:
        records += [RELAY_NEURON] * (leak.parts * n)
        relays = 2 * n + leak.parts * np.arange(n)[:, None] + np.arange(leak.parts)
        crossbar[(leaks[:, 0] + leak.parts)[:, None], relays] = True
    core = owner.core([int(end)], np.array(records, NEURON_DTYPE), crossbar, name=name, layer=layer)
    _type(core, types)
    if leak.parts == 1:
        owner.connect(core.neurons[helpers], core.axons[leaks[:, 0]], delay=1)
    elif leak.parts > 1:
        owner.connect(core.neurons[helpers], core.axons[leaks[:, 0] + leak.parts], delay=1)
        owner.connect(core.neurons[relays.ravel()], core.axons[leaks.ravel()], delay=1)
    return SamplingCore(
        core=core,
        inputs=[core.axons[int(a) : int(b)] for a, b in pairwise(first)],
        on=core.axons[int(helped)] if leak.parts else None,
        drop=core.axons[drops:lifts],
        lift=core.axons[lifts:raises],
        raise_=core.axons[raises : int(end)],
        samplers=core.neurons[:n],
    )


def _type(core: Core, types: npt.NDArray[np.int64]) -> None:
    core.logical.axon_types[: len(types)] = types


def _sampler(schedule: Schedule, bias: int) -> np.void:
    return neuron(
        s=(1, -1, schedule.weight, -STRONG),
        alpha=schedule.alpha,
        TM=schedule.sampler.mask,
        gamma=2,
        kappa=1,
        beta=schedule.floor(bias),
        V0=schedule.start(bias),
    )


UNIT, CLEAR, FIRE, CLAMP = range(4)
"""Axon types of a core of refractory neurons: a sampler's spikes, C-, C+, and a clamp to 1."""


def refractory(window: int) -> np.void:
    """The neuron that fires on C+ iff a spike came since the last C-; held to 1 by a clamp of type CLAMP,
    to 0 by one of type CLEAR, in the tick of C+.
    """
    return neuron(s=(1, -STRONG, window, STRONG), alpha=1, beta=window, kappa=1, V0=-window)


class GibbsUnits(Corelet):
    """sample[k] fires on "fire" iff unit k's sampler fired in the window before, as its bias makes likely.

    P(fires) = sampler.probability(bias + what came on plus - minus). ``plus`` and ``minus`` add 1 to a
    unit's potential for each spike, up to ``reach`` before a window; the way back to the bias takes at
    most ``rest`` ticks. ``control`` has five pins: 0 on (a helper may leak), 1 drop and 2 lift (back to
    the bias) are seen one tick after they spike, 3 clear (C-) and 4 fire (C+) two ticks, where what the
    samplers fired comes in; :meth:`pulses` says when. ``biases`` are whole numbers; one unit each, as many as a core holds.

    Raises CoreletError for more units than a core holds, and as Schedule does.
    """

    ON, DROP, LIFT, CLEAR_PIN, FIRE_PIN = range(5)

    def __init__(
        self, sampler: Sampler, biases: npt.ArrayLike, reach: int = 0, rest: int = 64
    ) -> None:
        self.biases = exact(biases, np.int64, "biases", CoreletError).ravel()
        low, high = (int(f(initial=0)) for f in (self.biases.min, self.biases.max))
        self.schedule = Schedule(sampler, 0, reach, reach, (low, high), rest)
        n = len(self.biases)
        axons = n * (2 + axons_of_a_unit(self.schedule)) + axons_beside(self.schedule)
        if max(axons, n * neurons_of_a_unit(self.schedule)) > AXONS or n + 2 > NEURONS:
            raise CoreletError(
                f"{n} units need {axons} axons and {n * neurons_of_a_unit(self.schedule)} neurons of a "
                f"core, it has {AXONS} and {NEURONS}; use several GibbsUnits"
            )
        self.plus, self.minus, self.control = Input(n), Input(n), Input(5)
        self.sample = Output(n)
        signs = [np.array([1, -1], np.int8)] * n
        part = sampling_core(self, self.schedule, self.biases, signs, name="samplers")
        for k, axons_in in enumerate(part.inputs):
            self.connect(self.plus[k] + self.minus[k], axons_in, delay=1)
        for pin, sink in ((self.ON, part.on), (self.DROP, part.drop), (self.LIFT, part.lift)):
            for axon in () if sink is None else sink:
                self.connect(self.control[pin], axon, delay=1)
        core = self.core(
            [n, (1, CLEAR), (1, FIRE)],
            refractory(sampler.window),
            np.vstack([np.eye(n), np.ones((2, n))]),
            name="refractory",
        )
        self.connect(part.samplers, core.axons[:n], delay=1)
        self.connect(self.control[self.CLEAR_PIN : self.FIRE_PIN + 1], core.axons[n:], delay=2)
        self.connect(core.neurons, self.sample)

    @property
    def window_end(self) -> int:
        """Ticks from a window's start until the last of its potentials is compared."""
        return self.schedule.sampler.window + self.schedule.leak.ticks

    @property
    def period(self) -> int:
        """Ticks from one window's start to the next: sampling, firing, and back to the bias."""
        return self.window_end + self.schedule.reset.ticks

    def pulses(self) -> Raster:
        """Control of one window, bool [period, 5]: row t is to spike at source tick ``start`` + t, with
        start = 0, period, 2 period, ...; samples fire in tick ``start`` + window_end + 1.
        """
        T, end, reset = self.schedule.sampler.window, self.window_end, self.schedule.reset
        found = np.zeros((self.period, 5), np.bool_)
        found[:T, self.ON] = True
        found[end : end + reset.drop_ticks, self.DROP] = True
        found[end + reset.drop_ticks :, self.LIFT] = True
        found[:, self.CLEAR_PIN] = True
        found[end - T : end, self.CLEAR_PIN] = False
        found[end - 1, self.FIRE_PIN] = True
        return found

    def model(self, plus: Raster, minus: Raster, control: Raster) -> dict[str, Raster]:
        """Tick by tick, for a sampler that draws nothing: mask 0, leak 0; CoreletError for others.

        On a chip whose neurons without reset have a ceiling, as those of the boards that ship: with mask 0
        a potential is at most the threshold.
        """
        s, reset = self.schedule, self.schedule.reset
        if s.sampler.mask or s.sampler.leak:
            raise CoreletError(
                f"{self.describe()} draws noise, so no model says when it fires; how likely it does is "
                "sampler.probability(potential)"
            )
        added = plus.astype(np.int64) - minus
        pulses = control.astype(np.int64)
        V = self.biases + s.shift
        count = -s.sampler.window + (s.alpha <= V)  # the tick before the first row has come
        fired = np.zeros((len(pulses), len(V)), np.bool_)
        floors = -np.array([s.floor(int(bias)) for bias in self.biases])
        for t, pins in enumerate(pulses):
            V = V + added[t] - STRONG * reset.drops * pins[self.DROP]
            V = np.minimum(V + reset.weight * reset.lifts * pins[self.LIFT], s.alpha)
            spiked = V >= s.alpha  # noqa: SIM300, alpha is the constant
            V = np.maximum(V, floors)
            count = count + spiked - STRONG * pins[self.CLEAR_PIN]
            count += s.sampler.window * pins[self.FIRE_PIN]
            fired[t] = count >= 1
            count = np.where(fired[t], 0, np.maximum(count, -s.sampler.window))
        return {"sample": fired}


ENTRIES = (
    Entry(
        GibbsUnits,
        source="Das et al., ISCAS 2015, section III; Pedroni et al., IEEE TNNLS 2016, section III",
        latency_ticks=lambda _: 3,
        examples=(
            lambda: GibbsUnits(Sampler(2, 3, 0, 0, 1), [0, 3, 2, -4]),
            lambda: GibbsUnits(Sampler(1, -5, 0, 0, 1), [-5, -6]),
        ),
    ),
)
