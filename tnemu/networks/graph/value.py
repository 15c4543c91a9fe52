"""What goes along an edge of a graph: spikes of layers, through maps, and a constant."""

from __future__ import annotations

from dataclasses import dataclass

from tnemu.networks.graph.maps import Map
from tnemu.networks.graph.nodes import Shape


@dataclass(frozen=True)
class Tap:
    """Spikes of node ``source``, ``delay`` ticks later; ``loop``: of the layer that is driven."""

    source: str
    delay: int = 0
    loop: bool = False


@dataclass(frozen=True, eq=False)
class Value:
    """What goes along an edge: an array of ``shape``, as maps of taps and a constant (a map of one column)."""

    shape: Shape
    maps: dict[Tap, Map]
    constant: Map | None = None

    def through(self, step: Map, shape: Shape) -> Value:
        """step applied to all of it."""
        constant = None if self.constant is None else step.after(self.constant)
        return Value(shape, {tap: step.after(one) for tap, one in self.maps.items()}, constant)

    def plus(self, other: Value) -> Value:
        """The sum of both, of one shape."""
        maps = dict(self.maps)
        for tap, one in other.maps.items():
            maps[tap] = maps[tap].plus(one) if tap in maps else one
        if self.constant is None or other.constant is None:
            return Value(self.shape, maps, self.constant or other.constant)
        return Value(self.shape, maps, self.constant.plus(other.constant))


class PathError(ValueError):
    """Why a node cannot be: a sentence without its subject."""
