"""Feedback keeps its round: what fan-out adds to the way there is taken off the way back.

A wire with ``loop`` = k arrives k ticks after its source fired, in the network as it was given. A
splitter on the way from its target to its source makes the source fire a tick later, so the wire is
made a tick shorter, and the round takes as long as it was to.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from tnemu.mapping.balance import Waves, waves
from tnemu.mapping.cut import Homes
from tnemu.mapping.errors import FitError
from tnemu.mapping.fanout import Fanout, legalise
from tnemu.networks.logical import LogicalNetwork

Ints = npt.NDArray[np.int64]

_MOST_ROUNDS = 8


def legalise_loops(
    given: LogicalNetwork, network: LogicalNetwork, homes: Homes, host_spikes: int | None = None
) -> Fanout:
    """As :func:`tnemu.mapping.fanout.legalise`, with every round as long as in the network ``given``.

    ``network`` is that network with some cores divided, ``homes`` says where its neurons are then.
    Raises FitError for a wire that is too short to make up for the splitters of its round.
    """
    fanout = legalise(network, host_spikes)
    back = np.flatnonzero(network.wires["loop"] > 0)
    changed = network is not given or len(fanout.network.cores) > fanout.original
    if not len(back) or not changed:
        return fanout
    meant, shorter = _meant(given, network, homes), network
    for _ in range(_MOST_ROUNDS):
        found = waves(fanout.network, fanout.original)
        loop = network.wires["loop"].copy()
        for k in back.tolist():
            loop[k] -= _added(network, meant, found, network.wires[k])
        if (loop == shorter.wires["loop"]).all():
            return fanout
        wires = network.wires.copy()
        wires["loop"] = loop
        shorter = dataclasses.replace(network, wires=wires)
        fanout = legalise(shorter, host_spikes)
    raise FitError(
        "the splitters that fan-out needs change with the feedback that they delay, and no choice "
        "keeps every round; use fewer neurons in the cores of the loop, so that copies fit there"
    )


def _meant(given: LogicalNetwork, network: LogicalNetwork, homes: Homes) -> list[Ints]:
    """For every core of ``network``: when its neurons see a wave in the network that was given."""
    found = waves(given)
    ticks = [np.zeros(core.neuron_count, np.int64) for core in network.cores]
    group = found.groups.neurons
    there = np.flatnonzero((homes.core >= 0) & (group >= 0))
    for k, core, column in zip(there, homes.core[there], homes.column[there], strict=True):
        ticks[core][column] = found.ticks[group[k]]
    return ticks


def _added(network: LogicalNetwork, meant: list[Ints], found: Waves, wire: np.void) -> int:
    """Ticks that splitters and divisions add to the round of ``wire``."""
    core, axon = int(wire["target"]), int(wire["pin"])
    reading = network.cores[core].crossbar[axon] & network.cores[core].used
    readers = np.flatnonzero(reading)
    if not len(readers):
        return 0
    source, neuron = int(wire["core"]), int(wire["neuron"])
    added = int(_tick(found, source, np.array([neuron]))[0] - meant[source][neuron])
    each = added - (_tick(found, core, readers) - meant[core][readers])
    if (each != each[0]).any() or each[0] >= wire["loop"]:
        raise FitError(
            f"the feedback from core {network.cores[source].name!r} neuron {neuron} to core "
            f"{network.cores[core].name!r} axon {axon} is to take {wire['loop']} ticks, and splitters "
            f"on its way add {int(each.max())}, more than can be taken off it; give it a larger loop, "
            "or use fewer neurons in the cores of the loop, so that copies fit there"
        )
    return int(each[0])


def _tick(found: Waves, core: int, neurons: Ints) -> Ints:
    group = found.groups.of_neurons(np.full(len(neurons), core), neurons)
    return np.where(group >= 0, found.ticks[group], 0)
