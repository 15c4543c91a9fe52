"""Which axons of a network something drives: a wire, or a tap of an input."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tnemu.networks.logical import LogicalNetwork

Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]


def driven_axons(network: LogicalNetwork) -> Ints:
    """How many axons of each core a wire or tap reaches, int64 [cores]."""
    axon_base = np.cumsum([0, *(core.axon_count for core in network.cores)])
    return totals(driven_of(network, axon_base), axon_base)


def driven_of(network: LogicalNetwork, axon_base: Ints) -> Bits:
    """Axons that a wire or tap reaches, of all cores in a row; those of core c begin at axon_base[c]."""
    driven = np.zeros(axon_base[-1], np.bool_)
    inner = network.wires[network.wires["target"] >= 0]
    driven[axon_base[inner["target"]] + inner["pin"]] = True
    for item in network.inputs.values():
        driven[axon_base[item.taps["core"]] + item.taps["axon"]] = True
    return driven


def totals(marks: Bits, base: Ints) -> Ints:
    """How many marks each core has, of all cores in a row."""
    sums = np.concatenate([[0], np.cumsum(marks)])
    return sums[base[1:]] - sums[base[:-1]]
