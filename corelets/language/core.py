"""One core of a corelet: what is asked of it, checked, and the core made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError
from corelets.language.owners import Owner
from corelets.language.pins import Axons, Neurons, Pins, count
from tnemu.errors import shown, whole
from tnemu.hardware.exact import exact
from tnemu.hardware.neuron import AXON_TYPES, AXONS, NEURON_DTYPE, NEURONS, validate_neurons
from tnemu.networks.logical import LogicalCore

AxonSource = Pins | int | tuple[Pins | int, npt.ArrayLike]
NeuronTemplates = np.void | npt.NDArray[np.void] | Sequence[tuple[np.void, int]]

LAST_SEED = (1 << 32) - 1
"""Noise seeds have 32 bits."""


class Core:
    """A core of a corelet: ``axons`` and ``neurons`` are its pins, ``logical`` what it holds.

    ``owner`` is the corelet, ``seed`` its noise seed (None: from its name). Made by
    :meth:`Corelet.core`.
    """

    def __init__(self, owner: Owner, logical: LogicalCore, axons: int, neurons: int) -> None:
        self.owner, self.logical, self.name = owner, logical, logical.name
        self.seed: int | None = None
        self.axons, self.neurons = (
            Axons(axons, owner, self.name),
            Neurons(neurons, owner, self.name),
        )

    def describe(self) -> str:
        """What an error calls it: quoted name and owner."""
        return f"core {self.name!r} of {self.owner.describe()}"

    def __repr__(self) -> str:
        axons, neurons = count(self.axons.width, "axon"), count(self.neurons.width, "neuron")
        return f"{self.describe()}: {axons}, {neurons}"


def make_core(
    owner: Owner,
    axons: Iterable[AxonSource],
    neurons: NeuronTemplates,
    crossbar: npt.ArrayLike,
    *,
    name: str,
    layer: str,
    seed: int | None,
    elements: npt.ArrayLike | None,
) -> tuple[Core, list[Pins | int]]:
    """The core that :meth:`Corelet.core` describes, and what drives its axons, in order."""
    for label, text in (("name", name), ("layer", layer)):
        if not isinstance(text, str):
            raise CoreletError(
                f"a core of {owner.describe()}: {label} = {shown(text)} is no text; quote it"
            )
    what = f"core {name!r} of {owner.describe()}"
    sources, types = _axons(axons, what)
    bits = exact(
        crossbar, np.bool_, f"{what}: crossbar", CoreletError, then="weights belong to the neurons"
    )
    if bits.ndim != 2:
        raise CoreletError(
            f"{what}: the crossbar has shape {bits.shape}; it is a table [axons, neurons]"
        )
    records = _records(neurons, bits.shape[1], what)
    for number, limit, noun in ((len(types), AXONS, "axons"), (len(records), NEURONS, "neurons")):
        if number > limit:
            raise CoreletError(
                f"{what} needs {number:,} {noun}, a core has {limit}: "
                "split the work over several cores"
            )
    if bits.shape != (len(types), len(records)):
        raise CoreletError(
            f"{what}: the crossbar has shape {bits.shape}, but there are {len(types)} axons and "
            f"{len(records)} neurons; give it one row for each axon, one column for each neuron"
        )
    validate_neurons(records, what)
    logical = LogicalCore(name, layer)
    logical.axon_types[: len(types)] = types
    logical.crossbar[: len(types), : len(records)] = bits
    logical.neurons[: len(records)] = records
    logical.used[: len(records)] = True
    if elements is not None:
        logical.elements[: len(records)] = _elements(elements, len(records), what)
    core = Core(owner, logical, *bits.shape)
    if seed is not None:
        core.seed = whole(f"{what}: seed", seed, 0, LAST_SEED, error=CoreletError)
    return core, sources


def _axons(
    entries: Iterable[AxonSource], what: str
) -> tuple[list[Pins | int], npt.NDArray[np.uint8]]:
    sources: list[Pins | int] = []
    types = [np.zeros(0, np.uint8)]
    for entry in [entries] if isinstance(entries, Pins) else _listed(entries, what):
        source, kind = entry if isinstance(entry, tuple) and len(entry) == 2 else (entry, 0)
        if isinstance(source, Pins):
            width = source.width
        elif isinstance(source, int | np.integer):
            source = width = whole(
                f"{what}: axons without a source", source, 1, AXONS, error=CoreletError
            )
        else:
            raise CoreletError(f"{what}: axons has the entry {shown(entry)}; {_AXONS}")
        kinds = exact(
            kind, np.uint8, f"{what}: axon type", CoreletError, low=0, high=AXON_TYPES - 1
        )
        if kinds.shape not in ((), (width,)):
            raise CoreletError(
                f"{what}: {kinds.size} axon types for {width} axons; give one, or one for each"
            )
        sources.append(source)
        types.append(np.broadcast_to(kinds, width))
    return sources, np.concatenate(types)


_AXONS = "list what drives them, such as [self.x, (self.y, 1), 8]: pins, (pins, type), or a number"


def _listed(entries: Any, what: str) -> list[Any]:
    if isinstance(entries, str | np.void) or not isinstance(entries, Iterable):
        raise CoreletError(f"{what}: axons = {shown(entries)}; {_AXONS}")
    return list(entries)


def _records(templates: Any, columns: int, what: str) -> npt.NDArray[np.void]:
    """Records of all neurons: one template for ``columns``, counted templates, or an array."""
    if isinstance(templates, np.void):
        templates = np.repeat(np.asarray(templates).reshape(1), columns)
    elif isinstance(templates, list | tuple):
        templates = np.concatenate([np.zeros(0, NEURON_DTYPE), *_counted(templates, what)])
    if not isinstance(templates, np.ndarray) or templates.ndim != 1 or not _is_record(templates):
        raise CoreletError(f"{what}: neurons = {shown(templates)}; {_NEURONS}")
    return templates


_NEURONS = (
    "give one template for all, such as tnemu.hardware.neuron(alpha=1), a list of (template, "
    "count), or an array of records (tnemu.hardware.NEURON_DTYPE)"
)


def _counted(pairs: Sequence[Any], what: str) -> Iterable[npt.NDArray[np.void]]:
    for pair in pairs:
        if not (isinstance(pair, tuple | list) and len(pair) == 2 and _is_record(pair[0])):
            raise CoreletError(f"{what}: neurons has the entry {shown(pair)}; {_NEURONS}")
        template, number = pair
        times = whole(f"{what}: count of a neuron template", number, 0, NEURONS, error=CoreletError)
        yield np.repeat(np.asarray(template).reshape(1), times)


def _is_record(value: Any) -> bool:
    # numpy copies between records of unlike types by position, so that values change places
    return isinstance(value, np.void | np.ndarray) and value.dtype == NEURON_DTYPE


def _elements(elements: npt.ArrayLike, neurons: int, what: str) -> npt.NDArray[np.int32]:
    numbers = exact(elements, np.int32, f"{what}: elements", CoreletError, low=-1)
    if numbers.shape != (neurons,):
        raise CoreletError(
            f"{what}: elements has shape {numbers.shape} for {neurons} neurons; give one for each, "
            "-1 for a neuron that computes none"
        )
    return numbers
