"""A trained student on a board
============================

What it takes on an emulated NS1e, and that it computes what it was trained to.

Frames enter one a tick and answers leave one a tick, as on the chip: the network is a pipeline.
Run it::

    python examples/student.py [WEIGHT_FILE]
"""

import sys

import matplotlib.pyplot as plt
import numpy as np

import corelets
import tnemu
from tnemu import zoo

FRAMES = 20

student = corelets.load(zoo.find(sys.argv[1] if len(sys.argv) > 1 else "krull"))
plan = tnemu.fit(student, tnemu.load_board("ns1e"))
print(plan, end="\n\n")

# The codec turns grey levels into spikes, on the host, and spikes of voters into votes.
weights = student.weights
codec = weights.codec(plan.latency_ticks)
screens = np.random.default_rng(0).integers(0, 256, (FRAMES, *weights.input_shape), np.uint8)
bits = codec.bits(screens)

# Frame k enters in tick k; the spikes of its votes leave in tick k + latency - 1.
with tnemu.Emulator(plan.image) as chip:
    for k in range(FRAMES):
        chip.inject_pins(codec.input, bits[k], tick=k)
    spikes = chip.run(FRAMES + codec.window.last).of(codec.output)

votes = codec.read(codec.window.per_frame(spikes, 0, codec.width, FRAMES))
expected = weights.scores(screens)
for k in range(3):
    print(f"frame {k}: {weights.answers[votes[k].argmax()]:10} votes {votes[k].tolist()}")
print(f"{int((votes == expected).all(axis=1).sum())} of {FRAMES} frames as in the weight file")

# %%
# The votes for every action: a column is a frame, and its brightest square is what would be done.
plt.figure(figsize=(6, 4), layout="constrained")
plt.imshow(votes.T, aspect="auto")
plt.yticks(range(len(weights.answers)), weights.answers)
plt.xlabel("frame")
plt.colorbar(label="votes")
plt.show()
