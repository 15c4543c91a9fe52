"""Four tonic neurons
==================

On two cores, with the periods that IBM's simulator and chip gave.

The network is the example of pytruenorth (github.com/vmonaco/pytruenorth), whose README states the
period and phase of every neuron as observed on IBM's simulator and on an NS1e board. Phase is
(first fire tick + 1) mod period. Run it::

    python examples/tonic_spiking.py
"""

import matplotlib.pyplot as plt
import numpy as np

import tnemu
from tnemu.hardware import neuron
from tnemu.networks.logical import (
    LogicalCore,
    LogicalInput,
    LogicalNetwork,
    LogicalOutput,
    taps_from,
    wires_from,
)

TICKS = 100

# Core 0: three neurons that nothing drives but their leak. Potential V grows by leak each tick; at
# the threshold alpha the neuron fires and V returns to 0.
free = LogicalCore("free", number=0)
free.used[[0, 1, 2]] = True
free.neurons[0] = neuron(alpha=10, beta=0, leak=1)
free.neurons[1] = neuron(alpha=10, beta=0, leak=1, V0=1)
free.neurons[2] = neuron(alpha=11, beta=0, leak=2)

# Core 1: neuron 7 gains 3 for a spike on axon 3 and loses 1 by its leak in every tick. Axon 4 gets
# spikes too, but no crossbar bit leads from it to a neuron.
driven = LogicalCore("driven", number=1)
driven.used[7] = True
driven.neurons[7] = neuron(s=[3], alpha=10, beta=0, leak=-1)
driven.crossbar[3, 7] = True

# Wires: (core, neuron, target, pin, delay). Target ~0 is the first output connector.
network = LogicalNetwork(
    cores=[free, driven],
    wires=wires_from([(0, 0, ~0, 0, 1), (0, 1, ~0, 1, 1), (0, 2, ~0, 2, 1), (1, 7, ~0, 123, 1)]),
    inputs={"drive": LogicalInput(2, taps_from([(0, 1, 3, 1), (1, 1, 4, 1)]))},
    outputs={"fired": LogicalOutput(width=256, number=-32)},
)

plan = tnemu.fit(network, tnemu.load_board("ns1e"))
with tnemu.Emulator(plan.image) as chip:
    for pin in (0, 1):
        chip.inject_pins("drive", np.full(TICKS, pin), tick=np.arange(TICKS))
    spikes = chip.run(TICKS)

print(f"{len(spikes)} spikes in {TICKS} ticks")
names = {"free 0": 0, "free 1": 1, "free 2": 2, "driven 7": 123}
for name, pin in names.items():
    ticks = spikes.tick[spikes.pin == pin]
    period = int(np.diff(ticks).mean())
    print(f"{name:10} period {period:2}, phase {(ticks[0] + 1) % period}: {ticks.tolist()}")

# %%
# A row for each neuron.
plt.figure(figsize=(6, 2.4), layout="constrained")
plt.eventplot([spikes.tick[spikes.pin == pin] for pin in names.values()], linelengths=0.7)
plt.yticks(range(len(names)), list(names))
plt.xlabel("tick")
plt.show()
