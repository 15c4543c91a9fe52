"""Play whole episodes with any player on given seeds, and say how well it did.

    python -m tnemu.learn.evaluate random tnemu/zoo/teachers/krull.safetensors \\
        tnemu/zoo/krull.safetensors --seed 77000 --episodes 20

A player is ``random``, ``always:ACTION``, or a file: a teacher, a float control student, a student in
n bits, or a (folded, trinary) weight file. All play the same seeds under the same spec. Quote scores from seeds
that chose nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tnemu.atari.spec import AtariSpec, spec_for
from tnemu.atari.world import AtariWorld
from tnemu.formats.tensor_file import load_facts, load_tensors, save_tensors
from tnemu.formats.weights import WeightFile
from tnemu.hardware.errors import TnemuError

Player = Callable[[np.ndarray], np.ndarray]
"""Scores per action, [n, actions], for observations uint8[n, stack, rows, columns]; the largest is
played, the first of equals.
"""


@dataclass
class Episode:
    seed: int
    score: float
    """Points, unclipped."""
    decisions: int
    truncated: bool
    """Cut by spec.max_frames."""


def play_episodes(
    player: Player, spec: AtariSpec, seeds: Sequence[int], epsilon: float = 0.01
) -> list[Episode]:
    """One episode per seed, side by side in one batch; epsilon is the share of random actions. Same
    seeds, same result.
    """
    worlds = [AtariWorld(spec, seed) for seed in seeds]
    rngs = [np.random.default_rng([seed, 0x706C6179]) for seed in seeds]
    observations = np.stack([world.reset() for world in worlds])
    running = np.arange(len(worlds))
    while len(running):
        best = np.asarray(player(observations[running])).argmax(1)
        overs = []
        for i, choice in zip(running, best, strict=True):
            explore, other = rngs[i].random(), int(rngs[i].integers(len(spec.actions)))
            observations[i], _, over = worlds[i].step(other if explore < epsilon else int(choice))
            overs.append(over)
        running = running[~np.array(overs)]
    return [Episode(w.seed, w.episode_return, w.episode_decisions, w.truncated) for w in worlds]


def summary(scores: Sequence[float], resamples: int = 10_000) -> dict[str, Any]:
    """Mean, median, standard deviation, and the 95 % bootstrap interval of the mean (percentiles,
    fixed seed).
    """
    values = np.asarray(scores, float)
    means = np.random.default_rng(0).choice(values, (resamples, len(values))).mean(1)
    low, high = np.percentile(means, [2.5, 97.5])
    deviation = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return {
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "sd": deviation,
        "mean_95": [float(low), float(high)],
        "episodes": len(values),
    }


def random_player(actions: int, seed: int) -> Player:
    rng = np.random.default_rng(seed)
    return lambda observations: rng.random((len(observations), actions))


def load_player(what: str, game: str | None = None) -> tuple[Player, AtariSpec]:
    """A player by name or file, and the spec it plays under."""
    if what == "random" or what.startswith("always:"):
        if game is None:
            raise TnemuError(f"player {what!r} plays any game; say which with --game")
        spec = spec_for(game)
        if what == "random":
            return random_player(len(spec.actions), 0), spec
        action = what.removeprefix("always:")
        if action not in spec.actions:
            raise TnemuError(
                f"player {what!r}: {action!r} is not an action of {game}; choose among "
                f"{' '.join(spec.actions)}"
            )
        scores = np.eye(len(spec.actions))[spec.actions.index(action)]
        return (lambda observations: np.tile(scores, (len(observations), 1))), spec
    if not Path(what).is_file():
        raise TnemuError(
            f"player {what!r} is neither random, always:ACTION nor a file; check the path"
        )
    from tnemu.learn import players

    kind = load_facts(what).get("format")
    if kind == players.TEACHER:
        net = players.load_teacher(what)
        return players.net_player(net), net.spec
    if kind == players.CONTROL:
        student, spec = players.load_control(what)
        return players.net_player(student), spec
    if kind == players.QUANTISED:
        integers, spec = players.load_quantised(what)
        return players.net_player(integers), spec
    file = WeightFile.load(what)
    return file.votes, AtariSpec.from_json(json.dumps(dict(file.spec)))


def evaluate(
    players: Sequence[str],
    seeds: Sequence[int],
    epsilon: float = 0.01,
    game: str | None = None,
    more: Mapping[str, tuple[Player, AtariSpec]] | None = None,
) -> dict[str, Any]:
    """Every player on the same seeds; refuses players that see different worlds.

    ``more`` brings players that this room cannot make, such as a student on an emulated board.
    """
    import torch

    torch.set_num_threads(1)
    files = [what for what in players if what != "random" and not what.startswith("always:")]
    if game is None and files:
        game = load_player(files[0])[1].game
    loaded = {what: load_player(what, game) for what in players} | dict(more or {})
    specs = {what: spec.sha256 for what, (_, spec) in loaded.items()}
    if len(set(specs.values())) > 1:
        listed = ", ".join(f"{what}: {digest[:12]}" for what, digest in specs.items())
        raise TnemuError(f"the players have different specs ({listed}); compare players of one")
    spec = next(iter(loaded.values()))[1]
    result: dict[str, Any] = {
        "game": spec.game,
        "spec_sha256": spec.sha256,
        "sticky": spec.sticky,
        "epsilon": epsilon,
        "players": {},
    }
    for what, (player, _) in loaded.items():
        began = time.perf_counter()
        episodes = play_episodes(player, spec, seeds, epsilon)
        scores = [e.score for e in episodes]
        row = summary(scores) | {
            "scores": scores,
            "decisions": [e.decisions for e in episodes],
            "truncated": sum(e.truncated for e in episodes),
        }
        result["players"][what] = {"seeds": [seeds[0], seeds[-1]], **row}
        low, high = row["mean_95"]
        took = time.perf_counter() - began
        print(
            f"{what}: mean {row['mean']:.5g} [{low:.5g}, {high:.5g}] median "
            f"{row['median']:.5g} sd {row['sd']:.4g} ({took:.0f} s)",
            flush=True,
        )
    return result


def record(source: str | Path, target: str | Path, scores: dict[str, Any]) -> None:
    """Copy a teacher or weight file to ``target`` with these scores in its provenance."""
    from tnemu.learn import players

    metadata = load_facts(source)
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    if metadata.get("format") in (players.TEACHER, players.CONTROL, players.QUANTISED):
        facts = {**metadata, "evaluation": json.dumps(scores)}
        save_tensors(target, load_tensors(source), facts)
        return
    file = WeightFile.load(source)
    replace(file, provenance={**file.provenance, "evaluation": scores}).save(target)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Play episodes and report scores.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("players", nargs="+", help="random, always:ACTION, or a file")
    parser.add_argument("--game", help="needed when no player is a file")
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument(
        "--seed", type=int, default=77_000, help="of the first episode; the next has the next seed"
    )
    parser.add_argument("--epsilon", type=float, default=0.01, help="share of random actions")
    parser.add_argument("--json", help="write the result here")
    parser.add_argument(
        "--record", help="copy the last player's file here, with the result in its provenance"
    )
    options = parser.parse_args(argv)
    try:
        result = evaluate(
            options.players,
            range(options.seed, options.seed + options.episodes),
            options.epsilon,
            options.game,
        )
        if options.json:
            Path(options.json).write_text(json.dumps(result, indent=1))
        if options.record:
            record(options.players[-1], options.record, result)
    except (TnemuError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
