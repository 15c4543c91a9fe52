"""NEST, iaf_psc_delta with a leak of no consequence: about as many spikes as tnemu.

Needs nest-simulator==3.10.0, numpy. Called by NEST's own Python::

    python -I peer_nest.py NETWORK.npz TICKS   ->   {"ticks": ..., "seconds": ..., "spikes": ...}

A spike resets V to 0 and does not subtract the threshold, so what was above it is lost: NEST's
neurons fire a little less often.
"""

import json
import sys
import time

import nest
import numpy as np

NEVER_MS = 1e9  # time constant of a membrane that keeps its potential


def main(path: str, ticks: int) -> None:
    """Run the network for ``ticks`` ticks and print what it took as one line of JSON."""
    network = np.load(path)
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.SetKernelStatus({"resolution": 1.0, "local_num_threads": 1, "print_time": False})
    neurons = nest.Create(
        "iaf_psc_delta",
        len(network["v"]),
        {
            "tau_m": NEVER_MS,
            "C_m": 1.0,
            "E_L": 0.0,
            "t_ref": 0.0,
            "V_reset": 0.0,
            "V_min": -NEVER_MS,
            "V_th": float(network["alpha"]),
            "I_e": float(network["leak"]),
        },
    )
    neurons.V_m = network["v"].astype(float)
    first = neurons[0].global_id
    delay = np.ones(len(network["source"]))
    nest.Connect(
        network["source"].astype(np.int64) + first,
        network["target"].astype(np.int64) + first,
        "one_to_one",
        {"weight": network["weight"].astype(float), "delay": delay},
    )
    nest.Prepare()
    before = nest.GetKernelStatus("local_spike_counter")
    began = time.perf_counter()
    nest.Run(float(ticks))
    seconds = time.perf_counter() - began
    spikes = int(nest.GetKernelStatus("local_spike_counter") - before)
    print(json.dumps({"ticks": ticks, "seconds": seconds, "spikes": spikes}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
