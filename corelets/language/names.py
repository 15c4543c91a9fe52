"""Pins of a corelet found by name: what can be probed, and which neurons it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from corelets.language.errors import CoreletError
from corelets.language.follow import Bits, follow
from corelets.language.group import NeuronGroup
from corelets.language.numbering import Ints, Numbering
from corelets.language.pins import Axons, Bundle, Merge, Neurons, Pins, Potential
from tnemu.errors import did_you_mean, shown
from tnemu.hardware.places import Places

POTENTIAL = ".potential"


class PinNames(Mapping[Any, Places]):
    """Pins by name (``"part.sums"``), or by themselves (``c.part.sums[:4]``), as neurons of the cores.

    With ``.potential`` at the end, or as ``c.part.sums.potential``, their potentials. Raises
    CoreletError for what is not there and for what no neuron of the corelet drives.
    """

    def __init__(self, numbering: Numbering, begins: Bits, core: Ints, neuron: Ints) -> None:
        self._numbering, self._begins = numbering, begins
        self._core, self._neuron = core, neuron
        self._named: dict[str, Bundle] | None = None

    def __len__(self) -> int:
        return len(self._bundles())

    def __iter__(self) -> Iterator[str]:
        return iter(self._bundles())

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.removesuffix(POTENTIAL) in self._bundles()

    def __getitem__(self, key: Any) -> Places:
        potentials = isinstance(key, Potential)
        pins = key.pins if isinstance(key, Potential) else key
        if isinstance(key, str):
            potentials = key not in self._bundles() and key.endswith(POTENTIAL)
            pins = self._found(key.removesuffix(POTENTIAL) if potentials else key)
        if not isinstance(pins, Pins):
            raise CoreletError(
                f"probe {shown(key)}: name pins, as in 'part.output', or give them, as in c.part.output"
            )
        name = name_of(pins) + (POTENTIAL if potentials else "")
        found = self._places(name, pins)
        if potentials and not all(isinstance(bundle, Neurons) for bundle in pins.bundles):
            raise CoreletError(
                f"probe {name}: {pins!r} are pins, which have no potential; name the neurons that drive "
                "them"
            )
        return Places(name, found.shape, found.pin, found.core, found.neuron, potentials)

    def _found(self, name: str) -> Bundle:
        bundles = self._bundles()
        if name not in bundles:
            top = self._numbering.bodies[0].describe()
            hint = did_you_mean(name, bundles) or f"it has {shown(list(bundles))}"
            raise CoreletError(f"probe {shown(name)}: {top} has no pins of that name; {hint}")
        return bundles[name]

    def _bundles(self) -> dict[str, Bundle]:
        if self._named is None:
            bundles = self._numbering.bundles
            kept = (b for b in bundles if not isinstance(b, Axons | Merge))
            self._named = {name_of(bundle): bundle for bundle in kept}
        return self._named

    def _places(self, name: str, pins: Pins) -> Places:
        numbering = self._numbering
        for bundle in pins.bundles:
            if bundle not in numbering.first:
                raise CoreletError(
                    f"probe {name}: {bundle.describe()} is no part of "
                    f"{numbering.bodies[0].describe()}; give pins of what runs"
                )
        numbers = numbering.numbers(pins, numbering.bodies[0].location)
        source, place = numbers[:0], numbers[:0]
        own = self._core[numbers] >= 0
        if not own.all():
            ends = np.zeros(numbering.count, np.bool_)
            ends[numbers[~own]] = True
            rows = follow(numbering, self._begins, ends)
            order = np.argsort(rows["sink"], kind="stable")
            low = np.searchsorted(rows["sink"][order], numbers, side="left")
            high = np.searchsorted(rows["sink"][order], numbers, side="right")
            count = high - low
            skip = np.repeat(low - (np.cumsum(count) - count), count)
            source = rows["source"][order][skip + np.arange(len(skip))]
            place = np.repeat(np.arange(len(numbers)), count)
        source = np.concatenate([numbers[own], source])
        place = np.concatenate([np.flatnonzero(own), place])
        outside = self._begins[numbers] & ~own
        if outside.any() or (self._core[source] < 0).any():
            raise CoreletError(
                f"probe {name}: {pins!r} gets spikes from outside, no neuron fires them; look at the raster "
                "that goes in"
            )
        return Places(name, pins.shape, place, self._core[source], self._neuron[source])


def name_of(pins: Pins) -> str:
    """Dotted name of pins from the outermost corelet on, with the pins that were chosen."""
    names = []
    for number, bundle in enumerate(pins.bundles):
        path = bundle.owner.path if bundle.owner is not None else ""
        name = bundle.full_name if isinstance(bundle, NeuronGroup) else bundle.name
        name = f"{path}.{name}" if path else name
        index = pins.index[pins.which == number]
        if len(index) != bundle.width or (index != np.arange(bundle.width)).any():
            run = len(index) > 1 and (np.diff(index) == 1).all()
            text = f"{index[0]}:{index[-1] + 1}" if run else ", ".join(map(str, index.tolist()))
            name += f"[{text}]"
        names.append(name)
    return " + ".join(names)
