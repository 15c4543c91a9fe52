"""How far samplers are from the machine they sample: small machines, exact and sampled.

    KL(P || Q),  Q the machine's own distribution over (v, h), P what a sampler settles to

exactly, from the chain's matrix; or with P counted from samples of the chain, or of a board. n samples of
K states overestimate it by about (K - 1) / 2n.

Source: Pedroni et al., IEEE TNNLS 2016, Fig. 8 to 10.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from corelets.boltzmann import BoltzmannMachine
from tnemu.hardware.board import BoardSpec
from tnemu.lab.dreams import LANES, BoardDreamer, Dreamer, OperatorDreamer
from tnemu.networks.boltzmann.exact import boltzmann, divergence, histogram, stationary
from tnemu.networks.boltzmann.machine import Machine
from tnemu.networks.boltzmann.sampler import Curve, Sampler

BURN_IN = 50
"""Steps of every chain that are not counted."""


def sampled_divergence(
    dreamer: Dreamer, machine: Machine, samples: int, chains: int = LANES
) -> float:
    """KL of about ``samples`` samples (v, h) of ``chains`` chains from dark."""
    start = np.zeros((chains, machine.visible), np.bool_)
    steps = BURN_IN + -(-samples // chains)
    found = dreamer.dream(start, np.ones(machine.visible, np.bool_), steps)
    v = found.visible[BURN_IN - 1 : -1].reshape(-1, machine.visible)
    h = found.hidden[BURN_IN:].reshape(-1, machine.hidden)  # drawn from that v
    return divergence(histogram(v, h), boltzmann(machine))


def kl_rows(
    machines: Sequence[Machine],
    samplers: Sequence[tuple[str, Sampler]],
    samples: int,
    board: BoardSpec | None = None,
    accumulate: int = 8,
    seed: int = 1,
    tell: Callable[[str], None] = lambda what: None,
) -> dict[str, Any]:
    """By sampler, KL of each machine: ``exact``, ``operator`` and, with a board, ``board``; and of the
    logistic on the rounded weights.
    """
    rows: dict[str, Any] = {}
    named = [*samplers, ("logistic", samplers[0][1])]
    for name, sampler in named:
        ideal = name == "logistic"
        row: dict[str, list[float]] = {"exact": [], "operator": []}
        for k, machine in enumerate(machines):
            tell(f"{name}, machine {k + 1} of {len(machines)}")
            rounded, curve = machine.rounded(sampler.scale), Curve(sampler, ideal=ideal)
            row["exact"].append(divergence(stationary(rounded, curve), boltzmann(machine)))
            operator = OperatorDreamer(rounded, curve, seed)
            row["operator"].append(sampled_divergence(operator, machine, samples))
            if board is not None and not ideal:
                cores = BoltzmannMachine(rounded, sampler, accumulate)
                with BoardDreamer(cores, board, seed=seed) as dreamer:
                    row.setdefault("board", []).append(
                        sampled_divergence(dreamer, machine, samples)
                    )
        rows[name] = {way: {"mean": float(np.mean(kl)), "each": kl} for way, kl in row.items()}
    states = 1 << (machines[0].visible + machines[0].hidden)
    return {
        "samples": samples,
        "bias_of_sampling": (states - 1) / (2 * samples),
        "board": board.name if board else None,
        "rows": rows,
    }
