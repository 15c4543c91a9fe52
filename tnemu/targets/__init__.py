"""Other simulators that a network can be run on.

Each ``peer_<key>.py`` is a script for the simulator's own Python, which need not have tnemu. It reads
a network file, numpy arrays of whole numbers::

    source, target   int32 [synapses]: neuron j of core c is number 256 c + j
    weight           int8 [synapses]
    v                int32 [neurons]: potentials before tick 0
    alpha, leak      int64: threshold and drive of every neuron

Every tick: V <- V + leak + the weights of the spikes of the tick before; V >= alpha: a spike, and
V <- V - alpha. The script prints one line of JSON: ``ticks`` and the ``seconds`` they took without
setting up, and ``spikes``, those of all ticks. :mod:`tnemu.lab.bench.peers` makes environments for
them, writes the file and calls them.
"""
