"""A network and where it lies: what a plan is made of, before anybody prints or draws it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from tnemu.hardware.image import BoardImage
from tnemu.hardware.places import Places
from tnemu.mapping.links import Links, links
from tnemu.mapping.order import Ticks
from tnemu.mapping.size import LayerSize, Size
from tnemu.networks.logical import LogicalNetwork


@dataclass(frozen=True)
class LayerPlan(LayerSize):
    """One layer on the board: what it takes, and how far its packets go.

    ``longest_hop`` is the longest way |dx| + |dy| of its neurons' packets, splitters included.
    """

    longest_hop: int


@dataclass(frozen=True, eq=False, repr=False)
class Placed:
    """What is on a board: the network's ``size``, and the ``image`` of where everything lies.

    Core k of ``network`` is core k of the image. ``layers`` and ``resources`` are those of the size
    with what placement adds: hops, chips, and the share of the board.
    """

    size: Size
    image: BoardImage
    layers: tuple[LayerPlan, ...]
    resources: Mapping[str, int | float]

    @property
    def network(self) -> LogicalNetwork:
        """The network as it was loaded: one wire per neuron, every delay set."""
        return self.size.network

    @property
    def latency_ticks(self) -> int:
        """Ticks from a frame's source tick to its last output spike, both included.

        Spikes injected at source tick t have left the board completely after tick
        t + latency_ticks - 1, so ``run(latency_ticks)`` from tick t gives the whole answer.
        """
        return self.size.latency_ticks

    @property
    def wave_ticks(self) -> Ticks:
        """The tick in which each neuron sees a frame of source tick 0, int64 [cores, 256]; -1: unused."""
        return self.size.wave_ticks

    def places(self, name: Any) -> Places:
        """Core and neuron of every pin of ``name``, by which probes find them; :meth:`Size.places`."""
        return self.size.places(name)

    def links(self, spikes_per_tick: npt.ArrayLike = 1.0) -> Links:
        """What the links between cores and between chips carry, as in :func:`tnemu.mapping.links.links`.

        ``spikes_per_tick``, 0..1, is how often neurons fire: one number, or [cores, 256].
        """
        return links(self.image, spikes_per_tick)
