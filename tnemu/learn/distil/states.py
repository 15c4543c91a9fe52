"""States to learn from: collected by a player, labelled by a teacher."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tnemu.files import place, read_npz, write_npz
from tnemu.formats.errors import FormatError
from tnemu.learn.players.episodes import Player
from tnemu.tasks.task import TaskSpec

EPSILONS = (0.01, 0.05, 0.1, 0.2)
"""Shares of random actions while collecting, dealt to the worlds in turn."""

_AGAIN = "delete it and go on with the run with --resume, it is collected again"


def bytes_of(spec: TaskSpec, count: int) -> int:
    """What ``count`` labelled states take."""
    return count * (math.prod(spec.shape) + 4 * len(spec.actions))


class States:
    """Observations uint8[n, stack, rows, columns] and the teacher's Q-values float32[n, actions]."""

    def __init__(self, screens: np.ndarray, q: np.ndarray):
        """Takes the arrays as they are; they must have the same length."""
        self.screens, self.q = torch.from_numpy(screens), torch.from_numpy(q)

    def __len__(self) -> int:
        return len(self.screens)

    def split(self, hold_out: int) -> tuple[States, States]:
        """For training, for validation: the last 1 / hold_out in time."""
        cut = len(self) - len(self) // hold_out
        screens, q = self.screens.numpy(), self.q.numpy()
        return States(screens[:cut], q[:cut]), States(screens[cut:], q[cut:])

    def save(self, path: Path, spec: TaskSpec, teacher_sha256: str) -> None:
        """With what they are states of, and who labelled them."""
        arrays = {"screens": self.screens.numpy(), "q": self.q.numpy()}
        facts = {"spec_sha256": np.array(spec.sha256), "teacher_sha256": np.array(teacher_sha256)}
        write_npz(path, arrays | facts, error=FormatError)

    @staticmethod
    def load(path: Path, spec: TaskSpec, teacher_sha256: str) -> States:
        """Raises FormatError for a file that cannot be read, and for states of another spec or with
        another teacher's labels; those of earlier versions do not say, and have to fit in shape.
        """
        facts = {"spec_sha256": spec.sha256, "teacher_sha256": teacher_sha256}
        try:
            stored = read_npz(
                path,
                {"screens": (np.uint8, len(spec.shape) + 1), "q": (np.float32, 2)},
                optional=dict.fromkeys(facts, (str, 0)),
                error=FormatError,
                finite=True,
            )
        except FormatError as error:
            why = str(error).removeprefix(f"{place(path)}: ")
            raise FormatError(f"{path} cannot be read as states ({why}); {_AGAIN}") from None
        screens, q = stored["screens"], stored["q"]
        made_with = {name: str(stored[name]) for name in facts if name in stored}
        for name, before in made_with.items():
            if before != facts[name]:
                raise FormatError(
                    f"{path}: its states were made with {name} {before[:12]}, the run's is "
                    f"{facts[name][:12]}; {_AGAIN}"
                )
        count, actions = screens.shape[:1], len(spec.actions)
        if screens.shape != (*count, *spec.shape) or q.shape != (*count, actions) or not len(q):
            raise FormatError(
                f"{path}: screens {list(screens.shape)} with labels {list(q.shape)}, the run's spec "
                f"needs [n, {', '.join(map(str, spec.shape))}] with [n, {actions}]; {_AGAIN}"
            )
        return States(screens, q)

    @staticmethod
    def join(rounds: Sequence[States]) -> States:
        """The states of all rounds, one after the other."""
        screens = np.concatenate([r.screens.numpy() for r in rounds])
        return States(screens, np.concatenate([r.q.numpy() for r in rounds]))


def collect(
    player: Player,
    teacher: Player,
    spec: TaskSpec,
    states: int,
    keep_every: int,
    worlds: int,
    seed: int,
    teacher_share: float = 0.0,
) -> States:
    """States that ``player`` visits, with some random actions, labelled by ``teacher``.

    They are in order of time, the worlds interleaved; every ``keep_every``-th decision is kept.
    Each decision of each world is the teacher's with probability ``teacher_share``, before the
    random ones are dealt.
    """
    seeds = np.random.SeedSequence(seed).generate_state(worlds + 1) >> 1
    mix = np.random.default_rng([seed, 1])  # a stream of its own: without a mix nothing changes
    consoles = [spec.start(int(s)) for s in seeds[:-1]]
    rng = np.random.default_rng(int(seeds[-1]))
    epsilons = np.array([EPSILONS[i % len(EPSILONS)] for i in range(worlds)])
    now, kept = np.stack([world.reset() for world in consoles]), []
    for decision in range(-(-states // worlds) * keep_every):
        if decision % keep_every == 0:
            kept.append(now.copy())
        actions = np.asarray(player(now)).argmax(1)
        if teacher_share:
            helped = mix.random(worlds) < teacher_share
            actions = np.where(helped, np.asarray(teacher(now)).argmax(1), actions)
        other = rng.integers(len(spec.actions), size=worlds)
        actions = np.where(rng.random(worlds) < epsilons, other, actions)
        for i, world in enumerate(consoles):
            now[i], _, over = world.step(int(actions[i]))
            if over:
                now[i] = world.reset()
    screens = np.concatenate(kept)[:states]
    q = np.concatenate([teacher(screens[i : i + 500]) for i in range(0, states, 500)])
    return States(screens, q.astype(np.float32))


def label_temperature(q: Tensor, peak: float) -> float:
    """tau for which the mean over states of max_a softmax(q / tau) is ``peak``."""
    low, high = 1e-6, 1e3
    for _ in range(60):
        tau = math.sqrt(low * high)
        if float((q / tau).softmax(1).amax(1).mean()) > peak:
            low = tau
        else:
            high = tau
    return tau
