"""A first corelet: exclusive or
=============================

z = x xor y, bit by bit, one tick later.

A neuron that sums and compares cannot compute xor, but two can: one fires for x and not y, the other
for y and not x. Both see the same two axons, with opposite signs, because the type of an axon
chooses the weight and each neuron has its own weight for each type. Both send to the same output
pin, where spikes merge. Run it::

    python examples/xor.py
"""

import matplotlib.pyplot as plt
import numpy as np

import corelets
import tnemu
from corelets import Input, Output
from tnemu.hardware import neuron

# Weights by axon type: x arrives on axons of type 0, y on axons of type 1. A neuron fires when its
# sum reaches alpha = 1, and forgets a negative sum at once (beta = 0, kappa = 1).
X_ALONE = neuron(s=(+1, -1), alpha=1, beta=0, kappa=1)
Y_ALONE = neuron(s=(-1, +1), alpha=1, beta=0, kappa=1)


class Xor(corelets.Corelet):
    """z[i] = x[i] xor y[i], one tick later."""

    def __init__(self, width: int) -> None:
        self.x, self.y, self.z = Input(width), Input(width), Output(width)
        bit = np.eye(width, dtype=bool)  # neuron i looks at bit i of x and of y
        core = self.core(
            axons=[(self.x, 0), (self.y, 1)],
            neurons=[(X_ALONE, width), (Y_ALONE, width)],
            crossbar=np.block([[bit, bit], [bit, bit]]),
        )
        self.connect(core.neurons[:width], self.z)
        self.connect(core.neurons[width:], self.z)


plan = tnemu.fit(Xor(4), tnemu.load_board("tiny"))
print(plan, end="\n\n")

x, y = np.array([0, 0, 1, 1], bool), np.array([0, 1, 0, 1], bool)
with tnemu.Emulator(plan.image) as chip:
    spikes = chip.run(plan.latency_ticks, {"x": x, "y": y})
z = spikes.counts("z")
for name, bits in (("x", x), ("y", y), ("z", z)):
    print(name, "".join(str(int(bit)) for bit in bits))

# %%
# What went in and what came out, a column for each bit.
plt.figure(figsize=(4, 2.4), layout="constrained")
plt.imshow(np.stack([x, y, z > 0]), cmap="Blues", vmin=0, vmax=1.4)
plt.yticks(range(3), ["x", "y", "x xor y"])
plt.xticks(range(4), [f"bit {k}" for k in range(4)])
plt.show()
