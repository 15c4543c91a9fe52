"""All pins of a corelet and its parts in one sequence, its cores, and its connections as rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from corelets.language.body import Body
from corelets.language.derive import Derived, Piece, derive
from corelets.language.errors import CoreletError, Location
from corelets.language.group import NeuronGroup
from corelets.language.pins import Axons, Bundle, Pins
from corelets.language.times import Time
from tnemu.networks.logical import LogicalCore

Rows = npt.NDArray[np.void]
Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]

ROW_DTYPE = np.dtype(
    [
        ("source", np.int64),
        ("sink", np.int64),
        ("delay", np.int64),
        ("after", np.int64),
        ("loop", np.int64),
        ("by", np.int64),
    ]
)
"""Pin ``source`` drives pin ``sink``; ``by`` is the line that asked for it, in ``Numbering.lines``."""


@dataclass(frozen=True, eq=False)
class FlatCore:
    """A core on its way into the network, with the pins of its axons and neurons.

    ``places`` are those of its neurons in the bundle ``neurons``. ``seed`` is what the author chose.
    """

    owner: Body
    name: str
    location: Location
    logical: LogicalCore
    axons: Bundle
    neurons: Bundle
    places: Ints
    seed: int | None = None

    def describe(self) -> str:
        """What an error calls it."""
        if isinstance(self.neurons, NeuronGroup):
            return self.neurons.describe()
        return f"core {self.name!r} of {self.owner.describe()}"


class Numbering:
    """The bundles of a tree of corelets, each with a range of pin numbers; its cores; its rows."""

    def __init__(self, top: Body) -> None:
        self.bodies = list(top.walk())
        self.cores: list[FlatCore] = []
        self.lines: list[Location] = []
        self._by: dict[Location, int] = {}
        pieces: list[tuple[FlatCore, Derived, Piece]] = []
        for body in self.bodies:
            for core in body.cores:
                places = np.arange(core.neurons.width)
                self.cores.append(
                    FlatCore(body, core.name, core.axons.location, core.logical, core.axons,
                             core.neurons, places, core.seed)
                )  # fmt: skip
            for group in body.groups:
                for flat, derived, piece in _of_group(body, group):
                    self.cores.append(flat)
                    pieces.append((flat, derived, piece))
        bundles: dict[Bundle, None] = {}
        for body in self.bodies:
            bundles |= dict.fromkeys([*body.ports.values(), *body.merges, *body.groups])
        for flat in self.cores:
            bundles |= dict.fromkeys([flat.axons, flat.neurons])
        self.bundles = list(bundles)
        ends = np.cumsum([0, *(bundle.width for bundle in self.bundles)])
        self.first = dict(zip(self.bundles, ends[:-1].tolist(), strict=True))
        self.count = int(ends[-1])
        rows = [self._connected(connection) for b in self.bodies for connection in b.connections]
        rows += [self._derived(*piece) for piece in pieces]
        self.rows: Rows = np.concatenate([np.zeros(0, ROW_DTYPE), *rows])

    # -- rows --------------------------------------------------------------------------------------

    def _connected(self, connection: object) -> Rows:
        source, sink, time, location = (
            getattr(connection, name) for name in ("source", "sink", "time", "location")
        )
        rows = np.zeros(source.width, ROW_DTYPE)
        rows["source"], rows["sink"] = self.numbers(source, location), self.numbers(sink, location)
        _set_time(rows, time)
        rows["by"] = self._line(location)
        return rows

    def _derived(self, flat: FlatCore, derived: Derived, piece: Piece) -> Rows:
        chosen = piece.sources
        for bundle in derived.bundles:
            self._known(bundle, flat.location)
        rows = np.zeros(len(chosen), ROW_DTYPE)
        first = np.array([self.first[bundle] for bundle in derived.bundles], np.int64)
        rows["source"] = first[derived.bundle[chosen]] + derived.pin[chosen] if len(chosen) else 0
        rows["sink"] = self.first[flat.axons] + np.arange(len(chosen))
        for k, time in enumerate(derived.times):
            mine = derived.time[chosen] == k
            part = rows[mine]
            _set_time(part, time)
            rows[mine] = part
        rows["by"] = self._line(flat.location)
        return rows

    def _line(self, location: Location) -> int:
        if location not in self._by:
            self._by[location] = len(self.lines)
            self.lines.append(location)
        return self._by[location]

    @cached_property
    def driven(self) -> Bits:
        """bool [pins]: what something is wired to, or is meant to be silent."""
        driven = np.zeros(self.count, np.bool_)
        driven[self.rows["sink"]] = True
        for body in self.bodies:
            for pins, location in body.unused:
                driven[self.numbers(pins, location)] = True
        return driven

    # -- numbers -----------------------------------------------------------------------------------

    def numbers(self, pins: Pins, location: Location) -> Ints:
        """The number of every pin of ``pins``, which were wired at ``location``."""
        for bundle in pins.bundles:
            self._known(bundle, location)
        first = np.array([self.first[bundle] for bundle in pins.bundles], dtype=np.int64)
        return first[pins.which] + pins.index if pins.width else np.zeros(0, np.int64)

    def _known(self, bundle: Bundle, location: Location) -> None:
        if bundle not in self.first:
            raise CoreletError(
                f"connect() at {location}: {bundle.describe()} is not a part of what is "
                "built; assign it to an attribute of the corelet that connects it"
            )

    def neurons_of(self, core: FlatCore) -> Ints:
        """The pin of every neuron of a core."""
        return self.first[core.neurons] + core.places

    def span(self, bundle: Bundle) -> slice:
        """The pins of a bundle."""
        first = self.first[bundle]
        return slice(first, first + bundle.width)

    def mark(self, bundles: Iterable[Bundle]) -> Bits:
        """bool [pins]: the pins of these bundles."""
        marks = np.zeros(self.count, np.bool_)
        for bundle in bundles:
            marks[self.span(bundle)] = True
        return marks

    def locate(self, bundles: Sequence[Bundle]) -> tuple[Ints, Ints]:
        """[pins] each: which of ``bundles`` a pin belongs to (-1: none), and its place there."""
        owner, place = np.full(self.count, -1, np.int64), np.zeros(self.count, np.int64)
        for number, bundle in enumerate(bundles):
            owner[self.span(bundle)], place[self.span(bundle)] = number, np.arange(bundle.width)
        return owner, place

    def locate_neurons(self) -> tuple[Ints, Ints]:
        """[pins] each: the core that a pin is a neuron of (-1: none), and which neuron."""
        owner, place = np.full(self.count, -1, np.int64), np.zeros(self.count, np.int64)
        for number, core in enumerate(self.cores):
            pins = self.neurons_of(core)
            owner[pins], place[pins] = number, np.arange(len(pins))
        return owner, place

    def bundle_at(self, pin: int) -> tuple[Bundle, int]:
        """The bundle that a pin belongs to, and its place there."""
        ends = np.array([self.first[bundle] for bundle in self.bundles])
        bundle = self.bundles[int(np.searchsorted(ends, pin, side="right")) - 1]
        return bundle, pin - self.first[bundle]


def _set_time(rows: Rows, time: Time) -> None:
    rows["delay"], rows["after"], rows["loop"] = time.delay, time.after, time.loop


def _of_group(body: Body, group: NeuronGroup) -> Iterator[tuple[FlatCore, Derived, Piece]]:
    """The cores of a group of neurons, as its weights give them."""
    derived = derive(group)
    many = len(derived.pieces) > 1
    for k, piece in enumerate(derived.pieces):
        name = f"{group.full_name}.{k}" if many else group.full_name
        rows, columns = max(1, len(piece.sources)), len(piece.neurons)
        crossbar = np.zeros((rows, columns), np.bool_)
        crossbar[: len(piece.sources)] = piece.crossbar
        types = np.zeros(rows, np.uint8)
        types[: len(piece.sources)] = piece.types
        logical = LogicalCore(
            name,
            axon_types=types,
            crossbar=crossbar,
            neurons=piece.records,
            used=np.ones(columns, np.bool_),
            elements=np.full(columns, -1, np.int32),
        )
        axons = Axons(rows, body, name)
        yield (
            FlatCore(body, name, group.location, logical, axons, group, piece.neurons),
            derived,
            piece,
        )
