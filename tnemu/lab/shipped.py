"""The students that are shipped: size, latency, scores and provenance, from the files themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tnemu import zoo
from tnemu.formats.weights import read_heads
from tnemu.hardware.board import BoardSpec
from tnemu.networks.trained import TrainedNetwork

MADE_BY = ("command", "teacher_sha256", "chosen", "versions")
"""What of a file's provenance is listed; the rest is in the file."""
SHARES = ("teacher_share", "human_share")


def shipped(board: BoardSpec) -> list[dict[str, Any]]:
    """A row for each game of every shipped student, by name; ``share`` is that of ``board``'s cores.

    Sizes come from ``zoo.sizes()``, by the hash of the file, or are worked out for a file that is
    not listed there.
    """
    known = zoo.sizes()
    rows = []
    for name in zoo.names():
        heads = read_heads(zoo.find(name))
        size = known.get(heads[0].sha256) or measured(heads[0])
        rows += [_row(name, network, size, board) for network in heads]
    return rows


def shipped_classifiers(board: BoardSpec) -> list[dict[str, Any]]:
    """One row for every shipped classifier: data set, size, share right of the test part, and of the
    float control, as its provenance has them.
    """
    known = zoo.sizes()
    rows = []
    for name in zoo.classifiers():
        network = read_heads(zoo.find(name))[0]
        size, made = known.get(network.sha256) or measured(network), network.provenance
        rows.append(
            {
                "name": name,
                "dataset": network.task.name if network.task else "",
                "cores": size["cores"],
                "share": size["cores"] / board.core_count,
                "latency_ticks": size["latency_ticks"],
                "accuracy": made.get("accuracy", {}).get("trinary"),
                "control_accuracy": made.get("accuracy", {}).get("control"),
                "test_samples": made.get("data", {}).get("test"),
                "data_licence": made.get("data", {}).get("licence", ""),
                "provenance": {key: made[key] for key in MADE_BY if key in made},
                "sha256": network.sha256,
                "licence": "MIT",
            }
        )
    return rows


def measured(network: TrainedNetwork) -> dict[str, int]:
    """Cores and latency_ticks of a student, worked out."""
    from corelets import Student
    from tnemu.mapping.size import size_of

    size = size_of(Student(network))
    return {"cores": size.cores, "latency_ticks": size.latency_ticks}


def measured_sizes() -> dict[str, Any]:
    """What ``tnemu/zoo/sizes.json`` has to hold: by hash of the file, its name and size."""
    every = [*zoo.names(), *zoo.classifiers()]
    networks = {name: read_heads(zoo.find(name))[0] for name in every}
    return {n.sha256: {"name": name} | measured(n) for name, n in networks.items()}


def _row(
    name: str, network: TrainedNetwork, size: Mapping[str, int], board: BoardSpec
) -> dict[str, Any]:
    task = network.task
    made, game = network.provenance, task.name if task else ""
    evaluation = made.get("evaluations", {}).get(game) or made.get("evaluation", {})
    return {
        "name": name,
        "game": game,
        "cores": size["cores"],
        "share": size["cores"] / board.core_count,
        "latency_ticks": size["latency_ticks"],
        "scores": _scores(game, evaluation),
        "provenance": {key: made[key] for key in MADE_BY if key in made},
        "spec_sha256": task.sha256 if task else "",
        "sha256": network.sha256,
        "licence": "MIT",
    }


def _roles(evaluation: Mapping[str, Any]) -> dict[str, str]:
    """Student is the player that was recorded, teacher the one that shares are measured against; the
    others keep their names. Files of older versions do not say, there paths tell.
    """
    players = evaluation.get("players", {})
    if "recorded" not in evaluation:
        known = ("teacher", "control", "student")
        return {who: next((role for role in known if role in who), who) for who in players}
    teacher = evaluation["normalised"].get("teacher_share", {}).get("teacher")
    named = {teacher: "teacher", evaluation["recorded"]: "student"}
    return {who: named.get(who, who) for who in players}


def _scores(game: str, evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """By role: mean, interval and shares of teacher and person, as recorded with the episodes.

    Files of older versions hold no shares; there they come from the episodes.
    """
    named = _roles(evaluation)
    roles = {named[who]: facts for who, facts in evaluation.get("players", {}).items()}
    shares = {
        role: {key: facts[key] for key in SHARES if key in facts} for role, facts in roles.items()
    }
    if "normalised" not in evaluation:
        shares = _shares(game, roles)
    return {
        role: {key: facts[key] for key in ("mean", "mean_95", "episodes", "seeds")}
        | shares.get(role, {})
        for role, facts in roles.items()
    }


def _shares(game: str, roles: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    from tnemu.learn.players.scores import normalise

    episodes = {role: facts["scores"] for role, facts in roles.items() if facts.get("scores")}
    floor, ceiling = (role if role in episodes else None for role in ("random", "teacher"))
    return normalise(game, episodes, floor, ceiling)
