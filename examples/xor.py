"""A first corelet: exclusive or
=============================

z = x xor y, bit by bit, one tick later.

A neuron that sums and compares cannot compute xor, but two can: one fires for x and not y, the other
for y and not x. Both lead to the same output pin, where spikes merge: that is what ``|`` says. Python
reads ``>>`` before ``|``, so the merge stands in brackets. Run it::

    python examples/xor.py
"""

import matplotlib.pyplot as plt
import numpy as np

import tnemu
from corelets import Corelet, Input, Output, Threshold, check


class Xor(Corelet):
    """z[i] = x[i] xor y[i]."""

    def __init__(self, width: int) -> None:
        self.x, self.y, self.z = Input(width), Input(width), Output(width)
        fire = Threshold(at=1)[width]
        (fire(+self.x, -self.y) | fire(+self.y, -self.x)) >> self.z

    def model(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The same in numpy."""
        return x ^ y


xor = Xor(4)
print(xor, end="\n\n")  # ports, neurons, cores, latency
print(check(xor, runs=10), end="\n\n")  # the model against both engines, on random inputs
print(tnemu.fit(xor, "tiny"), end="\n\n")  # what it takes on a board

x, y = np.array([[0, 0, 1, 1]], bool), np.array([[0, 1, 0, 1]], bool)
z = xor.simulate(x=x, y=y).z
for name, bits in (("x", x), ("y", y), ("z", z)):
    print(name, "".join(str(int(bit)) for bit in bits[0]))

# %%
# What went in and what came out, a column for each bit.
plt.figure(figsize=(4, 2.4), layout="constrained")
plt.imshow(np.concatenate([x, y, z]), cmap="Blues", vmin=0, vmax=1.4)
plt.yticks(range(3), ["x", "y", "x xor y"])
plt.xticks(range(4), [f"bit {k}" for k in range(4)])
plt.show()
