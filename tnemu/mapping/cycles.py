"""A cycle of neurons in which nothing is declared to be feedback: found, and said in words."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.mapping.errors import FitError
from tnemu.networks.logical import BALANCE, LogicalNetwork

Wires = npt.NDArray[np.void]
Neuron = tuple[int, int]

_MOST_NAMED = 6


def refuse_cycle(network: LogicalNetwork, inside: Wires, wire: np.void) -> FitError:
    """What is wrong with the wires ``inside`` a cycle of groups, of which ``wire`` has no delay.

    Either neurons feed each other, or one feeds another with which it shares an axon.
    """
    by_source: dict[Neuron, list[np.void]] = {}
    for one in inside:
        by_source.setdefault((int(one["core"]), int(one["neuron"])), []).append(one)
    for free in inside[inside["delay"] == BALANCE]:
        way = _way_back(network, by_source, free)
        if way:
            return _cycle(network, way, free)
    return _shared(network, wire)


def _readers(network: LogicalNetwork, wire: np.void) -> list[Neuron]:
    core = network.cores[wire["target"]]
    found = np.flatnonzero(core.crossbar[wire["pin"]] & core.used)
    return [(int(wire["target"]), neuron) for neuron in found.tolist()]


def _way_back(
    network: LogicalNetwork, by_source: dict[Neuron, list[np.void]], wire: np.void
) -> list[Neuron]:
    """Neurons from where ``wire`` ends to where it begins, each feeding the next; [] if none do."""
    start = int(wire["core"]), int(wire["neuron"])
    came: dict[Neuron, Neuron | None] = dict.fromkeys(_readers(network, wire))
    front = list(came)
    while front and start not in came:
        further = []
        for neuron in front:
            for onward in by_source.get(neuron, []):
                for reader in _readers(network, onward):
                    if reader not in came:
                        came[reader] = neuron
                        further.append(reader)
        front = further
    way: list[Neuron] = []
    here: Neuron | None = start if start in came else None
    while here is not None:
        way.append(here)
        here = came[here]
    return way[::-1]


def _cycle(network: LogicalNetwork, way: list[Neuron], wire: np.void) -> FitError:
    names = [_name(network, *neuron) for neuron in way]
    if len(names) > _MOST_NAMED:
        names[3:-2] = [f"... {len(names) - 5} more ..."]
    cycle = " -> ".join([names[-1], *names])
    return FitError(
        f"{cycle}: these neurons feed each other, and nothing says which of their wires is the "
        f"feedback, so no order of waves can be found; declare it{_asked(network, wire)}, with the "
        "ticks that it takes: loop=1 (or more), or an explicit delay of 1..15 on every wire of the "
        "cycle"
    )


def _shared(network: LogicalNetwork, wire: np.void) -> FitError:
    source = _name(network, wire["core"], wire["neuron"])
    target = f"core {network.cores[wire['target']].name!r} axon {wire['pin']}"
    return FitError(
        f"{source} feeds {target}{_asked(network, wire)}, whose neurons share an axon with neurons "
        "that come before it, so that one spike would have to arrive in two ticks; give the later "
        "neurons an axon of their own for what they share, or give this wire loop=1 or an explicit "
        "delay if it is feedback"
    )


def _name(network: LogicalNetwork, core: int, neuron: int) -> str:
    return f"core {network.cores[core].name!r} neuron {neuron}"


def _asked(network: LogicalNetwork, wire: np.void) -> str:
    line = network.line(wire)
    return f" (connected at {line})" if line else ""
