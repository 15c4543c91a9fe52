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
from tnemu.mapping.errors import FitError
from tnemu.mapping.fanout import Fanout, legalise
from tnemu.networks.logical import LogicalNetwork

Ints = npt.NDArray[np.int64]

_MOST_ROUNDS = 8


def legalise_loops(network: LogicalNetwork) -> Fanout:
    """As :func:`tnemu.mapping.fanout.legalise`, with every round as long as the network says.

    Raises FitError for a wire that is too short to make up for the splitters of its round.
    """
    fanout = legalise(network)
    back = np.flatnonzero(network.wires["loop"] > 0)
    if not len(back) or len(fanout.network.cores) == fanout.original:
        return fanout
    meant, shorter = waves(network), network
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
        fanout = legalise(shorter)
    raise FitError(
        "the splitters that fan-out needs change with the feedback that they delay, and no choice "
        "keeps every round; use fewer neurons in the cores of the loop, so that copies fit there"
    )


def _added(network: LogicalNetwork, meant: Waves, found: Waves, wire: np.void) -> int:
    """Ticks that splitters add to the round of ``wire``."""
    core, axon = int(wire["target"]), int(wire["pin"])
    reading = network.cores[core].crossbar[axon] & network.cores[core].used
    readers = np.flatnonzero(reading)
    if not len(readers):
        return 0
    source = np.array([wire["core"]]), np.array([wire["neuron"]])
    target = np.full(len(readers), core), readers
    added = int(_tick(found, *source)[0] - _tick(meant, *source)[0])
    each = added - (_tick(found, *target) - _tick(meant, *target))
    if (each != each[0]).any() or each[0] >= wire["loop"]:
        line = network.line(wire)
        raise FitError(
            f"the feedback from core {network.cores[wire['core']].name!r} neuron {wire['neuron']} "
            f"to core {network.cores[core].name!r} axon {axon}{f' (connected at {line})' * bool(line)}"
            f" is to take {wire['loop']} ticks, and splitters on its way add {int(each.max())}, more "
            "than can be taken off it; give it a larger loop, or use fewer neurons in the cores of "
            "the loop, so that copies fit there"
        )
    return int(each[0])


def _tick(found: Waves, core: Ints, neuron: Ints) -> Ints:
    group = found.groups.of_neurons(core, neuron)
    return np.where(group >= 0, found.ticks[group], 0)
