"""What a Boltzmann machine takes on a board: cores and neurons by stage, for a packing strategy."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from corelets.boltzmann import BoltzmannMachine
from tnemu.errors import real
from tnemu.networks.boltzmann.machine import Machine
from tnemu.networks.boltzmann.sampler import Sampler
from tnemu.networks.errors import NetworkError

STAGES = {"refractory": "stage1", "quantise": "stage2", "sample": "stage3", "control": "control"}
"""Last word of a core's layer -> its name in the figures."""
PAPER = {"none": 2956, "1.1+2+3": 906, "1.2+2+3": 865}
"""Cores of Pedroni et al.'s machine (784 x 441, scale 50), by strategies; its weights are not known."""


def scaled(machine: Machine, times: float) -> Machine:
    """The machine with all weights, not its biases, ``times`` as large; NetworkError beyond 1000."""
    factor = np.float32(real("times", times, 1e-3, 1e3, error=NetworkError))
    return replace(machine, weights=machine.weights * factor)


def rbm_map(
    machine: Machine, sampler: Sampler, strategies: str = "1.1+2+3", accumulate: int = 32
) -> dict[str, Any]:
    """Cores and neurons by stage, the mean weight, and the ticks of a layer and of a sample.

    Raises CoreletError, with the unit, its need and the limit, for a machine that cores cannot hold.
    """
    rounded = machine.rounded(sampler.scale)
    corelet = BoltzmannMachine(rounded, sampler, accumulate, strategies)
    network = corelet.build()
    cores: Counter[str] = Counter()
    neurons: Counter[str] = Counter()
    for core in network.cores:
        stage = STAGES[core.layer.split()[-1]]
        cores[stage] += 1
        neurons[stage] += int(core.used.sum())
    name = str(corelet.strategies)
    return {
        "machine": machine.name,
        "machine_sha256": machine.sha256,
        "strategies": name,
        "visible": machine.visible,
        "hidden": machine.hidden,
        "weights": int((rounded.weights != 0).sum()),
        "mean_weight": rounded.mean_weight,
        "cores": {stage: cores[stage] for stage in STAGES.values()},
        "total_cores": cores.total(),
        "neurons": {stage: neurons[stage] for stage in STAGES.values()},
        "total_neurons": neurons.total(),
        "ticks_a_layer": corelet.period,
        "ticks_a_sample": corelet.step_ticks,
        "paper_cores": PAPER.get(name) if (machine.visible, machine.hidden) == (784, 441) else None,
    }
