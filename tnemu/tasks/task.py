"""What a network is to do: the protocol that every task follows.

    spec         what every player of the task sees and may do, with a hash: frozen, comparable
    spec.start(seed) -> Task
    task.reset() -> observation            task.step(action) -> observation, reward, over

:class:`tnemu.tasks.contract.TaskContract` is its test: a task of your own inherits it and is checked.
A kind of task is a module of this package with a ``SPEC`` class; :data:`KINDS` lists them.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError
from tnemu.networks.trained import TaskReference

KINDS = {
    "atari": "tnemu.tasks.atari.spec:AtariSpec",
    "classify": "tnemu.tasks.classify.spec:ClassifySpec",
    "control": "tnemu.tasks.control.spec:ControlSpec",
}
"""Kind of task, as weight files name it -> where its spec's class is."""


class TaskError(TnemuError, ValueError):
    """A task that is not known, was altered, or was used in a way it does not allow."""


@runtime_checkable
class Task(Protocol):
    """One world with its own random stream: the same spec and seed give the same episodes.

    ``episode_return`` is the sum of the rewards of the current (or just ended) episode;
    ``truncated`` says that the last one was cut by the task's own limit of time.
    """

    episode_return: float
    truncated: bool

    def reset(self) -> npt.NDArray[Any]:
        """Begin the next episode: its first observation."""
        ...

    def step(self, action: int) -> tuple[npt.NDArray[Any], float, bool]:
        """Take action 0..n-1 of ``spec.actions``: the next observation, points won, episode over.

        After an episode's end only ``reset`` is allowed. Raises a TnemuError for an action that
        does not exist and for a step after the end.
        """
        ...

    def picture(self) -> npt.NDArray[np.uint8]:
        """What a person would see now: uint8 [height, width, 3]."""
        ...

    def close(self) -> None:
        """Let go of everything; a second call does nothing."""
        ...


class TaskSpec(Protocol):
    """What every player of a task sees and does, written down once for everybody.

    ``kind`` and ``name`` say which task it is, ``shape`` and ``dtype`` what an observation is,
    ``actions`` what may be done. Two players can be compared if and only if their ``sha256``, the
    hash of ``to_json()``, are equal.
    """

    @property
    def kind(self) -> str:
        """The kind of task, as :data:`KINDS` names it."""
        ...

    @property
    def name(self) -> str:
        """Which task of its kind."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of an observation."""
        ...

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of an observation."""
        ...

    @property
    def actions(self) -> tuple[str, ...]:
        """Names of what may be done; their place is the action's number."""
        ...

    @property
    def sha256(self) -> str:
        """Hash of ``to_json()``."""
        ...

    @property
    def decisions_per_second(self) -> float:
        """At the task's own speed."""
        ...

    def to_json(self) -> str:
        """The whole description, canonical: equal specs give equal text."""
        ...

    def start(self, seed: int) -> Task:
        """The task itself; ``seed`` decides its chance."""
        ...


def reference_to(spec: TaskSpec) -> TaskReference:
    """What a weight file keeps of the task that its network was trained for."""
    return TaskReference(spec.kind, spec.name, json.loads(spec.to_json()), spec.sha256)


class MadeForATask(Protocol):
    """A network that names the task it was made for."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def task(self) -> TaskReference | None: ...  # noqa: D102

    @property
    def input_shape(self) -> tuple[int, ...]: ...  # noqa: D102

    @property
    def answers(self) -> tuple[str, ...]: ...  # noqa: D102


def spec_of(network: MadeForATask) -> Any:
    """The spec of the task that a trained network was trained for.

    Raises TaskError where the network names no task, or one of an unknown kind; where the description
    is not the one whose hash is named; and where it shows or takes something else than the network.
    """
    task = network.task
    if task is None:
        raise TaskError(
            f"network {network.name!r} names no task, so there is nothing it could play; export it "
            "with the task that it was trained for"
        )
    if task.kind not in KINDS:
        raise TaskError(
            f"network {network.name!r} was trained for a task of kind {task.kind!r}; this version "
            f"knows {', '.join(sorted(KINDS))}: update tnemu"
        )
    module, _, name = KINDS[task.kind].partition(":")
    spec = getattr(import_module(module), name).from_json(json.dumps(dict(task.spec)))
    if (spec.name, spec.sha256) != (task.name, task.sha256):
        raise TaskError(
            f"weight file {network.name!r} names {task.name!r} and world {task.sha256[:12]}, but "
            f"holds a description of {spec.name!r}, {spec.sha256[:12]}; export it again"
        )
    if (spec.shape, spec.actions) != (network.input_shape, network.answers):
        raise TaskError(
            f"weight file {network.name!r} sees {network.input_shape} and answers "
            f"{' '.join(network.answers)}, its world shows {spec.shape} and takes "
            f"{' '.join(spec.actions)}; export it again"
        )
    return spec
