"""A trained student on an emulated NS1e: what it takes, and that it computes what it was trained to.

Frames enter one a tick and answers leave one a tick, as on the chip: the network is a pipeline.
Run it:  python examples/student.py [WEIGHT_FILE]
"""

import sys

import numpy as np

import corelets
import tnemu
from tnemu import zoo

FRAMES = 20

student = corelets.load(zoo.find(sys.argv[1] if len(sys.argv) > 1 else "krull"))
plan = tnemu.fit(student, tnemu.load_board("ns1e"))
print(plan, end="\n\n")

# The first layer runs on the host and turns grey levels into spikes.
weights = student.weights
screens = np.random.default_rng(0).integers(0, 256, (FRAMES, *weights.input_shape), np.uint8)
bits = weights.transduction.forward(screens).reshape(FRAMES, -1)

# Frame k enters in tick k; the spikes of its votes leave in tick k + latency - 1.
late = plan.latency_ticks - 1
with tnemu.Emulator(plan.image) as chip:
    for k in range(FRAMES):
        chip.inject_pins("frame", bits[k], tick=k)
    spikes = chip.run(FRAMES + late).of("votes")
ones = np.zeros((FRAMES, plan.image.output("votes").width), bool)
frame = spikes["tick"] - late
ones[frame[frame >= 0], spikes["pin"][frame >= 0]] = True

votes, expected = weights.vote.forward(ones), weights.votes(screens)
for k in range(3):
    print(f"frame {k}: {weights.actions[votes[k].argmax()]:10} votes {votes[k].tolist()}")
print(f"{int((votes == expected).all(axis=1).sum())} of {FRAMES} frames as in the weight file")
