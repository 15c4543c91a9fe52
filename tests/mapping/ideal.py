"""What a logical network means, without a chip: any fan-out, any delay, one neuron after the other.

Written from the rules in tnemu/networks/logical.py and tnemu/mapping/balance.py, by recursion and
dictionaries, to be the other side of tests of the mapper.
"""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import wirings

from tnemu.hardware.neuron import neuron
from tnemu.networks.logical import LogicalOutput


def groups(network):
    """{("axon" or "neuron", core, k): a set of such} of what shares a wave, by merging sets."""
    driven = {(int(w["target"]), int(w["pin"])) for w in network.wires if not w["loop"]}
    for item in network.inputs.values():
        driven |= {(int(t["core"]), int(t["axon"])) for t in item.taps}
    of = {}
    for c, core in enumerate(network.cores):
        for a in range(core.axon_count):
            if (c, a) in driven:
                of["axon", c, a] = {("axon", c, a)}
        for j in np.flatnonzero(core.used).tolist():
            of["neuron", c, j] = {("neuron", c, j)}
        for a, j in np.argwhere(core.crossbar).tolist():
            if (c, a) in driven and core.used[j]:
                merged = of["axon", c, a] | of["neuron", c, j]
                for member in merged:
                    of[member] = merged
    return of


def wave(network):
    """The wave tick of every axon and neuron of a network without cycles, {as in groups: tick}.

    Every neuron has to have an input. Outputs do not wait for each other here.
    """
    of = groups(network)
    ways = defaultdict(list)
    for w in network.wires:
        if w["target"] >= 0 and not w["loop"]:
            key = id(of["axon", int(w["target"]), int(w["pin"])])
            ways[key].append(
                (("neuron", int(w["core"]), int(w["neuron"])), max(1, int(w["delay"])))
            )
    for item in network.inputs.values():
        for t in item.taps:
            ways[id(of["axon", int(t["core"]), int(t["axon"])])].append(
                (None, max(1, int(t["delay"])))
            )
    known = {}

    def tick(member):
        key = id(of[member])
        if key not in known:
            known[key] = max((tick(s) if s else 0) + d for s, d in ways[key]) if ways[key] else 0
        return known[key]

    return {member: tick(member) for member in of}


def run(network, stimuli, ticks):
    """Spikes of a network with gates and counters: {output: [(tick, pin), ...]}, in ticks of firing.

    ``stimuli`` maps inputs to rows (tick, pin). A pin leaves when the last of its output's waves does.
    """
    when = wave(network)
    arrivals = defaultdict(set)  # tick -> {(core, axon)}
    for name, rows in stimuli.items():
        for (t, pin), tap in itertools.product(rows, network.inputs[name].taps):
            if tap["pin"] == pin:
                at = ("axon", int(tap["core"]), int(tap["axon"]))
                wait = int(tap["delay"]) or when[at] + int(tap["after"])
                arrivals[t + wait].add(at[1:])
    last = {
        o: max((when["neuron", int(w["core"]), int(w["neuron"])] for w in network.wires
                if w["target"] == ~o), default=0)
        for o in range(len(network.outputs))
    }  # fmt: skip
    out = {name: set() for name in network.outputs}
    names = list(network.outputs)
    by_source = defaultdict(list)
    for w in network.wires:
        by_source[int(w["core"]), int(w["neuron"])].append(w)
    potential = {
        (c, j): int(core.neurons["V0"][j])
        for c, core in enumerate(network.cores)
        for j in np.flatnonzero(core.used).tolist()
    }
    for t in range(ticks):
        arrived = defaultdict(list)
        for c, a in arrivals[t]:
            arrived[c].append(a)
        for (c, j), v in potential.items():
            core = network.cores[c]
            p = core.neurons[j]
            for a in arrived[c]:
                if core.crossbar[a, j]:
                    v += int(p["s"][core.axon_types[a]])
            v += int(p["leak"])
            if v >= p["alpha"]:
                v = 0 if p["gamma"] == 0 else v - int(p["alpha"])
                for w in by_source[c, j]:
                    here = when["neuron", c, j]
                    if w["target"] < 0:
                        held = last[int(~w["target"])] - here + int(w["after"])
                        out[names[int(~w["target"])]].add((t + held, int(w["pin"])))
                        continue
                    at = ("axon", int(w["target"]), int(w["pin"]))
                    wait = int(w["loop"]) or int(w["delay"])
                    wait = wait or when[at] - here + int(w["after"])
                    arrivals[t + wait].add(at[1:])
            elif v < -int(p["beta"]):
                v = -int(p["beta"])
            potential[c, j] = v
    return {name: sorted((t, pin) for t, pin in rows if t < ticks) for name, rows in out.items()}


