"""A restricted Boltzmann machine on cores, in three stages a layer.

::

                 ┌─ 1 refractory ─ 2 quantise ─ 3 sample ─┐
    visible units┤      (every unit, many copies)         ├ hidden units
                 └─ 3 sample ─ 2 quantise ─ 1 refractory ─┘      and pixels in, pixels out

    visible units fire in ticks t, t + 2 P, t + 4 P, ...     P = T_A + T_S + 2
    hidden units fire in ticks t + P, t + 3 P, ...

Each firing is a sample of the Markov chain on the rounded weights, with the conditional probabilities of
the sampler under the literal rule: field by field, whole number by whole number. A control core holds
signals up between the pulses it is given; :meth:`BoltzmannMachine.pulses` says which, and when.

Source: Pedroni et al., IEEE TNNLS 2016, section III and IV. What differs: biases are where potentials
begin, not axons (schedule.py); the control comes from latches on the board.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from corelets.language.core import Core
from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.pins import Bundle, Pins
from corelets.language.ports import Input, Output
from corelets.library.boltzmann.schedule import STRONG, Schedule
from corelets.library.boltzmann.stages import (
    Layer,
    Part,
    Strategies,
    layer_of,
    refractory_cores,
)
from corelets.library.boltzmann.units import (
    CLAMP,
    CLEAR,
    FIRE,
    UNIT,
    refractory,
    sampling_core,
)
from tnemu.errors import whole
from tnemu.hardware.neuron import AXON_TYPES, NEURON_DTYPE, NEURONS, RELAY_NEURON, neuron
from tnemu.networks.boltzmann.machine import Rounded
from tnemu.networks.boltzmann.sampler import SAMPLERS, Sampler

VISIBLE, HIDDEN = "visible", "hidden"
SIDES = (VISIBLE, HIDDEN)
HELD = ("on", "drop", "lift", "clear")
"""Signals that last: a pin sets each, and one ends it."""
SHORT = ("fire", "raise")
"""Signals of one tick."""

QUANTISER = neuron(gamma=1, alpha=1, beta=0, kappa=1)
"""Gives a spike a tick until it has given all that it was charged with."""

BEGINS, ENDS = 0, 1
"""Axon types of a control core."""
LATCH = neuron(s=(1, -STRONG), alpha=1, beta=0, kappa=1, sigma_VR=1, VR=1)
"""Fires from the tick of a spike of type BEGINS to before that of one of type ENDS: its reset is its
threshold."""
LATCHED = neuron(s=(1, -STRONG), alpha=1, beta=0, kappa=1, sigma_VR=1, VR=1, V0=1)
"""The same, from the first tick on."""


@dataclass(frozen=True)
class Pulse:
    """Control pin ``pin`` spikes at source tick ``tick``, counted from a step's start."""

    tick: int
    pin: int


