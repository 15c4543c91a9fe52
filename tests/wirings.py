"""Networks to map: built by hand, or at random from a seed."""

from __future__ import annotations

import numpy as np

from tnemu.hardware.neuron import neuron
from tnemu.networks.logical import (
    LogicalCore,
    LogicalInput,
    LogicalNetwork,
    LogicalOutput,
    taps_from,
    wires_from,
)

ONE = neuron(s=(1, 1, 1, 1), alpha=1, beta=0, kappa=1)
NOISY = neuron(s=(100, 1), b=(1, 0), alpha=1, beta=0, kappa=1)


def core(name, used=1, record=ONE, layer=""):
    """A core whose neuron j listens to axon j."""
    made = LogicalCore(name, layer or name)
    made.used[:used] = True
    made.neurons[:used] = record
    made.crossbar[np.arange(256), np.arange(256)] = True
    return made


def sized(name, crossbar, record=ONE, types=0, layer=""):
    """A core of the crossbar's axons and neurons, all of them used."""
    axons, neurons = crossbar.shape
    return LogicalCore(
        name,
        layer or name,
        axon_types=np.zeros(axons, np.uint8) + np.uint8(types),
        crossbar=crossbar,
        neurons=np.repeat(np.asarray(record).reshape(-1), neurons if np.size(record) == 1 else 1),
        used=np.ones(neurons, bool),
        elements=np.full(neurons, -1, np.int32),
    )


def network(cores, wires, taps=(), outputs=0, width=1):
    """``wires`` and ``taps`` are rows of tnemu.networks.logical.wires_from and taps_from."""
    for number, made in enumerate(cores):
        made.number, made.seed = number, number
    return LogicalNetwork(
        cores=list(cores),
        wires=wires_from(wires),
        inputs={"in": LogicalInput(width, taps_from(taps))},
        outputs={"out": LogicalOutput(outputs, -32)} if outputs else {},
    )


def random_layers(rng, layers=3, per_layer=2, neurons=40, fan_out=3, used=256):
    """Layers of cores; each wired neuron reaches 1..fan_out axons of any later layer.

    ``used`` - ``neurons`` of each core's neurons send nothing and only take room for copies.
    """
    cores = [
        core(f"l{k}.c{c}", used, layer=f"l{k}") for k in range(layers) for c in range(per_layer)
    ]
    rows = []
    for k in range(layers - 1):
        for source in range(k * per_layer, (k + 1) * per_layer):
            for j in range(neurons):
                for _ in range(rng.integers(1, fan_out + 1)):
                    target = int(rng.integers((k + 1) * per_layer, layers * per_layer))
                    rows.append((source, j, target, int(rng.integers(256)), 0))
    last = (layers - 1) * per_layer
    rows += [
        (last + c, j, ~0, c * neurons + j, 0) for c in range(per_layer) for j in range(neurons)
    ]
    taps = [
        (p, c, a, 0) for c in range(per_layer) for a in range(256) for p in [int(rng.integers(8))]
    ]
    return network(cores, rows, taps, outputs=per_layer * neurons, width=8)
