"""Trinary synapses and stateless threshold neurons, as in IBM's Eedn networks.

    y_j = 1 iff sum_i w_ij x_i >= threshold_j,    w_ij in {-1, 0, 1},  x_i in {0, 1}

An input takes one axon of type 0 (weight +1) and one of type 1 (weight -1), each only if some
neuron of the core uses that sign; crossbar bits choose between them. The neuron::

    s = (+1, -1, 0, 0), leak = 1 - threshold, alpha = 1, beta = 0, kappa = 1, gamma = 0, R = 0

fires iff sum + leak >= 1, and V = 0 after every tick: a spike resets it to R = 0, a sum below zero
saturates at -beta = 0, and a sum of zero is zero. Source: Esser et al., PNAS 2016; parameters as in
a network file that IBM's tools wrote (with the signs of s exchanged).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError
from tnemu.hardware.exact import exact
from tnemu.hardware.neuron import NEURON_DTYPE, neuron

LEAK_LIMIT = 255


def threshold_neurons(
    thresholds: npt.ArrayLike, plus: npt.ArrayLike, minus: npt.ArrayLike
) -> npt.NDArray[np.void]:
    """Records of neurons that fire iff sum >= threshold, for sums in -minus..plus.

    thresholds integer [n] of any size; plus, minus [n]: the number of +1 and -1 synapses, at most
    254 each. A threshold that no sum misses (or reaches) becomes the lowest that none misses (the
    highest that none reaches), so that 1 - threshold always fits the 9-bit leak.

    Raises CoreletError for values that are not whole and for more synapses of one sign.
    """
    plus, minus = (
        exact(counts, np.int64, f"{sign} synapses", CoreletError, low=0)
        for sign, counts in (("+1", plus), ("-1", minus))
    )
    if max(plus.max(initial=0), minus.max(initial=0)) >= LEAK_LIMIT:
        raise CoreletError(
            f"a threshold neuron has {int(max(plus.max(), minus.max()))} synapses of one sign; its "
            f"leak reaches {LEAK_LIMIT - 1}, use smaller groups"
        )
    reached = np.clip(exact(thresholds, np.int64, "thresholds", CoreletError), -minus, plus + 1)
    records = np.full(reached.shape, _TEMPLATE, dtype=NEURON_DTYPE)
    records["leak"] = 1 - reached
    return records


def signed_axons(
    weights: npt.NDArray[np.int8],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """(input, type, crossbar row) of every axon that weights [inputs, neurons] need, by input.

    Input i has an axon of type 0 if some weight is +1, then one of type 1 if some weight is -1.
    """
    rows = np.stack([weights > 0, weights < 0], axis=1).reshape(-1, weights.shape[1])
    needed = np.flatnonzero(rows.any(axis=1))
    return needed // 2, (needed % 2).astype(np.uint8), rows[needed]


_TEMPLATE = neuron(s=(1, -1), alpha=1, beta=0, kappa=1)