class BoltzmannMachine(Corelet):
    """visible[i] fires in every tick t + 2 P k with the i-th bit of the machine's k-th sample.

    machine      whole weights and biases
    sampler      of both layers
    accumulate   T_A, ticks in which a field adds up
    strategies   how cores are packed

    ``set_on`` and ``set_off`` [visible] hold a unit to 1 or 0 for the tick after they spike. ``hidden``
    fires with the hidden units' samples. ``control`` takes :meth:`pulses`.

    Raises CoreletError that names the unit, its need and the limit, where a weight or a sum of weights is
    more than T_A, the axons of a core or a potential can carry.
    """

    def __init__(
        self,
        machine: Rounded,
        sampler: Sampler = SAMPLERS["G5"],
        accumulate: int = 32,
        strategies: Strategies | str = "1.1+2+3",
    ) -> None:
        how = strategies if isinstance(strategies, Strategies) else Strategies.of(strategies)
        whole("accumulate", accumulate, 1, STRONG, error=CoreletError)
        self.machine, self.sampler, self.accumulate, self.strategies = (
            machine, sampler, accumulate, how,
        )  # fmt: skip
        W = machine.weights.astype(np.int64)
        self.biases = {
            VISIBLE: machine.visible_bias.astype(np.int64),
            HIDDEN: machine.hidden_bias.astype(np.int64),
        }
        self.layers = {
            HIDDEN: self._layer(HIDDEN, W),
            VISIBLE: self._layer(VISIBLE, W.T),
        }
        visible, hidden = W.shape
        self.control = Input(len(SIDES) * (2 * len(HELD) + len(SHORT)))
        self.set_on, self.set_off = Input(visible), Input(visible)
        self.visible, self.hidden = Output(visible), Output(hidden)
        self._sampler_of = {side: [(0, 0)] * len(b) for side, b in self.biases.items()}
        self._control: dict[tuple[str, str], list[Pins]] = {
            (side, name): [] for side in SIDES for name in (*HELD, *SHORT)
        }
        self._quantise = {side: self._quantising(side) for side in SIDES}
        for side in SIDES:
            self._sampling(side)
        for side in SIDES:
            self._refractory(side)
        self._control_cores()

    # -- time --------------------------------------------------------------------------------------

    @property
    def period(self) -> int:
        """P: ticks of a layer; a step of Gibbs sampling takes two."""
        return self.layers[HIDDEN].schedule.period

    @property
    def step_ticks(self) -> int:
        """2 P: ticks from one sample of the visible units to the next."""
        return 2 * self.period

    LEAD = 2
    """Ticks from the start of a step, the first source tick of its pulses, to that in which the visible
    units fire."""

    @cached_property
    def pulses(self) -> list[Pulse]:
        """Of one step, by tick: from the visible units' firing in tick LEAD until they can fire again.

        They may go on into the next step, and later steps follow every ``step_ticks``.
        """
        found = [
            self._pulse(VISIBLE, "clear ends", 0),  # for the first step; later ones find it so
            self._pulse(VISIBLE, "clear begins", 1),
        ]
        for side, sources, t0 in ((HIDDEN, VISIBLE, 0), (VISIBLE, HIDDEN, self.period)):
            schedule = self.layers[side].schedule
            done = t0 + schedule.period  # the layer's own firing
            reset, T, lag = schedule.reset, self.sampler.window, schedule.leak.ticks
            lift = done + reset.drop_ticks
            found.append(self._pulse(sources, "fire", t0))
            found.append(self._pulse(side, "raise", done - T))
            found += self._held(side, "on", done - T - lag, done - 1 - lag)
            found += self._held(side, "drop", done, lift - 1)
            found += self._held(side, "lift", lift, lift + reset.lift_ticks - 1)
            found += self._held(side, "clear", done + 1, done - T)  # held but in the window
        return sorted(found, key=lambda pulse: (pulse.tick, pulse.pin))

    def _pulse(self, side: str, signal: str, tick: int) -> Pulse:
        """The pulse that makes a signal arrive in ``tick``, counted from the visible units' firing."""
        return Pulse(tick, self._pin(side, signal))  # a tick to the control, and one from it: LEAD

    def _held(self, side: str, signal: str, first: int, last: int) -> list[Pulse]:
        """From the tick ``first`` to ``last``, both included."""
        return [
            self._pulse(side, f"{signal} begins", first),
            self._pulse(side, f"{signal} ends", last + 1),
        ]

    def _pin(self, side: str, signal: str) -> int:
        names = [*(f"{name} {what}" for name in HELD for what in ("begins", "ends")), *SHORT]
        return SIDES.index(side) * len(names) + names.index(signal)

    # -- cores -------------------------------------------------------------------------------------

    def _layer(self, name: str, weights: npt.NDArray[np.int64]) -> Layer:
        bias = self.biases[name]
        negative = -np.minimum(weights, 0).sum(axis=0)
        positive = np.maximum(weights, 0).sum(axis=0)
        most = int((negative + positive + abs(bias)).argmax())
        schedule = Schedule(
            self.sampler,
            self.accumulate,
            negative=int(negative.max()),
            positive=int(positive.max()),
            biases=(int(bias.min()), int(bias.max())),
            who=f"{name} unit {most}: ",
        )
        return layer_of(name, weights, schedule, self.strategies)

    def _sampling(self, side: str) -> None:
        """Stage 3, and the wires that charge it from stage 2."""
        layer, wires = self.layers[side], _Wires()
        charged: list[list[tuple[Core, int, int]]] = [[] for _ in self.biases[side]]
        for k, parts in enumerate(layer.quantising):
            neurons = [(part.unit, q.sign) for part in parts for q in part.quantisers]
            for place, (unit, sign) in enumerate(neurons):
                charged[unit].append((self._quantise[side][k], place, sign))
        for k, units in enumerate(layer.sampling):
            signs = [np.array([sign for _, _, sign in charged[unit]], np.int8) for unit in units]
            part = sampling_core(
                self, layer.schedule, self.biases[side][units], signs,
                name=f"{side}.sample{k}", layer=f"{side} sample",
            )  # fmt: skip
            at = len(self.cores) - 1
            for place, (unit, axons) in enumerate(zip(units, part.inputs, strict=True)):
                self._sampler_of[side][unit] = at, place
                for (core, neuron_, _), axon in zip(charged[unit], axons.index, strict=True):
                    wires.add(core.neurons, neuron_, part.core.axons, axon)
            signals = {"on": part.on, "drop": part.drop, "lift": part.lift, "raise": part.raise_}
            for name, pins in signals.items():
                self._control[side, name] += [pins] if pins is not None else []
        wires.connect(self)

    def _quantising(self, side: str) -> list[Core]:
        """Stage 2: axon k of a core hears the k-th of its sources, which is of type source mod 4."""
        return [
            self._quantising_core(side, k, self.layers[side].sources(k), parts)
            for k, parts in enumerate(self.layers[side].quantising)
        ]

    def _quantising_core(
        self, side: str, k: int, sources: npt.NDArray[np.int64], parts: list[Part]
    ) -> Core:
        quantisers = [(part, q) for part in parts for q in part.quantisers]
        records = np.repeat(np.asarray(QUANTISER).reshape(1), len(quantisers))
        crossbar = np.zeros((len(sources), len(quantisers)), np.bool_)
        for place, (part, quantiser) in enumerate(quantisers):
            own = part.sources[list(quantiser.charges)]
            crossbar[np.searchsorted(sources, own), place] = True
            records["s"][place, own % AXON_TYPES] = list(quantiser.charges.values())
        core = self.core(
            [len(sources)], records, crossbar, name=f"{side}.quantise{k}", layer=f"{side} quantise"
        )
        core.logical.axon_types[: len(sources)] = sources % AXON_TYPES
        return core

    def _refractory(self, side: str) -> None:
        """Stage 1: a neuron for each core of stage 2 that hears a unit, and one that leaves the board."""
        other = HIDDEN if side == VISIBLE else VISIBLE
        clamps = 2 if side == VISIBLE else 0
        heard: list[list[Pins]] = [[] for _ in self.biases[side]]
        for k, core in enumerate(self._quantise[other]):
            for axon, unit in enumerate(self.layers[other].sources(k).tolist()):
                heard[unit].append(core.axons[axon])
        copies = np.array([1 + len(axons) for axons in heard])
        wires = _Wires()
        for k, units in enumerate(refractory_cores(side, copies, 1 + clamps, self.strategies)):
            n, of = len(units), np.repeat(np.arange(len(units)), copies[units])
            axons = n * (1 + clamps) + 2
            crossbar = np.zeros((axons, len(of)), np.bool_)
            for row in range(1 + clamps):
                crossbar[row * n + of, np.arange(len(of))] = True
            crossbar[-2:] = True
            core = self.core(
                [(n, UNIT), *[(n, CLAMP), (n, CLEAR)][:clamps], (1, CLEAR), (1, FIRE)],
                refractory(self.sampler.window), crossbar,
                name=f"{side}.refractory{k}", layer=f"{side} refractory",
            )  # fmt: skip
            self.connect(self._samplers_of(side, units), core.axons[:n], delay=1)
            if clamps:
                self.connect(self.set_on[units], core.axons[n : 2 * n], delay=1)
                self.connect(self.set_off[units], core.axons[2 * n : 3 * n], delay=1)
            self._control[side, "clear"].append(core.axons[axons - 2])
            self._control[side, "fire"].append(core.axons[axons - 1])
            first = np.cumsum(copies[units]) - copies[units]
            self.connect(core.neurons[first], (self.visible if clamps else self.hidden)[units])
            for start, unit in zip(first.tolist(), units, strict=True):
                for place, to in enumerate(heard[unit], start + 1):
                    wires.add(core.neurons, place, to.bundles[0], to.index[0])
        wires.connect(self)

    def samplers(self, side: str) -> Pins:
        """The neurons that sample the units of a ``side``, in order of units: what probes may look at."""
        return self._samplers_of(side, range(len(self.biases[side])))

    def _samplers_of(self, side: str, units: Iterable[int]) -> Pins:
        found = _End()
        for core, place in (self._sampler_of[side][unit] for unit in units):
            found.add(self.cores[core].neurons, place)
        return found.pins()

    def _control_cores(self) -> None:
        """A latch for every axon that a lasting signal goes to, a relay for every one of a short one."""
        rows: list[tuple[np.void, list[int], Pins]] = []
        for (side, name), sinks in self._control.items():
            for sink in [axon for pins in sinks for axon in pins]:
                if name in SHORT:
                    rows.append((RELAY_NEURON, [self._pin(side, name)], sink))
                    continue
                pins = [self._pin(side, f"{name} {what}") for what in ("begins", "ends")]
                rows.append((LATCHED if name == "clear" else LATCH, pins, sink))
        width = self.control.width
        types = np.array([ENDS if pin in self._ending else BEGINS for pin in range(width)])
        for k in range(0, len(rows), NEURONS):
            some = rows[k : k + NEURONS]
            crossbar = np.zeros((width, len(some)), np.bool_)
            for place, (_, pins, _) in enumerate(some):
                crossbar[pins, place] = True
            heard = np.flatnonzero(crossbar.any(axis=1))
            records = np.array([record for record, _, _ in some], NEURON_DTYPE)
            core = self.core(
                [(len(heard), types[heard])],
                records,
                crossbar[heard],
                name=f"control{k // NEURONS}",
                layer="control",
            )
            self.connect(self.control[heard], core.axons, delay=1)
            wires = _Wires()
            for place, (_, _, to) in enumerate(some):
                wires.add(core.neurons, place, to.bundles[0], to.index[0])
            wires.connect(self)

    @property
    def _ending(self) -> set[int]:
        return {self._pin(side, f"{name} ends") for side in SIDES for name in HELD}


class _End:
    """One end of many wires: pins of many bundles, in order."""

    def __init__(self) -> None:
        self._number: dict[Bundle, int] = {}
        self._which: list[int] = []
        self._index: list[int] = []

    def add(self, bundle: Bundle, index: int) -> None:
        self._which.append(self._number.setdefault(bundle, len(self._number)))
        self._index.append(int(index))

    def pins(self) -> Pins:
        return Pins(
            tuple(self._number), np.array(self._which, np.intp), np.array(self._index, np.intp)
        )


class _Wires:
    """Wires of one tick, gathered one by one and connected together."""

    def __init__(self) -> None:
        self.source, self.sink = _End(), _End()

    def add(self, source: Bundle, neuron_: int, sink: Bundle, axon: int) -> None:
        self.source.add(source, neuron_)
        self.sink.add(sink, axon)

    def connect(self, owner: Corelet) -> None:
        owner.connect(self.source.pins(), self.sink.pins(), delay=1)
