"""SANA-FE on its own TrueNorth architecture, timing model "simple".

Needs sanafe==2.2.9, numpy. Called by SANA-FE's own Python::

    python -I peer_sanafe.py NETWORK.npz TICKS   ->   {"ticks": ..., "seconds": ..., "spikes": ...}

It also estimates energy and time of the chip, which tnemu does from counters. Potentials start at 0
there, so the first tick, which is not timed, adds them to the drive.
"""

import json
import sys
import time

import numpy as np
import sanafe

PIECE = 1 << 17  # synapses handed over at a time, as Python tuples


def main(path: str, ticks: int) -> None:
    """Run the network for ``ticks`` ticks and print what it took as one line of JSON."""
    network = np.load(path)
    leak, start = int(network["leak"]), network["v"].tolist()
    arch = sanafe.load_truenorth()
    net = sanafe.Network()
    group = net.create_neuron_group(
        "neurons",
        len(start),
        model_attributes={
            "threshold": float(network["alpha"]),
            "reset_mode": "soft",
            "leak": 0.0,
            "force_update": True,
        },
        soma_hw_name="core_soma",
    )
    cores = arch.cores()
    for index, neuron in enumerate(group.neurons):
        neuron.set_attributes(model_attributes={"bias": float(start[index] + leak)})
        neuron.map_to_core(cores[index >> 8])
    source, target, weight = (network[name] for name in ("source", "target", "weight"))
    for at in range(0, len(source), PIECE):
        some = slice(at, at + PIECE)
        pairs = np.stack([source[some], target[some]], axis=1).tolist()
        group.connect_neurons_sparse(group, {"weight": weight[some].astype(float).tolist()}, pairs)
    chip = sanafe.SpikingChip(arch)
    chip.load(net)
    spikes = chip.sim(1, timing_model="simple", processing_threads=1)["neurons_fired"]
    for neuron in chip.mapped_neuron_groups["neurons"]:
        neuron.set_attributes(model_attributes={"bias": float(leak)})
    began = time.perf_counter()
    result = chip.sim(ticks - 1, timing_model="simple", processing_threads=1)
    seconds = time.perf_counter() - began
    spikes += result["neurons_fired"]
    print(json.dumps({"ticks": ticks - 1, "seconds": seconds, "spikes": spikes}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
