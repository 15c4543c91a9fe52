"""The thesis's tables run again: rows beside what was printed, with intervals over trained networks.

    interval = mean +- t(0.975, n - 1) sd / sqrt(n)     over n networks of a kind, one seed each

One network has no interval: what is left is chance of its training, which no number of episodes shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.errors import TnemuError
from tnemu.formats.dense_file import read_dense, read_observations
from tnemu.formats.errors import FormatError
from tnemu.lab.convert import CALIBRATION_SEED, CALIBRATION_STATES, NumpyTarget, Target
from tnemu.lab.episodes import play
from tnemu.lab.hahn import KINDS, Row
from tnemu.networks.spiking.dense import DenseNetwork
from tnemu.networks.spiking.normalisations import normalised
from tnemu.tasks.control.spec import ControlSpec
from tnemu.tasks.control.states import played_states

STUDENT_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Of 0.975, for 1..9 degrees of freedom; 1.96 beyond."""

THESIS = {
    ("cartpole", "dqn"): ("CartPole-A__DQN__trained", "CartPole-A__DQN__trained"),
    ("cartpole", "classifier"): ("CartPole-A__Classifier__trained", "CartPole-A__DQN__trained"),
    ("cartpole", "policy"): (
        "CartPole-PolicyGradient__trained", "CartPole-PolicyGradient__trained",
    ),
    ("cartpole", "dsqn"): ("CartPole-E_SNN__trained", ""),
    ("mountaincar", "dqn"): ("MountainCar-A__trained", "MountainCar-A__trained"),
    ("mountaincar", "classifier"): ("MountainCar-A__Classifier", "MountainCar-A__trained"),
    ("mountaincar", "dsqn"): ("MountainCar-E_SNN__best", ""),
}  # fmt: skip
"""Files stored with the thesis, by task and kind: network, and whose observations normalise it."""


NETWORKS = ("trained.npz", "best.npz", "last.npz")
"""Of a run: the one that solved the task, or the best, or the last."""


class GridError(TnemuError, ValueError):
    """Networks that a table cannot be made of."""


@dataclass(frozen=True, eq=False)
class Candidate:
    """A network that rows are run with; ``states`` normalise it, ``where`` names it. ``best_average``
    and ``solved`` are of its training, where that is known.
    """

    task: str
    kind: str
    network: DenseNetwork
    states: Callable[[], npt.NDArray[Any]]
    where: str
    preset: str = ""
    best_average: float | None = None
    solved: bool = False


def thesis_networks(folder: Path) -> list[Candidate]:
    """Those stored with the thesis, as plain arrays in ``folder``. Raises GridError where none is."""
    found = []
    for (task, kind), (name, states) in THESIS.items():
        path = folder / f"{name}.npz"
        if path.exists():
            seen = folder / f"{states}__memory_inputs.npz"
            network = read_dense(path)
            load = lambda p=seen, n=network.inputs: read_observations(p, n)  # noqa: E731
            found.append(Candidate(task, kind, network, load, name))
    if not found:
        raise GridError(
            f"{folder} holds none of the thesis's networks, such as {THESIS['cartpole', 'dqn'][0]}.npz; "
            "give their folder"
        )
    return found


def own_networks(folder: Path) -> list[Candidate]:
    """Those of finished runs of ``tnemu learn`` anywhere below ``folder``, by path. Raises GridError
    where none is.
    """
    found = [_own(path.parent) for path in sorted(folder.glob("**/result.json"))]
    if not any(found):
        raise GridError(
            f"{folder} holds no finished run of tnemu learn dqn, dsqn, policy or classifier; give a "
            "folder that they are in, however deep"
        )
    return [one for one in found if one is not None]


def _own(run: Path) -> Candidate | None:
    said = files.read_json(run / "result.json", error=FormatError)
    words = str(said.get("command", "")).split() if isinstance(said, dict) else []
    if words[:2] != ["tnemu", "learn"] or words[2:3] not in [[kind] for kind in KINDS]:
        return None
    settings = files.read_json(run / "settings.json", error=FormatError)
    kind = words[2]
    if settings.get("spiking"):
        kind = "spiking classifier"
    elif settings.get("method") == "actor-critic":
        kind = "actor-critic"
    paths = [run / name for name in NETWORKS]
    network = read_dense(next((path for path in paths if path.exists()), paths[-1]))
    states = run / "states.npz"

    def seen() -> npt.NDArray[Any]:
        if states.exists():
            return read_observations(states, network.inputs)
        spec = ControlSpec(str(said["task"]))
        return played_states(network.decide, spec, CALIBRATION_SEED, CALIBRATION_STATES)

    return Candidate(
        str(said["task"]), kind, network, seen, str(run), str(settings.get("preset", "")),
        said.get("best_average"), bool(said.get("solved_episode")),
    )  # fmt: skip


