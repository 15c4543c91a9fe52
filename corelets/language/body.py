"""The body of a corelet: what it owns, apart from its attributes, so that these may have any name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from corelets.language.core import Core
from corelets.language.errors import CoreletError, Location
from corelets.language.group import NeuronGroup
from corelets.language.pins import Bundle, Merge, Neurons, Pins
from corelets.language.ports import Input, Output, Port, check_codes
from corelets.language.times import Time
from tnemu.errors import shown


@dataclass(frozen=True, eq=False)
class Connection:
    """``source`` drives ``sink``, pin by pin, at ``time``."""

    source: Pins
    sink: Pins
    time: Time
    location: Location


@dataclass(eq=False)
class Body:
    """Ports, parts, cores, groups of neurons, merges, and the connections between them.

    ``kind`` is the class of the corelet and ``location`` where it was built.
    """

    kind: str
    location: Location
    parent: Body | None = None
    name: str = ""
    ports: dict[str, Port] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    cores: list[Core] = field(default_factory=list)
    groups: list[NeuronGroup] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    unused: list[tuple[Pins, Location]] = field(default_factory=list)
    """Inputs of parts that are meant to be silent."""

    @property
    def path(self) -> str:
        """Attribute path from the outermost corelet, which itself has the empty path."""
        outer = self.parent.path if self.parent is not None else ""
        return f"{outer}.{self.name}" if outer else self.name

    def describe(self) -> str:
        """What an error calls it: class, quoted path, and where it was built."""
        name = f" {self.path!r}" if self.path else ""
        return f"{self.kind}{name} ({self.location})"

    def walk(self) -> Iterator[Body]:
        """This body and those of all parts inside it, outermost first."""
        yield self
        for part in self.parts.values():
            yield from body_of(part).walk()

    # -- ports and parts ---------------------------------------------------------------------------

    def add_port(self, name: str, port: Port) -> None:
        """Make ``port`` one of this corelet's, under ``name``."""
        if port.owner is not None:
            raise CoreletError(
                f"{port.describe()} cannot also be {name!r} of {self.describe()}: make a port of "
                f"its own, self.{name} = {type(port).__name__}({port.width}), and connect() the two"
            )
        self._check_free(name)
        port.owner, port.name = self, name
        self.ports[name] = port

    def add_part(self, name: str, part: Any) -> None:
        """Make ``part``, a corelet, one of this corelet's, under ``name``."""
        body = body_of(part)
        if body is None:
            raise CoreletError(
                f"{shown(name)} of {self.describe()} is {shown(part)}, which is no corelet; a list "
                "of parts holds corelets only"
            )
        if not isinstance(name, str) or not name:
            raise CoreletError(
                f"a part of {self.describe()} is to be called {shown(name)}; give it a name"
            )
        if body.parent is not None:
            raise CoreletError(
                f"{body.describe()} is already a part of {body.parent.describe()} and cannot also "
                f"be {name!r} of {self.describe()}: build a second one"
            )
        if self in body.walk():
            raise CoreletError(f"{body.describe()} holds {self.describe()} and cannot be in it")
        self._check_free(name)
        body.parent, body.name = self, name
        self.parts[name] = part

    def _check_free(self, name: str) -> None:
        if name in self.ports or name in self.parts:
            raise CoreletError(
                f"{self.describe()} already has a port or part {name!r}; choose another name"
            )

    # -- neurons -----------------------------------------------------------------------------------

    def add_core(self, core: Core) -> None:
        """Take ``core``, whose name no other core of this corelet has: noise goes by names."""
        for other in self.cores:
            if other.name == core.name:
                raise CoreletError(
                    f"{core.describe()}: there is a core of that name already, and the two would draw "
                    "the same noise; give each a name of its own"
                )
        self.cores.append(core)

    def adopt(self, neurons: Bundle) -> None:
        """Make a group of neurons that belongs to no corelet one of this one's."""
        if not isinstance(neurons, NeuronGroup) or neurons.owner is not None:
            return
        neurons.owner = self
        if not neurons.name:
            kind = type(neurons.of).__name__.lower()
            same = sum(type(other.of) is type(neurons.of) for other in self.groups)
            neurons.name = f"{kind}{same}"
        self.groups.append(neurons)

    def name_group(self, group: NeuronGroup, name: str) -> None:
        """Call ``group`` by the attribute that it was assigned to first."""
        self.adopt(group)
        taken = {other.name for other in self.groups} | {core.name for core in self.cores}
        if group.owner is self and not group.named and name not in taken:
            group.name, group.named = name, True

    def merge(self, ways: Sequence[Pins], location: Location) -> Pins:
        """The pins that spike where any of ``ways`` does."""
        merge = Merge(ways[0].shape, self, f"merge{len(self.merges)}")
        merge.location = location
        for pins in ways:
            self._reach(pins, "source", location)
        self.merges.append(merge)
        self.connections += [Connection(pins, merge, pins.time, location) for pins in ways]
        return merge

    # -- connections -------------------------------------------------------------------------------

    def connect(self, source: Pins, sink: Pins, time: Time, location: Location) -> None:
        """Pin k of ``source`` drives pin k of ``sink``; see :meth:`corelets.Corelet.connect`."""
        for pins, role in ((source, "source"), (sink, "sink")):
            if not isinstance(pins, Pins):
                raise CoreletError(
                    f"connect() at {location}: the {role} is {shown(pins)}, expected pins such as "
                    "self.x, self.part.output[:8] or core.neurons"
                )
            self._reach(pins, role, location)
        if sink.time != Time():
            raise CoreletError(
                f"connect() at {location}: the sink {sink!r} has a time ({sink.time}); say after() and "
                "loop() at the source"
            )
        if source.width != sink.width:
            wide, narrow = (source, sink) if source.width > sink.width else (sink, source)
            raise CoreletError(
                f"connect() at {location}: source {source!r} has {source.width:,} pins, sink "
                f"{sink!r} has {sink.width:,}; take {narrow.width:,} of the {wide.width:,} pins of "
                f"the {'source' if wide is source else 'sink'} by slicing it"
            )
        check_codes(source, sink, location)
        self.connections.append(Connection(source, sink, time, location))

    def leave_silent(self, pins: Pins, location: Location) -> None:
        """Let nothing drive ``pins``, inputs of parts, on purpose."""
        self._reach(pins, "sink", location)
        self.unused.append((pins, location))

    def check_source(self, pins: Pins, location: Location) -> None:
        """Refuse pins that no spikes come out of in this corelet."""
        self._reach(pins, "source", location)

    def _reach(self, pins: Pins, role: str, location: Location) -> None:
        for bundle in pins.bundles:
            self.adopt(bundle)
            owner = bundle.owner
            here = f"connect() at {location}"
            if owner is None:
                raise CoreletError(
                    f"{here}: the {role} is an {bundle.describe()} that belongs to no corelet; assign "
                    f"it to an attribute of one first"
                )
            inside = owner is self
            # A part may be wired before it is assigned; build() checks that it was.
            part = not inside and owner.parent in (self, None) and isinstance(bundle, Port)
            if not inside and not part:
                raise CoreletError(
                    f"{here}: {bundle.describe()} is out of reach of {self.describe()}; a corelet "
                    "connects its own ports and cores and the ports of its parts"
                )
            begins = isinstance(bundle, (Neurons, Merge, Input if inside else Output))
            if begins != (role == "source"):
                raise CoreletError(
                    f"{here}: {bundle.describe()} cannot be a {role} here, spikes only "
                    f"{'come out of' if begins else 'go into'} it; swap source and sink"
                )


def body_of(corelet: Any) -> Any:
    """The body of a corelet; None of anything else."""
    return getattr(corelet, "__dict__", {}).get("_body")
