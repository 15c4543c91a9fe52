"""A network of rectifiers without what its neurons say at all times.

    m_j = max(the least activation of j over the observations, 0)
    b_j <- b_j - m_j,    b' <- b' + sum over j of m_j W'_j        (W', b' of the layer after it)

Over the observations every output stays what it was: a neuron that never falls below m says only by how
much it is above. So all rates of a spiking neuron tell values apart that occur, and not, as in Q-networks,
mostly how much every action is worth. Neurons that are never active are left out: what is narrower has room
for more bits on a core. Source: this project.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.networks.spiking.dense import DenseNetwork


def slimmed(network: DenseNetwork, observations: npt.NDArray[Any]) -> DenseNetwork:
    """The network as float64, for observations [n, in]; every layer keeps a neuron at least."""
    weights = [w.astype(np.float64) for w in network.weights]
    biases = [b.astype(np.float64) for b in network.biases]
    for k, activation in enumerate(network.activations(observations)[:-1]):
        always = activation.min(0).astype(np.float64)
        biases[k] = biases[k] - always
        biases[k + 1] = biases[k + 1] + always @ weights[k + 1]
        used = activation.max(0) > 0
        used[int(activation.max(0).argmax())] = True
        weights[k], biases[k] = weights[k][:, used], biases[k][used]
        weights[k + 1] = weights[k + 1][used]
    return DenseNetwork(tuple(weights), tuple(biases), network.name, network.spiking)
