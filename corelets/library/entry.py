"""What a module of the library declares of each of its corelets: ``ENTRIES``, a tuple of :class:`Entry`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.pins import count
from tnemu.errors import shown


@dataclass(frozen=True)
class Port:
    """A port of a corelet: ``direction`` is "input" or "output", ``width`` counts pins."""

    name: str
    direction: str
    width: int

    def __str__(self) -> str:
        return f"{self.direction} {self.name}: {count(self.width, 'pin')}"


@dataclass(frozen=True)
class Sheet:
    """What the catalogue says of one corelet as it was built.

    ``latency_ticks`` is what a plan of it says where the mapper adds no splitter cores: the source
    tick and the tick of the answer both count, so 2 for a relay. ``cores`` are those it is built
    of, before the mapper adds any.
    """

    name: str
    ports: tuple[Port, ...]
    latency_ticks: int
    cores: int
    line: str
    source: str

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.name}: {self.line}",
                *(f"  {port}" for port in self.ports),
                f"  latency {count(self.latency_ticks, 'tick')}, {count(self.cores, 'core')}",
                f"  source: {self.source}",
            ]
        )


@dataclass(frozen=True)
class Entry:
    """A corelet class in the catalogue.

    ``source`` says where it comes from (paper and section). ``latency_ticks(corelet)`` is the
    latency of one that was built, counted as in :class:`Sheet`. ``examples`` are functions without
    arguments, each building a small one: the test of the catalogue runs them all against
    ``model()`` on every engine, on random inputs, or on those of ``stimulus(corelet)``, a function of
    (rng, ticks), for one that not all inputs are meant for.

    Raises CoreletError for a class that defines no model or whose docstring says nothing, without a
    source, and without examples.
    """

    corelet: type[Corelet]
    source: str
    latency_ticks: Callable[[Any], int]
    examples: tuple[Callable[[], Corelet], ...]
    stimulus: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.corelet, type) and issubclass(self.corelet, Corelet)):
            raise CoreletError(
                f"catalogue: {shown(self.corelet)} is no class of corelets; name the class itself"
            )
        lacks = [
            need
            for need, there in (
                ("model(), what it computes in numpy", self.corelet.model is not Corelet.model),
                ("a docstring whose first line says what it does", bool(self.line)),
                ("a source", bool(self.source)),
                ("a latency, a function of the corelet", callable(self.latency_ticks)),
                (
                    "examples, a tuple of functions that build one",
                    isinstance(self.examples, tuple)
                    and bool(self.examples)
                    and all(map(callable, self.examples)),
                ),
            )
            if not there
        ]
        if lacks:
            raise CoreletError(
                f"catalogue: {self.name} cannot be an entry, it lacks {'; '.join(lacks)}: add it"
            )

    @property
    def name(self) -> str:
        """Name of the class."""
        return self.corelet.__name__

    @property
    def line(self) -> str:
        """First line of the class's own docstring."""
        text = inspect.cleandoc(self.corelet.__dict__.get("__doc__") or "")
        return text.partition("\n")[0]

    def sheet(self, corelet: Corelet | None = None) -> Sheet:
        """Ports, latency and cores of ``corelet``, or of the first example."""
        corelet = self.examples[0]() if corelet is None else corelet
        if not isinstance(corelet, self.corelet):
            raise CoreletError(
                f"catalogue: {shown(corelet)} is no {self.name}; give one, or nothing for an example"
            )
        return Sheet(
            name=self.name,
            ports=tuple(Port(n, port.kind, port.width) for n, port in corelet.ports.items()),
            latency_ticks=self.latency_ticks(corelet),
            cores=len(corelet.build().cores),
            line=self.line,
            source=self.source,
        )
