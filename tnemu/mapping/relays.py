"""Relay neurons where a spike has to wait for longer than a delay holds.

A wait of w > 15 ticks is a chain of relays, one after every 15 ticks; waits that begin at one neuron
or input pin share their chain. A relay is a cell (:mod:`tnemu.mapping.cells`): one axon, and a neuron
for each place it leads to.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tnemu.hardware.neuron import MAX_DELAY, NEURONS
from tnemu.mapping.cells import Cells
from tnemu.mapping.order import Ticks
from tnemu.networks.logical import LogicalCore, LogicalNetwork


@dataclass(frozen=True)
class Way:
    """One place to reach: axon or output ``pin`` of ``target``, ``wait`` ticks after the source fired.

    To an output (target < 0) a relay fires then, so ``wait`` is at least 1; else it is beyond 15.
    """

    target: int
    pin: int
    wait: int


Step = tuple[int, int, int]
"""target, pin, delay"""


class Relays:
    """Relays for a network. ``rows`` are their wires: core, neuron, target, pin, delay."""

    def __init__(self, network: LogicalNetwork) -> None:
        self._cells = Cells(network, "relays")
        self._ticks: dict[tuple[int, int], int] = {}
        self.rows: list[tuple[int, int, int, int, int]] = []

    def reach(self, layer: str, tick: int, ways: Sequence[Way]) -> list[Step]:
        """Relays for ``ways`` from a source that fires in ``tick``; where the source has to send.

        The answer has (core, axon, delay), at most as many as there are ways.
        """
        steps: dict[int, list[Step]] = defaultdict(list)  # by hops of 15 ticks: what starts there
        exits: dict[int, list[Step]] = defaultdict(list)
        for way in ways:
            if way.target < 0:
                exits[way.wait].append((way.target, way.pin, 1))
            else:
                hops = (way.wait - 1) // MAX_DELAY
                steps[hops].append((way.target, way.pin, way.wait - MAX_DELAY * hops))
        for wait, leaving in exits.items():
            hops = (wait - 1) // MAX_DELAY
            for core, axon in self._repeat(layer, tick + wait, leaving):
                steps[hops].append((core, axon, wait - MAX_DELAY * hops))
        for hops in range(max(steps), 0, -1):
            for core, axon in self._repeat(layer, tick + MAX_DELAY * hops, steps[hops]):
                steps[hops - 1].append((core, axon, MAX_DELAY))
        return steps[0]

    def _repeat(self, layer: str, tick: int, steps: list[Step]) -> list[tuple[int, int]]:
        """Cells that fire in ``tick`` and take ``steps``, as few as can: (core, axon) of each."""
        made = []
        for start in range(0, len(steps), NEURONS):
            mine = steps[start : start + NEURONS]
            core, axon, neuron = self._cells.make(layer, len(mine))
            self.rows += [(core, neuron + k, *step) for k, step in enumerate(mine)]
            self._ticks[core, axon] = tick
            made.append((core, axon))
        return made

    def cores(self) -> list[LogicalCore]:
        """The cores made so far."""
        return self._cells.cores()

    def ticks(self) -> Ticks:
        """When each neuron of those cores fires for a frame of source tick 0, in a row."""
        of_neurons = [
            np.repeat([self._ticks[self._cells.first + k, a] for a in range(len(fans))], fans)
            for k, fans in enumerate(self._cells.fans)
        ]
        return np.concatenate([np.zeros(0, np.int64), *of_neurons])
