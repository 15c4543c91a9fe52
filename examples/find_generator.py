"""How the random number generator was found
=========================================

That of IBM's run time, to repeat, from a recording alone::

    python examples/find_generator.py FOLDER

FOLDER holds spatioTemporalFilter.json, .sfti, _out.sfro and _monitored.json as published with the NeMo
simulator (github.com/markplagge/NeMo, branch mb-develop, MIT). The first layer of that network, six
cores, has 196 neurons each with a random threshold, alpha + eta, eta of TM = 8 bits, and reset mode
gamma = 2: firing leaves V alone, so V follows from model and input whatever is drawn, and whether a
neuron fired says eta <= V - alpha or eta > V - alpha. All cores have the same seed: if each has a
generator of its own, they draw the same, and six cores bound each draw.

What is assumed, and what the numbers below test: one draw a tick for each noisy neuron, in order; V
held at alpha + 255 or below; 32 bits of state, seeded with rngSeed; three xor-shifts; eta is some 8
neighbouring bits. Every such generator is tried. What one parameter set cannot show is in
docs/fidelity.md.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import numpy as np

from tnemu.formats.model_file import read_model
from tnemu.formats.spike_file import read_spikes
from tnemu.formats.spike_words import iter_sent

CORES, TICKS, SEED = 6, 330, 0xFFFFFFFF
# Two neighbours of one direction commute, so some members are in here twice.
DIRECTIONS = [d for d in itertools.product("LR", repeat=3) if set(d) == {"L", "R"}]
SHIFTS = range(1, 32)
BYTES = range(25)  # eta may be bits k..k+7 for k = 0..24


# --- what the recording says of every draw ---------------------------------------------------------


def margins(folder, ceiling=255):
    """V - alpha of the noisy neurons in every tick [ticks, cores, 196], and their numbers in a core.

    V is held at alpha + ``ceiling``. All six cores have the same neurons noisy.
    """
    network = read_model(folder / "spatioTemporalFilter.json")
    cores = network.cores[:CORES]
    parameters = np.stack([core.neurons for core in cores])
    noisy = parameters["TM"] > 0
    weights = np.stack([c.neurons["s"].T[c.axon_types] * c.crossbar for c in cores]).astype(int)
    axons = np.zeros((TICKS + 16, CORES, 256), int)
    given = read_spikes(folder / "spatioTemporalFilter.sfti").records
    tick = given["time"] + given["delay"]
    seen = (given["core"] < CORES) & (tick < TICKS)
    axons[tick[seen], given["core"][seen], given["axon"][seen]] = 1
    # The other neurons of these cores are relays without noise, which pass the input on.
    wires = network.wires
    wires = wires[(wires["core"] < CORES) & (wires["target"] >= 0) & (wires["target"] < CORES)]
    potential = np.zeros((CORES, 256), int)
    found = np.zeros((TICKS, CORES, 256), int)
    for t in range(TICKS):
        potential = potential + np.einsum("ca,can->cn", axons[t], weights)
        reversal = np.where(parameters["epsilon"] == 1, np.sign(potential), 1)
        potential = potential + reversal * parameters["leak"]
        potential = np.where(noisy, np.minimum(potential, parameters["alpha"] + ceiling), potential)
        found[t] = potential - parameters["alpha"]
        relayed = (found[t] >= 0) & ~noisy
        potential = np.maximum(np.where(relayed, 0, potential), 0)  # R = 0, beta = 0, kappa = 1
        sent = relayed[wires["core"], wires["neuron"]]
        axons[t + wires["delay"][sent], wires["target"][sent], wires["pin"][sent]] = 1
    numbers = np.flatnonzero(noisy[0])
    return found[:, :, numbers], numbers


def recorded(folder, numbers):
    """bool [ticks, cores, 196]: which noisy neurons fired; bool [cores, 196]: which were monitored."""
    fired = np.zeros((TICKS, 256, 256), bool)
    for sent in iter_sent(folder / "spatioTemporalFilter_out.sfro"):
        fired[sent["time"], sent["from_core"], sent["from_neuron"]] = True
    monitored = np.zeros((256, 256), bool)
    (said,) = json.loads((folder / "spatioTemporalFilter_monitored.json").read_text())
    for filtered in said["MonitorFilterSpecs"]:
        for entry in filtered["neurons"]:
            first, _, last = str(entry).partition(":")
            monitored[filtered["cores"], int(first) : int(last or first) + 1] = True
    return fired[:, :CORES, numbers], monitored[:CORES, numbers]


def bounds(margin, fired, monitored):
    """Lowest and highest eta of every evaluation that agree with it, [ticks, cores, 196] each."""
    low = np.where(monitored & ~fired, np.clip(margin + 1, 0, 256), 0)
    high = np.where(monitored & fired, np.minimum(margin, 255), 255)
    return low, high


# --- every generator of the family -----------------------------------------------------------------


def search(low, high, seed=SEED):
    """Members of the family that no draw contradicts: [(directions, shifts, first bit, steps before)].

    ``low``, ``high`` [draws] bound each draw of one generator. A member is let go of at its first
    contradiction, so only the first few thousand draws take time.
    """
    family = [steps for d in DIRECTIONS for steps in itertools.product(*(
        [(direction, n) for n in SHIFTS] for direction in d))]  # fmt: skip
    left = np.array([[(n if d == "L" else 0, n if d == "R" else 0) for d, n in steps]
                     for steps in family], np.uint32)  # fmt: skip
    states = np.full(len(family), seed, np.uint32)
    following = _step(states, left)
    alive = np.ones((len(family), len(BYTES), 2), bool)
    member = np.arange(len(family))
    for a, b in zip(low, high, strict=True):
        if a > 0 or b < 255:
            for late, state in enumerate((states, following)):
                eta = state[:, None] >> np.array(BYTES, np.uint32) & 255
                alive[:, :, late] &= (eta >= a) & (eta <= b)
            some = alive.any(axis=(1, 2))
            if not some.all():
                states, following, left = states[some], following[some], left[some]
                alive, member = alive[some], member[some]
        states, following = following, _step(following, left)
    return [
        ("".join(d for d, _ in family[member[k]]), [n for _, n in family[member[k]]], bit, late)
        for k, bit, late in np.argwhere(alive).tolist()
    ]


def _step(states, shifts):
    for j in range(3):
        left, right = shifts[:, j, 0], shifts[:, j, 1]
        states = states ^ np.where(left > 0, states << left, states >> right)
    return states


# --- the one that is left, and what it is not ------------------------------------------------------


def draws(count, seed=SEED):
    """``count`` states of the generator that was found, the seed first."""
    found = np.zeros(count, np.int64)
    for n in range(count):
        found[n] = seed
        seed ^= seed << 13 & 0xFFFFFFFF
        seed ^= seed >> 17
        seed ^= seed << 5 & 0xFFFFFFFF
    return found


def variants(numbers, monitored):
    """Other ways to draw from it: name -> eta [ticks, cores, 196]."""
    k = len(numbers)
    own = draws(TICKS * k * CORES)
    alone = own[: TICKS * k].reshape(TICKS, 1, k)
    sent = (
        np.cumsum(monitored, axis=1)
        - 1
        + np.arange(TICKS)[:, None, None] * monitored.sum(1)[:, None]
    )
    whole = draws(TICKS * 256).reshape(TICKS, 256)[:, numbers][:, None]
    yield "as found: low bits, one draw for each noisy neuron, never re-seeded", alone & 255
    yield "bits 1-8", alone >> 1 & 255
    yield "bits 8-15", alone >> 8 & 255
    yield "bits 24-31", alone >> 24
    yield "step before the draw", own[1 : TICKS * k + 1].reshape(TICKS, 1, k) & 255
    yield "two steps a draw", own[: 2 * TICKS * k : 2].reshape(TICKS, 1, k) & 255
    yield "a draw for all 256 neurons", whole & 255
    yield "only neurons with a destination draw", own[np.maximum(sent, 0)] & 255
    yield "one generator for all cores", own[: TICKS * CORES * k].reshape(TICKS, CORES, k) & 255
    yield "re-seeded every tick", np.broadcast_to(own[:k], (TICKS, 1, k)) & 255
    yield "seed 1", draws(TICKS * k, seed=1).reshape(TICKS, 1, k) & 255
    random = np.random.default_rng(0).integers(0, 256, (TICKS, CORES, k))
    yield "another generator (numpy's, for comparison)", random


def main(folder):
    margin, numbers = margins(folder)
    fired, monitored = recorded(folder, numbers)
    low, high = bounds(margin, fired, monitored)
    evaluations = TICKS * int(monitored.sum())
    chance = np.clip((margin + 1) / 256, 0, 1)
    chance = np.where(fired, chance, 1 - chance)[:, monitored]
    print(f"{evaluations:,} monitored evaluations, {int(fired[:, monitored].sum()):,} firings")
    print(f"impossible under any noise (V decides against them): {int((low > high).sum())}")
    print(f"open, that is decided by the draw: {int((chance < 1).sum()):,}")
    print(f"surprise of the recording under independent draws: {-np.log2(chance).sum():,.0f} bits")

    tried = len(DIRECTIONS) * len(SHIFTS) ** 3 * len(BYTES) * 2
    print(f"\ntrying {tried:,} generators ({np.log2(tried):.1f} bits) ...")
    for directions, shifts, bit, late in search(low.max(axis=1).ravel(), high.min(axis=1).ravel()):
        steps = ", ".join(f"y ^= y {'<<' if d == 'L' else '>>'} {n}"
                          for d, n in zip(directions, shifts, strict=True))  # fmt: skip
        print(f"agrees with every one: {steps}; eta = bits {bit}..{bit + 7}"
              f" of the state {'after' if late else 'before'} the step")  # fmt: skip

    def wrong(eta, low, high):
        return int((((eta < low) | (eta > high)) & monitored).sum())

    print("\nwrong evaluations, drawn in other ways:")
    for name, eta in variants(numbers, monitored):
        print(f"{wrong(eta, low, high):>6,}  {name}")
    print("\nwrong evaluations, with V held at another height:")
    _, eta = next(variants(numbers, monitored))
    for ceiling, name in ((255, "255"), (254, "254"), (256, "256"), (10**6, "any height")):
        margin, _ = margins(folder, ceiling)
        print(f"{wrong(eta, *bounds(margin, fired, monitored)):>6,}  alpha + {name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