def kinds_of(kind: str) -> tuple[str, ...]:
    """Which of our networks stand beside a kind of the thesis; it had no actor-critic."""
    return ("policy", "actor-critic") if kind == "policy" else (kind,)


def run_row(
    row: Row, candidates: Sequence[Candidate], seed: int, episodes: int, steps: int
) -> list[dict[str, Any]]:
    """The row with every kind of network that stands for it: facts by name, none without networks."""
    found = []
    for kind in kinds_of(row.kind):
        those = [c for c in candidates if (c.task, c.kind) == (row.task, kind)]
        if kind == "dqn" and any(c.preset == "A" for c in those):  # whose settings the tables had
            those = [c for c in those if c.preset == "A"]
        if those:
            trials = [_trial(row, c, seed, episodes, steps) for c in those]
            found.append(_facts(row, kind, those, trials))
    return found


def _trial(
    row: Row, one: Candidate, seed: int, episodes: int, steps: int
) -> tuple[float, float, float]:
    """Mean return, agreement, and the mean return of the source itself."""
    spec = ControlSpec(row.task, steps)
    network = one.network
    if row.normalise != "none":
        states = one.states() if row.normalise != "model" else None
        network = normalised(network, row.normalise, states)
    target = target_of(row, network, seed)
    trial = play(target.decide, one.network.decide, spec, seed, episodes)
    source = play(one.network.decide, one.network.decide, spec, seed, episodes)
    return float(trial.returns.mean()), trial.agreement, float(source.returns.mean())


def target_of(row: Row, network: DenseNetwork, seed: int) -> Target:
    """What runs a row."""
    if row.target == "nest":
        from tnemu.targets.spiking_nest import NestTarget

        return NestTarget(network, row.recipe, seed)
    return NumpyTarget(network, row.recipe, seed)


def _facts(
    row: Row, kind: str, those: Sequence[Candidate], trials: Sequence[tuple[float, float, float]]
) -> dict[str, Any]:
    returns, agreements, sources = np.array(trials).T
    return {
        **asdict(row),
        "kind": kind,
        "printed_return": row.mean_return,
        "printed_agreement": row.agreement,
        "networks": [one.where for one in those],
        "mean_return": float(returns.mean()),
        "return_95": interval(returns),
        "agreement": None if kind == "dsqn" else float(agreements.mean()),
        "agreement_95": None if kind == "dsqn" else interval(agreements),
        "source_return": None if kind == "dsqn" else float(sources.mean()),
    }


def interval(values: npt.NDArray[np.float64]) -> list[float] | None:
    """The 95 % interval of the mean by Student's t; None of one value."""
    n = len(values)
    if n < 2:
        return None
    t = STUDENT_T[n - 2] if n - 2 < len(STUDENT_T) else 1.96
    half = t * float(values.std(ddof=1)) / n**0.5
    return [float(values.mean()) - half, float(values.mean()) + half]


def trainings(candidates: Iterable[Candidate]) -> list[dict[str, Any]]:
    """What our trainings came to, by task, kind and preset: runs, how many solved the task, mean of
    their best averages.
    """
    groups: dict[tuple[str, str, str], list[Candidate]] = {}
    for one in candidates:
        if one.best_average is not None:
            groups.setdefault((one.task, one.kind, one.preset), []).append(one)
    rows = []
    for (task, kind, preset), ones in sorted(groups.items()):
        best = np.array([one.best_average for one in ones], float)
        rows.append(
            {
                "task": task, "kind": kind, "preset": preset, "runs": len(ones),
                "solved": sum(one.solved for one in ones),
                "best_average": float(best.mean()), "best_average_95": interval(best),
            }
        )  # fmt: skip
    return rows
