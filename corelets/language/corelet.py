"""The corelet: a network of cores that shows only its inputs and outputs.

Rule: a corelet owns ports (:class:`Input`, :class:`Output`), cores, parts (other corelets) and the
connections between them, and nothing outside it. Corelets nest, so a program is a corelet too;
:meth:`Corelet.build` flattens it to a :class:`~tnemu.networks.logical.LogicalNetwork`.
Source: Amir et al., IJCNN 2013 ("Cognitive computing programming paradigm: a Corelet language").
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError, Location, UnusedCorelet, caller, ended_by_error
from corelets.language.pins import Axons, Bundle, Input, Neurons, Output, Pins
from tnemu.hardware.neuron import AXON_TYPES, AXONS, MAX_DELAY, NEURONS, validate_neurons
from tnemu.networks.logical import BALANCE, LogicalCore, LogicalNetwork

AxonSource = Pins | int | tuple[Pins | int, npt.ArrayLike]
NeuronTemplates = np.void | npt.NDArray[np.void] | Sequence[tuple[np.void, int]]


@dataclass(frozen=True, eq=False)
class Connection:
    """``source`` drives ``sink``, pin by pin; ``delay`` 0 leaves the delay to the mapper."""

    source: Pins
    sink: Pins
    delay: int
    location: Location


class Core:
    """A core of a corelet: ``axons`` and ``neurons`` are its pins, ``logical`` what it holds."""

    def __init__(self, owner: Corelet, logical: LogicalCore, axons: int, neurons: int) -> None:
        self.owner, self.logical, self.name = owner, logical, logical.name
        self.seed: int | None = None
        self.axons, self.neurons = Axons(self, axons), Neurons(self, neurons)

    def describe(self) -> str:
        return f"core {self.name!r} of {self.owner.describe()}"


class _Tracked(type):
    """Remembers where each corelet was built, and that it was built without an error."""

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        corelet: Any = cls.__new__(cls)  # type: ignore[call-overload]
        corelet.__dict__.update(
            location=caller(),
            parent=None,
            name="",
            ports={},
            parts={},
            cores=[],
            connections=[],
            _used=False,
            _complete=False,
        )
        corelet.__init__(*arguments, **keywords)
        corelet.__dict__["_complete"] = True
        return corelet


class Corelet(metaclass=_Tracked):
    """Base of all corelets. Ports and parts become known by assigning them to attributes::

        class Both(Corelet):
            def __init__(self):
                self.x, self.z = Input(8), Output(8)
                self.first, self.second = Relay(8), Relay(8)
                self.connect(self.x, self.first.input)
                self.connect(self.first.output, self.second.input)
                self.connect(self.second.output, self.z)

    Lists of corelets are parts too (``self.steps = [Relay(8), Relay(8)]`` are ``steps[0]``, ...).
    """

    location: Location
    parent: Corelet | None
    name: str
    ports: dict[str, Input | Output]
    parts: dict[str, Corelet]
    cores: list[Core]
    connections: list[Connection]
    _used: bool
    _complete: bool

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN_NAMES or hasattr(Corelet, name):
            raise CoreletError(
                f"{name!r} of {self.describe()} cannot be assigned: the name is one of Corelet's "
                f"own; choose another, such as {name}_"
            )
        if isinstance(value, Input | Output):
            self._add_port(name, value)
        elif isinstance(value, Corelet):
            self.add(name, value)
        elif isinstance(value, list | tuple) and any(isinstance(v, Corelet) for v in value):
            for place, part in enumerate(value):
                self.add(f"{name}[{place}]", part)
        object.__setattr__(self, name, value)

    def __del__(self) -> None:
        if getattr(self, "_complete", False) and not self._used and not ended_by_error():
            warnings.warn_explicit(
                f"{self.describe()} was built and never used: make it a part of a corelet that is "
                "used, or call build()",
                UnusedCorelet,
                self.location.file,
                self.location.line,
            )

    @property
    def path(self) -> str:
        """Attribute path from the outermost corelet, which itself has the empty path."""
        outer = self.parent.path if self.parent is not None else ""
        return f"{outer}.{self.name}" if outer else self.name

    def describe(self) -> str:
        """What an error calls it: class, quoted path, and where it was built."""
        name = f" {self.path!r}" if self.path else ""
        return f"{type(self).__name__}{name} ({self.location})"

    def origin(self) -> dict[str, Any]:
        """What the network is made from, for the record that travels with the board image."""
        return {"corelet": type(self).__name__}

    # -- parts and ports ---------------------------------------------------------------------------

    def _add_port(self, name: str, port: Input | Output) -> None:
        if port.owner is not None:
            raise CoreletError(
                f"{port.describe()} cannot also be {name!r} of {self.describe()}: make a port of "
                f"its own, self.{name} = {type(port).__name__}({port.width}), and connect() the two"
            )
        self._check_free(name)
        port.owner, port.name = self, name
        self.ports[name] = port

    def add(self, name: str, part: Corelet) -> Corelet:
        """Make ``part`` a part of this corelet under ``name``, as ``self.name = part`` does."""
        if not isinstance(part, Corelet):
            raise CoreletError(
                f"{name!r} of {self.describe()} is {part!r}, which is no corelet; a list of parts "
                "holds corelets only"
            )
        if part.parent is not None:
            raise CoreletError(
                f"{part.describe()} is already a part of {part.parent.describe()} and cannot also "
                f"be {name!r} of {self.describe()}: build a second one"
            )
        self._check_free(name)
        part.__dict__.update(parent=self, name=name, _used=True)
        self.parts[name] = part
        return part

    def _check_free(self, name: str) -> None:
        if name in self.ports or name in self.parts:
            raise CoreletError(
                f"{self.describe()} already has a port or part {name!r}; choose another name"
            )

    def walk(self) -> Iterator[Corelet]:
        """This corelet and everything inside it, outermost first."""
        yield self
        for part in self.parts.values():
            yield from part.walk()

    # -- cores -------------------------------------------------------------------------------------

    def core(
        self,
        axons: Iterable[AxonSource],
        neurons: NeuronTemplates,
        crossbar: npt.ArrayLike,
        *,
        name: str = "",
        layer: str = "",
        seed: int | None = None,
        elements: npt.ArrayLike | None = None,
    ) -> Core:
        """One core: row i of ``crossbar`` is axon i, column j is neuron j.

        ``axons`` lists what drives them, in order: pins, or ``(pins, type)`` with an axon type 0..3
        for all of them or for each (0 if not given); a number instead of pins leaves that many
        axons to be connected later.
        ``neurons`` is one template for all, a list of ``(template, count)``, or one record each
        (see :func:`tnemu.hardware.neuron`). ``elements`` says which element of the layer's output
        each neuron computes (-1: none). ``seed`` is the core's noise seed (default: from its name,
        so that it stays when other parts change).

        Raises CoreletError for more than 256 axons or neurons and for a crossbar of another shape.
        """
        name = name or f"core{len(self.cores)}"
        what = f"core {name!r} of {self.describe()}"
        sources, types = _axons(axons, what)
        bits = np.asarray(crossbar, dtype=bool)
        if bits.ndim != 2:
            raise CoreletError(
                f"{what}: the crossbar has shape {bits.shape}; it is a table [axons, neurons]"
            )
        records = _records(neurons, bits.shape[1])
        for count, limit, noun in (
            (len(types), AXONS, "axons"),
            (len(records), NEURONS, "neurons"),
        ):
            if count > limit:
                raise CoreletError(
                    f"{what} needs {count:,} {noun}, a core has {limit}: "
                    "split the work over several cores"
                )
        if bits.shape != (len(types), len(records)):
            raise CoreletError(
                f"{what}: the crossbar has shape {bits.shape}, but there are {len(types)} axons and "
                f"{len(records)} neurons; give it one row for each axon, one column for each neuron"
            )
        validate_neurons(records, what)
        core = Core(self, _logical(name, layer, types, bits, records, elements), *bits.shape)
        core.seed = seed
        self.cores.append(core)
        first = 0
        for source in sources:
            if isinstance(source, Pins):
                self.connect(source, core.axons[first : first + source.width])
            first += source.width if isinstance(source, Pins) else source
        return core

    # -- connections -------------------------------------------------------------------------------

    def connect(self, source: Pins, sink: Pins, delay: int = BALANCE) -> None:
        """Pin k of ``source`` drives pin k of ``sink``; ``delay`` 1..15 ticks, or left to the mapper.

        A source may drive many sinks. Several sources on one sink merge: it sees a spike when any of
        them spikes. A source is an input of this corelet, an output of a part or neurons of a core;
        a sink an output of this corelet, an input of a part or axons of a core.
        """
        location = caller()
        for pins, role in ((source, "source"), (sink, "sink")):
            if not isinstance(pins, Pins):
                raise CoreletError(
                    f"connect() at {location}: the {role} is {pins!r}, expected pins such as "
                    "self.x, self.part.output[:8] or core.neurons"
                )
            for bundle in pins.bundles:
                self._check_role(bundle, role, location)
        if source.width != sink.width:
            wide, narrow = (source, sink) if source.width > sink.width else (sink, source)
            raise CoreletError(
                f"connect() at {location}: source {source!r} has {source.width:,} pins, sink "
                f"{sink!r} has {sink.width:,}; take {narrow.width:,} of the {wide.width:,} pins of "
                f"the {'source' if wide is source else 'sink'} by slicing it"
            )
        if isinstance(delay, bool) or not BALANCE <= delay <= MAX_DELAY:
            raise CoreletError(
                f"connect() at {location}: delay = {delay!r} is outside 1..{MAX_DELAY} ticks; leave "
                "it out to let the mapper choose, or chain a Delay for more"
            )
        self.connections.append(Connection(source, sink, int(delay), location))

    def _check_role(self, bundle: Bundle, role: str, location: Location) -> None:
        here = f"connect() at {location}"
        owner = bundle.owner
        if owner is None:
            raise CoreletError(
                f"{here}: the {role} is an {bundle.describe()} that belongs to no corelet; assign "
                f"it to an attribute of one first"
            )
        inside = owner is self
        # A part may be wired before it is assigned; build() checks that it was.
        part = not inside and owner.parent in (self, None) and isinstance(bundle, Input | Output)
        if not inside and not part:
            raise CoreletError(
                f"{here}: {bundle.describe()} is out of reach of {self.describe()}; a corelet "
                "connects its own ports and cores and the ports of its parts"
            )
        begins = isinstance(bundle, (Neurons, Input if inside else Output))
        if begins != (role == "source"):
            raise CoreletError(
                f"{here}: {bundle.describe()} cannot be a {role} here, spikes only "
                f"{'come out of' if begins else 'go into'} it; swap source and sink"
            )

    def build(self) -> LogicalNetwork:
        """The flat network: cores in the order they were made, connectors named like the ports.

        Raises CoreletError, with file and line, for connections that lead nowhere.
        """
        from corelets.language.flatten import flatten

        for corelet in self.walk():
            corelet.__dict__["_used"] = True
        return flatten(self)


_OWN_NAMES = frozenset(Corelet.__annotations__)


def _axons(
    entries: Iterable[AxonSource], what: str
) -> tuple[list[Pins | int], npt.NDArray[np.uint8]]:
    sources: list[Pins | int] = []
    types = [np.zeros(0, np.int64)]
    for entry in [entries] if isinstance(entries, Pins) else entries:
        source, kind = entry if isinstance(entry, tuple) else (entry, 0)
        width = source.width if isinstance(source, Pins) else int(source)
        kinds = np.asarray(kind, np.int64)
        if kinds.shape not in ((), (width,)):
            raise CoreletError(
                f"{what}: {kinds.size} axon types for {width} axons; give one, or one for each"
            )
        wrong = (kinds < 0) | (kinds >= AXON_TYPES)
        if wrong.any():
            raise CoreletError(
                f"{what}: axon type {int(kinds[wrong].ravel()[0])} does not exist; a core has types "
                f"0..{AXON_TYPES - 1}"
            )
        sources.append(source)
        types.append(np.broadcast_to(kinds, width))
    return sources, np.concatenate(types).astype(np.uint8)


def _records(templates: NeuronTemplates, columns: int) -> npt.NDArray[np.void]:
    if isinstance(templates, np.void):
        return np.repeat(np.asarray(templates).reshape(1), columns)
    if isinstance(templates, np.ndarray):
        return templates
    return np.concatenate([np.repeat(np.asarray(t).reshape(1), count) for t, count in templates])


def _logical(
    name: str,
    layer: str,
    types: npt.NDArray[np.uint8],
    bits: npt.NDArray[np.bool_],
    records: npt.NDArray[np.void],
    elements: npt.ArrayLike | None,
) -> LogicalCore:
    core = LogicalCore(name, layer)
    axons, neurons = bits.shape
    core.axon_types[:axons] = types
    core.crossbar[:axons, :neurons] = bits
    core.neurons[:neurons] = records
    core.used[:neurons] = True
    if elements is not None:
        core.elements[:neurons] = elements
    return core
