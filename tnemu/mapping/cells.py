"""Cells: one axon whose spikes several neurons repeat, one tick later. Splitters and relays are cells.

All neurons of a cell are :data:`tnemu.hardware.neuron.RELAY_NEURON`, which has no state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tnemu.hardware.neuron import AXONS, NEURONS, RELAY_NEURON
from tnemu.networks.logical import LogicalCore, LogicalNetwork


@dataclass
class _Bank:
    """A core of cells that is being filled; ``fans`` are the neurons of each."""

    index: int
    layer: str
    fans: list[int] = field(default_factory=list)
    neurons: int = 0


class Cells:
    """Cores of cells for a network, made as they are needed; they come after its ``first`` cores.

    Cells of one layer share cores. ``kind`` is in their names.
    """

    def __init__(self, network: LogicalNetwork, kind: str) -> None:
        self.first, self.kind = len(network.cores), kind
        self._number = max((core.number for core in network.cores), default=-1) + 1
        self._banks: list[_Bank] = []
        self._open: dict[str, list[_Bank]] = {}

    def make(self, layer: str, fan: int) -> tuple[int, int, int]:
        """A cell of ``fan`` neurons, 1..256: (core, axon, first neuron)."""
        roomy = self._open.setdefault(layer, [])
        bank = next((bank for bank in roomy if bank.neurons + fan <= NEURONS), None)
        if bank is None:
            bank = _Bank(self.first + len(self._banks), layer)
            self._banks.append(bank)
            roomy.append(bank)
        place = bank.index, len(bank.fans), bank.neurons
        bank.fans.append(fan)
        bank.neurons += fan
        if len(bank.fans) == AXONS or bank.neurons == NEURONS:
            roomy.remove(bank)
        return place

    @property
    def fans(self) -> list[list[int]]:
        """The neurons of each cell, core by core."""
        return [bank.fans for bank in self._banks]

    def cores(self) -> list[LogicalCore]:
        """The cores made so far, each as large as it has to be."""
        return [
            _core(f"{b.layer}.{self.kind}{b.index}", b.layer, self._number + k, b.fans)
            for k, b in enumerate(self._banks)
        ]


def _core(name: str, layer: str, number: int, fans: Sequence[int]) -> LogicalCore:
    """A core in which axon k is repeated by ``fans[k]`` neurons, in order."""
    axon = np.repeat(np.arange(len(fans)), fans)
    core = LogicalCore(
        name,
        layer,
        number,
        axon_types=np.zeros(len(fans), np.uint8),
        crossbar=np.zeros((len(fans), len(axon)), np.bool_),
        neurons=np.repeat(np.asarray(RELAY_NEURON).reshape(1), len(axon)),
        used=np.ones(len(axon), np.bool_),
        elements=np.full(len(axon), -1, np.int32),
    )
    core.crossbar[axon, np.arange(len(axon))] = True
    return core
