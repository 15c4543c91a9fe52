"""A noisy network of our own from a compiled file to a recording, against a scalar model of IBM's rules.

In the manner of the network that IBM recorded: a layer of relays and noisy neurons without reset, and a
layer with linear reset, a floor and feedback. The scalar model below is written from docs/semantics.md and
knows nothing of the emulator. Runs in any clone; IBM's own recording is in test_recordings.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tnemu.formats.spike_file import spikes, write_spikes
from tnemu.formats.spike_words import iter_sent
from tnemu.formats.tnbm_writer import write_tnbm
from tnemu.hardware import neuron
from tnemu.lab.images import board_image
from tnemu.lab.model_run import run_model
from tnemu.lab.probes import parse_probe
from tnemu.networks.logical import LogicalCore, LogicalNetwork, LogicalOutput, wires_from

TICKS, SEED = 80, 0xFFFFFFFF
NOISY = {"alpha": 62, "TM": 8, "gamma": 2, "leak": -3, "epsilon": 1, "kappa": 1, "beta": 0}
WINNER = {"alpha": 10, "gamma": 1, "kappa": 1, "beta": 16, "s": (7, -3, 1, 0)}
RELAY = {"alpha": 1, "kappa": 1, "beta": 0, "epsilon": 1, "s": (1, 1, 1, 1)}


def network() -> LogicalNetwork:
    """Cores 0 and 1: 20 noisy neurons each and relays between them; core 2: 20 neurons with feedback."""
    rng = np.random.default_rng(7)
    cores = [LogicalCore(f"core {k}", layer="cores", number=k, seed=SEED) for k in range(3)]
    rows = []
    for k, core in enumerate(cores):
        core.axon_types = rng.integers(0, 4, 256).astype(np.uint8)
        core.used[:24] = True
        core.crossbar[:64, :24] = rng.random((64, 24)) < 0.15
        for j in range(24):
            noisy = {**NOISY, "s": tuple(rng.integers(-7, 16, 4).tolist())}
            core.neurons[j] = neuron(**((RELAY if j >= 20 else noisy) if k < 2 else WINNER))
    for j in range(20):
        rows += [(k, j, 2, 20 * k + j, 1) for k in range(2)]
        rows.append((2, j, 2, 40 + j, 1) if j < 10 else (2, j, ~(j % 2), 7 * j, 1))
    rows += [(k, j, 1 - k, 40 + j - 20, 1) for k in range(2) for j in range(20, 24)]
    outputs = {"-32": LogicalOutput(256, -32), "-33": LogicalOutput(256, -33)}
    return LogicalNetwork(cores, wires_from(sorted(rows)), outputs=outputs)


def scalar(net: LogicalNetwork, given: set[tuple[int, int, int]]) -> list[tuple[int, ...]]:
    """Every spike (tick, core, neuron, target, axon, delay); ``given`` are (tick seen, core, axon)."""
    ends = {(int(w["core"]), int(w["neuron"])): w for w in net.wires}
    potential = {(c, j): 0 for c in range(3) for j in range(24)}
    state, waiting, sent = [SEED] * 3, set(given), []
    for tick in range(TICKS):
        for c, core in enumerate(net.cores):
            axons = [a for t, to, a in waiting if (t, to) == (tick, c)]
            for j in range(24):
                p = core.neurons[j]
                v = potential[c, j]
                v += sum(int(p["s"][core.axon_types[a]]) for a in axons if core.crossbar[a, j])
                v += int(p["leak"]) * ((v > 0) - (v < 0) if p["epsilon"] else 1)
                eta = 0
                if p["TM"]:
                    eta = state[c] & 255
                    y = state[c] ^ (state[c] << 13 & 0xFFFFFFFF)
                    y ^= y >> 17
                    state[c] = y ^ (y << 5 & 0xFFFFFFFF)
                if p["gamma"] == 2:
                    v = min(v, int(p["alpha"]) + 255)
                if v >= p["alpha"] + eta:
                    v = (0, v - int(p["alpha"]) - eta, v)[p["gamma"]]
                    if (wire := ends.get((c, j))) is not None:
                        to = int(wire["target"])
                        number = to if to >= 0 else -32 - ~to
                        sent.append((tick, c, j, number, int(wire["pin"]), 1))
                potential[c, j] = max(v, -int(p["beta"]))
        waiting |= {(t + 1, to, a) for t, _, _, to, a, _ in sent if t == tick and to >= 0}
    return sent


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_noisy_network_runs_from_its_compiled_file_as_the_rules_say(
    engine: str, tmp_path: Path
) -> None:
    net = network()
    write_tnbm(net, tmp_path / "net.tnbm")
    rng = np.random.default_rng(1)
    tick, core, axon = (rng.integers(0, high, 700) for high in (TICKS - 20, 2, 64))
    order = np.argsort(tick, kind="stable")
    write_spikes(tmp_path / "in.sfti", spikes(tick[order], core[order], axon[order]))
    probe = parse_probe(f"spikes={tmp_path / 'all.sfro'}", TICKS)
    run_model(
        board_image(tmp_path / "net.tnbm"),
        TICKS,
        tmp_path / "out.sfro",
        given=tmp_path / "in.sfti",
        probes=[probe],
        engine=engine,
    )
    seen = set(zip((tick + 1).tolist(), core.tolist(), axon.tolist(), strict=True))
    expected = scalar(net, seen)
    assert np.concatenate(list(iter_sent(tmp_path / "all.sfro"))).tolist() == expected
    left = [row for row in expected if row[3] < 0]
    assert np.concatenate(list(iter_sent(tmp_path / "out.sfro"))).tolist() == left
    noisy = sum(row[1] < 2 and row[2] < 20 for row in expected)
    assert noisy > 300 and len(left) > 30