def gate(least):
    """Fires iff the sum of its inputs is at least ``least`` >= 1; no memory. Types 0 and 1: +1, -1."""
    return neuron(s=(1, -1), leak=1 - least, alpha=1, beta=0, kappa=1)


def counter(every):
    """Fires after every ``every``-th input of type 0; type 1 takes one away, not below 0."""
    return neuron(s=(1, -1), alpha=every, gamma=1, beta=0, kappa=1)


def random_network(
    rng, neurons=12, cores=4, inputs=4, outputs=4, after=0.0, loops=0, stateful=True, fan=1.0
):
    """A network whose neurons listen to inputs and to earlier neurons, in cores they have by chance.

    Each listens by axons of its own, which sometimes a neuron beside it shares. ``after`` is the
    share of wires and taps that come later, ``loops`` the number of wires that lead back.
    """
    home = rng.integers(0, cores, neurons)
    rows, taps = [], []
    axons = [0] * cores
    members = [[] for _ in range(cores)]  # (neuron, its axons, types)
    place = {}

    def later():
        return int(rng.integers(1, 40)) if rng.random() < after else 0

    for k in range(neurons):
        c = int(home[k])
        place[k] = (c, len(members[c]))
        if members[c] and rng.random() < 0.3:  # one beside it that sees the same
            members[c].append((members[c][-1][0], members[c][-1][1]))
            continue
        mine, types = [], []
        for _ in range(int(rng.integers(1, 4))):
            mine.append(axons[c])
            types.append(int(rng.random() < 0.25))
            for _ in range(1 + int(rng.random() < 0.3)):  # two sources on one axon merge
                if k and rng.random() < 0.6:
                    rows.append((*place[int(rng.integers(0, k))], c, axons[c], 0, later(), 0))
                else:
                    taps.append((int(rng.integers(0, inputs)), c, axons[c], 0, later()))
            axons[c] += 1
        types[0] = 0
        members[c].append((mine, types))
    for _ in range(loops):
        source, target = (int(k) for k in rng.integers(0, neurons, 2))
        c, j = place[target]
        rows.append((*place[source], c, axons[c], 0, 0, int(rng.integers(1, 40))))
        members[c][j] = (
            [*members[c][j][0], axons[c]],
            [*members[c][j][1], int(rng.random() < 0.7)],
        )
        axons[c] += 1
    for pin in range(outputs):
        source = int(rng.integers(0, neurons))
        rows.append((*place[source], ~0, pin, 0, later(), 0))
        if rng.random() < 0.3:
            rows.append((*place[source], ~1, pin, 0, 0, 0))
    made = []
    for c in range(cores):
        if not members[c]:  # a core has a neuron at least
            members[c].append(([], []))
        bits = np.zeros((max(1, axons[c]), len(members[c])), bool)
        kinds = np.zeros(max(1, axons[c]), np.uint8)
        records = []
        for j, (mine, types) in enumerate(members[c]):
            bits[mine, j] = True
            kinds[mine] = types
            least = int(rng.integers(1, 3))
            records.append(counter(least) if stateful and rng.random() < 0.3 else gate(least))
        made.append(wirings.sized(f"c{c}", bits, np.array(records), kinds, f"layer{c % 2}"))
    network = wirings.network(made, rows, taps, outputs=outputs, width=inputs)
    network.outputs["more"] = LogicalOutput(outputs, -33)
    return network


def leaves(network):
    """The tick in which each output leaves, ``after`` on its wires aside."""
    when = wave(network)
    return {
        name: max(
            (
                when["neuron", int(w["core"]), int(w["neuron"])]
                for w in network.wires
                if w["target"] == ~o
            ),
            default=0,
        )
        for o, name in enumerate(network.outputs)
    }


def crowd(network, rng):
    """Fill cores with neurons that do nothing, so that few or no copies have room there."""
    for core in network.cores:
        more = 256 - core.neuron_count - int(rng.integers(0, 4))
        core.crossbar = np.pad(core.crossbar, ((0, 0), (0, more)))
        core.neurons = np.concatenate(
            [core.neurons, np.repeat(np.asarray(gate(1)).reshape(1), more)]
        )
        core.used = np.pad(core.used, (0, more), constant_values=True)
        core.elements = np.pad(core.elements, (0, more), constant_values=-1)
