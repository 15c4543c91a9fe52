"""A network converted to a spiking one, beside its source, on a control task: how well it does there.

Where the spiking network runs is a target: the simulator in numpy, or emulated boards
(tnemu.lab.rate_board).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.lab.episodes import Answers, Observations, Trial, play
from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.dense import DenseNetwork
from tnemu.networks.spiking.quantise import Fit, largest, quantised
from tnemu.networks.spiking.rate import RateNetwork
from tnemu.networks.spiking.recipe import Recipe
from tnemu.networks.spiking.simulator import decide
from tnemu.tasks.control.spec import ControlSpec
from tnemu.tasks.control.states import played_states
from tnemu.tasks.task import reference_to


class Target(Protocol):
    """Whatever runs a converted network: asked for the answers to observations [n, in]."""

    def decide(self, observations: Observations) -> Answers:
        """The number of an action for each observation, int64 [n]."""
        ...

    def facts(self) -> dict[str, Any]:
        """What is told of it beside the result: cores, energy, versions."""
        ...


class NumpyTarget:
    """The simulator in numpy; ``seed`` decides what random encodings draw."""

    def __init__(self, network: DenseNetwork, recipe: Recipe, seed: int) -> None:
        self.network, self.recipe = network, recipe
        self._rng = np.random.default_rng(seed)

    def decide(self, observations: Observations) -> Answers:
        """Simulate all of them side by side."""
        return decide(self.network, self.recipe, observations, self._rng)

    def facts(self) -> dict[str, Any]:
        """Its recipe."""
        return asdict(self.recipe)


CALIBRATION_STATES, CALIBRATION_SEED = 4_000, 1_000_003
"""Decisions of the source that a network is fitted to the chip by, where no states are given: so many,
and so many again with a share WANDERING of random actions, as a converted network goes astray too.
"""
WANDERING = 0.1


def rate_network(
    network: DenseNetwork,
    source: DenseNetwork,
    recipe: Recipe,
    spec: ControlSpec,
    states: npt.NDArray[Any] | None = None,
    *,
    bits: int = 0,
    first_bits: int = 0,
    levels: int = 0,
) -> RateNetwork:
    """``network`` in whole numbers, fitted by ``states`` [n, in], or by what its source sees when it
    plays, and when it errs. The neurons of a network that was trained as a spiking one are not rescaled.
    """
    if states is None:
        ways = enumerate((0.0, WANDERING))
        states = np.concatenate(
            [
                played_states(source.decide, spec, CALIBRATION_SEED + k, CALIBRATION_STATES, share)
                for k, share in ways
            ]
        )
    fit = Fit(largest(states), None if network.spiking else states, bits, first_bits, levels)
    return quantised(network, recipe, fit, spec.actions, task=reference_to(spec), name=spec.name)


def check_fits(network: DenseNetwork, spec: ControlSpec) -> None:
    """Raises NetworkError where the network does not see and answer what the task shows and takes."""
    if (network.inputs, network.answers) != (spec.shape[0], len(spec.actions)):
        raise NetworkError(
            f"{network.name}: it takes {network.inputs} numbers and gives {network.answers}; "
            f"{spec.name} shows {spec.shape[0]} and takes one of {len(spec.actions)} actions "
            f"({' '.join(spec.actions)}); give a network of that task, or choose another --task"
        )


def converted_trial(
    target: Target, source: DenseNetwork, spec: ControlSpec, seed: int, episodes: int
) -> Trial:
    """Episodes played by the converted network, each decision compared with its source's.

    ``seed`` seeds the task. Raises NetworkError for fewer episodes than 1 and another task's source.
    """
    check_fits(source, spec)
    if isinstance(episodes, bool) or not isinstance(episodes, int) or episodes < 1:
        raise NetworkError(f"episodes = {shown(episodes)}: must be a whole number of 1 or more")
    return play(target.decide, source.decide, spec, seed, episodes)
