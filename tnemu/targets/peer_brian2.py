"""Brian2, compiled (C++ standalone): spike counts equal tnemu's exactly.

Needs brian2==2.9.0, numpy<2, and a C++ compiler. Called by Brian2's own Python::

    python -I peer_brian2.py NETWORK.npz TICKS   ->   {"ticks": ..., "seconds": ..., "spikes": ...}

A spike is handed on after the threshold test of its tick, so a delay of 0 is seen in the next tick:
tnemu's delay of 1. Reset subtracts the threshold, as tnemu's linear reset does.
"""

import json
import sys
import tempfile

import brian2 as b2
import numpy as np


def main(path: str, ticks: int) -> None:
    """Run the network for ``ticks`` ticks and print what it took as one line of JSON."""
    network = np.load(path)
    with tempfile.TemporaryDirectory() as folder:
        b2.set_device("cpp_standalone", directory=folder, build_on_run=False)
        b2.defaultclock.dt = 1 * b2.ms
        neurons = b2.NeuronGroup(
            len(network["v"]),
            "v : 1",
            threshold="v >= alpha",
            reset="v -= alpha",
            namespace={"alpha": int(network["alpha"])},
        )
        neurons.v = network["v"]
        neurons.run_regularly(f"v += {int(network['leak'])}", dt=1 * b2.ms)
        synapses = b2.Synapses(neurons, neurons, "w : 1", on_pre="v_post += w")
        synapses.connect(i=network["source"], j=network["target"])
        synapses.w = network["weight"]
        counter = b2.SpikeMonitor(neurons, record=False)
        b2.run(ticks * b2.ms)
        b2.device.build(directory=folder, compile=True, run=True, debug=False)
        # Brian2's own measurement, which leaves out compiling and making the synapses.
        seconds = b2.device._last_run_time
        spikes = int(counter.num_spikes)
    print(json.dumps({"ticks": ticks, "seconds": seconds, "spikes": spikes}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
