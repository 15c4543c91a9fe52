"""Probes of a loaded board: the spikes or potentials of chosen neurons, tick by tick."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator.arguments import whole_array
from tnemu.emulator.engine import Engine, Trace, rows
from tnemu.emulator.errors import EmulatorError
from tnemu.emulator.inputs import together
from tnemu.emulator.state import State
from tnemu.errors import shown
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import NEURONS
from tnemu.hardware.places import Places

VALUE_LIMIT = 1 << 26
"""Potentials that one probe keeps at most: 256 MB."""
SPIKE_LIMIT = 1 << 26
"""Firings that the probes of an emulator keep at most."""

Ints = npt.NDArray[np.int64]


class Probe:
    """What was recorded since it was set: spikes, or the potential after every tick.

    ``values`` is bool or int32 [ticks, *shape], row t for tick ``first + t``; ``places`` says which
    neurons they are. Spikes are kept as they come and made a raster when it is asked for.
    """

    def __init__(self, places: Places, first: int) -> None:
        self.places = places
        self.first = self.end = first
        self._spikes: list[Ints] = [np.zeros((0, 2), np.int64)]
        self._potentials: list[npt.NDArray[np.int32]] = []
        self._pin_of = np.argsort(places.core * NEURONS + places.neuron, kind="stable")
        self._keys = (places.core * NEURONS + places.neuron)[self._pin_of]

    def __repr__(self) -> str:
        what = "potentials" if self.places.potentials else "spikes"
        return f"<Probe of {self.places.name!r}: {what} of {self.end - self.first:,} ticks>"

    @property
    def values(self) -> npt.NDArray[Any]:
        """bool [ticks, *shape] of spikes, int32 of potentials."""
        ticks, shape = self.end - self.first, self.places.shape
        if self.places.potentials:
            return np.concatenate([np.zeros((0, *shape), np.int32), *self._potentials])
        raster = np.zeros((ticks, self.places.width), np.bool_)
        found = np.concatenate(self._spikes)
        raster[found[:, 0] - self.first, found[:, 1]] = True
        return raster.reshape(ticks, *shape)

    def take_spikes(self, firings: Ints, end: int) -> None:
        """Firings (tick, core, neuron) of the ticks up to ``end``."""
        self.end = end
        key = firings[:, 1] * NEURONS + firings[:, 2]
        low = np.searchsorted(self._keys, key, side="left")
        count = np.searchsorted(self._keys, key, side="right") - low
        skip = np.repeat(low - (np.cumsum(count) - count), count)
        place = self._pin_of[skip + np.arange(len(skip))]
        ticks = np.repeat(firings[:, 0], count)
        self._spikes.append(np.stack([ticks, self.places.pin[place]], axis=1))

    def take_potentials(self, potentials: npt.NDArray[np.int32], end: int) -> None:
        """V of all neurons after tick ``end`` - 1."""
        self.end = end
        row = np.zeros(self.places.width, np.int32)
        row[self.places.pin] = potentials[self.places.core, self.places.neuron]
        self._potentials.append(row.reshape(1, *self.places.shape))


class Probes:
    """The probes of one emulator."""

    def __init__(self, image: BoardImage) -> None:
        self._image = image
        self._all: list[Probe] = []

    def __len__(self) -> int:
        return len(self._all)

    def add(self, places: Places, tick: int) -> Probe:
        """A probe from ``tick`` on."""
        probe = Probe(places, tick)
        self._all.append(probe)
        return probe

    def run(self, engine: Engine, state: State, ticks: int, trace: Trace) -> None:
        """As ``engine.advance``, with everything recorded that is asked for."""
        volts = [probe for probe in self._all if probe.places.potentials]
        other = [probe for probe in self._all if not probe.places.potentials]
        for probe in volts:
            if (state.tick + ticks - probe.first) * probe.places.width > VALUE_LIMIT:
                raise EmulatorError(
                    f"{probe!r} would keep more than {VALUE_LIMIT:,} potentials; probe fewer neurons, or "
                    "run fewer ticks on a new emulator"
                )
        wanted = trace.recorded.copy()
        for probe in other:
            wanted[probe.places.core] = True
        own = Trace(wanted, max(trace.limit, SPIKE_LIMIT))
        for step in [1] * ticks if volts else [ticks]:
            engine.advance(state, step, own)
            if volts:
                engine.settle(state)
            for probe in volts:
                probe.take_potentials(state.potentials, state.tick)
        if own.full:
            raise EmulatorError(
                f"the probes of a run keep {own.limit:,} firings at most; probe fewer neurons, or run "
                "fewer ticks at a time"
            )
        firings = rows(own.spikes)
        for probe in other:
            probe.take_spikes(firings, state.tick)
        trace.write(rows(own.outputs), firings[trace.recorded[firings[:, 1]]])


def places_of(what: object, given: object, image: BoardImage) -> Places:
    """The neurons that ``what`` means on the board that was made of ``given``, an image or a plan.

    ``what``: a name, or pins, for plans of corelets; (core, neuron), numbers or arrays of them; or
    Places. Raises EmulatorError for what is none of these, InputError for neurons that there are not.
    """
    if isinstance(what, tuple) and len(what) == 2:
        last = image.core_count - 1
        core, neuron = together(
            core=whole_array("core", what[0], 0, last, "use an index into the image's cores"),
            neuron=whole_array("neuron", what[1], 0, NEURONS - 1, "a core has 256 neurons"),
        )
        return Places("core, neuron", (len(core),), np.arange(len(core)), core, neuron)
    if isinstance(what, Places):
        return what
    named = getattr(given, "places", None)
    if named is None:
        raise EmulatorError(
            f"probe({shown(what)}): a board image has no names; make the Emulator of the plan, "
            "tnemu.Emulator(plan), or give (core, neuron)"
        )
    found: Places = named(what)
    return found
