"""The corelet: a network of cores that shows only its inputs and outputs.

Rule: a corelet owns ports (:class:`Input`, :class:`Output`), cores, parts (other corelets) and the
connections between them, and nothing outside it. Corelets nest, so a program is a corelet too;
:meth:`Corelet.build` flattens it to a :class:`~tnemu.networks.logical.LogicalNetwork`.
Source: Amir et al., IJCNN 2013 ("Cognitive computing programming paradigm: a Corelet language").
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Self

import numpy.typing as npt

from corelets.language.core import AxonSource, Core, NeuronTemplates, make_core
from corelets.language.errors import CoreletError, Location, caller
from corelets.language.pins import Bundle, Connection, Input, Neurons, Output, Pins, count
from corelets.language.raster import Raster, Rasters
from corelets.language.unused import MustUse
from tnemu.errors import shown, whole
from tnemu.hardware.neuron import MAX_DELAY
from tnemu.networks.logical import BALANCE, LogicalNetwork


class Corelet(MustUse):
    """Base of all corelets. Ports and parts become known by assigning them to attributes::

        class Both(Corelet):
            def __init__(self):
                self.x, self.z = Input(8), Output(8)
                self.first, self.second = Relay(8), Relay(8)
                self.connect(self.x, self.first.input)
                self.connect(self.first.output, self.second.input)
                self.connect(self.second.output, self.z)

    Lists of corelets are parts too (``self.steps = [Relay(8), Relay(8)]`` are ``steps[0]``, ...).
    ``print`` shows ports, parts and cores. A corelet that is neither a part nor built warns
    (:class:`UnusedCorelet`). Names of this class's own methods and attributes cannot be assigned.
    """

    parent: Corelet | None
    name: str
    ports: dict[str, Input | Output]
    parts: dict[str, Corelet]
    cores: list[Core]
    connections: list[Connection]

    def __new__(cls, *_arguments: Any, **_keywords: Any) -> Self:
        """A corelet without ports and parts, also where a subclass does not call ``super().__init__``."""
        self = super().__new__(cls)
        self.__dict__.update(parent=None, name="", ports={}, parts={}, cores=[], connections=[])
        return self

    def __init__(self) -> None:
        pass

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

    def model(self, rasters: Rasters) -> dict[str, Raster]:
        """What the corelet computes, tick by tick, in numpy.

        ``rasters`` holds for each input port, by its name, bool [T, width] with T >= 1, the same T
        for all: row t are the pins that spike with source tick t, as
        ``Emulator.inject_pins(name, pins, t)`` gives them. The answer holds for each output port,
        by its name, bool [T, width]: row t are the pins whose neurons fire in tick t, as they leave
        the board. So the latency is included: a relay is ``output[t] = input[t - 1]``.

        Tick 0 is the first after loading: potentials are at V0 and nothing has come before row 0,
        but neurons are evaluated, and one that fires without input fires from tick 0. Row t depends
        on rows 0..t only; what would fire after tick T - 1 is cut off. A pin spikes at most once a
        tick. The model is of the network as it is built: where the mapper adds splitter cores,
        ``Plan.latency_ticks`` is larger than the catalogue's and the answer comes that much later.

        Raises CoreletError where a class defines no model, and for rasters of other shapes. Every
        corelet of the library has one (:mod:`corelets.catalogue`).
        """
        raise CoreletError(
            f"{self.describe()} has no model; define model(rasters) in {type(self).__name__}, which "
            "returns a raster for each output"
        )

    def __repr__(self) -> str:
        ports = {
            kind: ", ".join(f"{n}[{p.width}]" for n, p in self.ports.items() if isinstance(p, kind))
            for kind in (Input, Output)
        }
        name = f" {self.path!r}" if self.path else ""
        return (
            f"<{type(self).__name__}{name}: {ports[Input] or 'no input'} -> "
            f"{ports[Output] or 'no output'}; {self._size()}>"
        )

    def __str__(self) -> str:
        lines = [self.describe()]
        lines += [
            f"  {port.kind} {n}: {count(port.width, 'pin')}" for n, port in self.ports.items()
        ]
        for (_, kind), group in itertools.groupby(
            self.parts.values(), key=lambda part: (part.name.partition("[")[0], type(part))
        ):
            parts = list(group)
            cores = sum(len(inner.cores) for part in parts for inner in part.walk())
            names = " to ".join(dict.fromkeys([parts[0].name, parts[-1].name]))
            lines.append(f"  part {names}: {kind.__name__}, {count(cores, 'core')}")
        return "\n".join([*lines, f"  {self._size()}"])

    def _size(self) -> str:
        cores = sum(len(part.cores) for part in self.walk())
        parts = f"{count(len(self.parts), 'part')}, " if self.parts else ""
        return f"{parts}{count(cores, 'core')}"

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
        """Make ``part`` a part of this corelet under ``name``, as ``self.name = part`` does.

        Returns the part. Raises CoreletError for what is no corelet, is a part already, or has a
        name that is taken.
        """
        if not isinstance(part, Corelet):
            raise CoreletError(
                f"{shown(name)} of {self.describe()} is {shown(part)}, which is no corelet; a list "
                "of parts holds corelets only"
            )
        if not isinstance(name, str) or not name:
            raise CoreletError(
                f"a part of {self.describe()} is to be called {shown(name)}; give it a name"
            )
        if part.parent is not None:
            raise CoreletError(
                f"{part.describe()} is already a part of {part.parent.describe()} and cannot also "
                f"be {name!r} of {self.describe()}: build a second one"
            )
        self._check_free(name)
        part.__dict__.update(parent=self, name=name)
        part._use()
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
        """One core: row i of ``crossbar`` is axon i, column j is neuron j; entries are 0 or 1.

        ``axons`` lists what drives them, in order: pins, or ``(pins, type)`` with an axon type 0..3
        for all of them or for each (0 if not given); a number 1..256 instead of pins leaves that
        many axons to be connected later.
        ``neurons`` is one template for all, a list of ``(template, count)``, or one record each
        (see :func:`tnemu.hardware.neuron`). ``elements`` says which element of the layer's output
        each neuron computes (-1: none). ``seed`` is the core's noise seed, 32 bits (default: from
        its name, so that it stays when other parts change).

        Raises CoreletError for more than 256 axons or neurons, a crossbar of another shape and
        values that would have to be changed to fit; RangeError for parameters outside their bits.
        """
        core, sources = make_core(
            self,
            axons,
            neurons,
            crossbar,
            name=f"core{len(self.cores)}" if name == "" else name,
            layer=layer,
            seed=seed,
            elements=elements,
        )
        self.cores.append(core)
        first = 0
        for source in sources:
            if isinstance(source, Pins):
                self.connect(source, core.axons[first : first + source.width])
            first += source.width if isinstance(source, Pins) else source
        return core

    # -- connections -------------------------------------------------------------------------------

    def connect(self, source: Pins, sink: Pins, delay: int | None = None) -> None:
        """Pin k of ``source`` drives pin k of ``sink`` after ``delay`` ticks, 1..15.

        Without a delay the mapper chooses it, so that what a core sees belongs to one wave.

        A source may drive many sinks. Several sources on one sink merge: it sees a spike when any of
        them spikes. A source is an input of this corelet, an output of a part or neurons of a core;
        a sink an output of this corelet, an input of a part or axons of a core.

        Raises CoreletError, with the line of the call, for unequal widths, pins out of reach,
        source and sink exchanged, and a delay that is not a whole number in 1..15.
        """
        location = caller()
        for pins, role in ((source, "source"), (sink, "sink")):
            if not isinstance(pins, Pins):
                raise CoreletError(
                    f"connect() at {location}: the {role} is {shown(pins)}, expected pins such as "
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
        ticks = BALANCE
        if delay is not None:
            ticks = whole(
                f"connect() at {location}: delay",
                delay,
                1,
                MAX_DELAY,
                error=CoreletError,
                then="leave it out to let the mapper choose, or chain a Delay for more",
            )
        self.connections.append(Connection(source, sink, ticks, location))

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
            corelet._use()
        return flatten(self)


_OWN_NAMES = frozenset(Corelet.__annotations__) | frozenset(MustUse.__annotations__)
