"""A network converted to a spiking one, beside its source, on a control task: how well it does there.

Where the spiking network runs is a target: :class:`NumpyTarget` is the simulator in numpy.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

from tnemu.errors import shown
from tnemu.lab.episodes import Answers, Observations, Trial, play
from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.dense import DenseNetwork
from tnemu.networks.spiking.recipe import Recipe
from tnemu.networks.spiking.simulator import decide
from tnemu.tasks.control.spec import ControlSpec


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
