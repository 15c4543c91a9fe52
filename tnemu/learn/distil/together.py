"""Teach one student several games: a shared trunk, a head for each game, one board for all.

    loss = mean over games g of KL( softmax(Q_g / tau_g) || softmax(logit_g) )

Every game has its teacher, its states and its tau. Stages are those of tnemu.learn.distil.distil: states
of the teachers, then rounds in which the folded student plays every game and the teachers correct.
A minibatch is ``all``: so many states of every game, so that batch normalisation sees in training
the mix of games that the frozen thresholds are made for; or ``one``: states of one game drawn at
random, as in the paper (Rusu et al., Policy Distillation, 2016).

The result is one weight file per game. They hold the same network and differ in the background that
the host subtracts and in the outputs that it reads:

    python -m tnemu.learn.together krull freeway --out runs/krull-freeway --teachers \\
        tnemu/zoo/teachers/krull.safetensors tnemu/zoo/teachers/freeway.safetensors

One game alone is a student like any other: the twin that several games are compared with, also at
another ``--blocks``.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tnemu.formats.tensor_file import save_tensors
from tnemu.formats.weights import write_weights
from tnemu.formats.whole_file import write_json
from tnemu.learn.distil.descent import descend
from tnemu.learn.distil.distil import Check, teacher_of, validate
from tnemu.learn.distil.losses import kl
from tnemu.learn.distil.settings import FREE, StudentSettings
from tnemu.learn.distil.states import States, bytes_of, collect, label_temperature
from tnemu.learn.eedn.heads import Head, HeadError, heads_of, recalibrate
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.episodes import Player, play_episodes, random_player
from tnemu.learn.players.files import load_state, net_player, state_arrays
from tnemu.learn.run.runs import (
    Curve,
    Report,
    Watch,
    begin,
    command,
    derived_seed,
    file_sha256,
    plain,
    print_row,
    run_command,
    versions,
)
from tnemu.learn.run.trouble import Diverged, check_room, way_out
from tnemu.tasks.player import check_start


@dataclass(frozen=True)
class TogetherSettings(StudentSettings):
    games: tuple[str, ...]
    """What the student is to play; one or more."""
    teachers: tuple[str, ...]
    """Teacher files, in the order of the games."""
    out: str
    """Folder for data, checkpoints, curve and the weight file of each game."""
    minibatch: str = "all"
    """all: ``batch`` states of every game; one: ``batch`` states of one game drawn at random, and as
    many times more iterations as there are games.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.games) != len(self.teachers):
            raise HeadError(
                f"{len(self.teachers)} teachers for {len(self.games)} games "
                f"({', '.join(self.games)}); give one teacher file per game, in the same order"
            )
        if self.minibatch not in ("all", "one"):
            raise HeadError(
                f"minibatch is {self.minibatch!r}; choose 'all' or 'one' game at a time"
            )

    @property
    def steps(self) -> int:
        """Minibatches of a stage: as many states of each game in both ways of drawing them."""
        return self.iterations * (len(self.games) if self.minibatch == "one" else 1)

    @property
    def game(self) -> str:
        """What the network is called: "krull+freeway"."""
        return "+".join(self.games)


class Game:
    """One game of the run: its teacher, its head, and the states to learn from."""

    data: States
    held: States
    tau = math.nan

    def __init__(self, net: DuelNet, head: Head):
        self.net, self.head, self.spec = net, head, net.spec
        self.name = net.spec.game

    def add(self, states: States, hold_out: int) -> None:
        """One more round, split for training and validation."""
        data, held = states.split(hold_out)
        if hasattr(self, "data"):  # joined at once: keeping the rounds would double the memory
            data, held = States.join([self.data, data]), States.join([self.held, held])
        self.data, self.held = data, held

    @property
    def labels(self) -> Tensor:
        return (self.data.q / self.tau).softmax(1)


def train(
    games: Sequence[Game], rate: float, settings: TogetherSettings, seed: int, log: Report
) -> dict[str, float]:
    """One cosine over the states of all games. Leaves the student recalibrated, in eval mode;
    returns its validation, per game.
    """
    s = settings
    student, heads = games[0].head.student, [game.head for game in games]
    generator = torch.Generator().manual_seed(seed)
    labels = [game.labels for game in games]
    calibration = [
        game.data.screens[torch.randperm(len(game.data), generator=generator)[: s.calibration]]
        for game in games
    ]

    def draw(g: int) -> tuple[Tensor, Tensor]:
        """What the network sees, and what the teacher would do."""
        index = torch.randint(len(games[g].data), (s.batch,), generator=generator)
        return heads[g].centre(games[g].data.screens[index]), labels[g][index]

    def loss() -> Tensor:
        if s.minibatch == "one":
            chosen = [int(torch.randint(len(games), (1,), generator=generator))]
        else:
            chosen = list(range(len(games)))
        seen, wanted = zip(*(draw(g) for g in chosen), strict=True)
        logits = student(torch.cat(seen)).split(s.batch)
        losses = [
            kl(w, part[:, heads[g].own]) for g, w, part in zip(chosen, wanted, logits, strict=True)
        ]
        return torch.stack(losses).mean()

    def check() -> dict[str, float]:
        recalibrate(student, heads, calibration)
        return {
            f"{game.name}_{what}": value
            for game in games
            for what, value in validate(game.head, game.held, game.tau).items()
        }

    return descend(student, loss, check, s.steps, rate, s, log)


class Run:
    """The stages in order; with ``resume``, what a stopped run has finished is read back."""

    def __init__(
        self,
        settings: TogetherSettings,
        resume: bool,
        report: Report = print_row,
        check: Check | None = None,
    ):
        s = self.settings = settings
        self.resume, self.out, self.check = resume, Path(s.out), check
        torch.set_num_threads(1)
        nets = [teacher_of(*which) for which in zip(s.games, s.teachers, strict=True)]
        self.teachers = {g: file_sha256(t) for g, t in zip(s.games, s.teachers, strict=True)}
        torch.manual_seed(self.seed(2))
        self.student, heads = heads_of(
            [net.spec for net in nets], [net.background for net in nets], s.blocks, s.width
        )
        self.games = [Game(net, head) for net, head in zip(nets, heads, strict=True)]
        columns = [f"{g}_{what}" for g in s.games for what in ("val_kl", "val_agree", "score")]
        self.curve = Curve(self.out, ("stage", "iteration", "loss", *columns), report)
        self.stages: list[dict[str, Any]] = []

    def run(self) -> tuple[Path, ...]:
        """All stages; returns the weight file of each game, all from the stage that played best on
        the selection seeds.
        """
        s = self.settings
        if self.check is not None:
            self.check(self.games[0].head.fold(s.game, {}))
        for game in self.games:
            check_start(game.spec, 0)
        begin(self.out, s, self.resume, FREE | {"teachers"}, teacher_sha256=self.teachers)
        players = [net_player(game.net) for game in self.games]
        for stage in range(1 + s.dagger_rounds):
            for g, player in enumerate(players):
                self.gather(stage, g, player)
            self.learn(stage)
            players = [game.head.fold(s.game, {}).scores for game in self.games]
        references = self.references()
        best = max(self.stages, key=lambda stage: mean_share(stage["check_scores"], references))
        checkpoint = self.out / f"{best['stage']}.hidden.safetensors"
        load_state(self.student, checkpoint)
        files = {game.name: f"{game.name}.safetensors" for game in self.games}
        provenance = {
            "command": command("tnemu.learn.together", s),
            "settings": asdict(s),
            "together": files,
            "teacher_sha256": self.teachers,
            "label_temperature": {game.name: game.tau for game in self.games},
            "stages": self.stages,
            "chosen": best["stage"],
            "checkpoint_sha256": file_sha256(checkpoint),
            "references": references,
            "versions": versions(),
        }
        for game in self.games:
            write_weights(game.head.fold(s.game, provenance), self.out / files[game.name])
        return tuple(self.out / file for file in files.values())

    def seed(self, *parts: int) -> int:
        return derived_seed(self.settings.seed, *parts)

    def gather(self, stage: int, g: int, player: Player) -> None:
        """One more round of states of game ``g``."""
        s, game = self.settings, self.games[g]
        path = self.out / f"round{stage}-{game.name}.npz"
        if self.resume and path.exists():
            states = States.load(path, game.spec, self.teachers[game.name])
        else:
            count = s.states if stage == 0 else s.dagger_states
            check_room(self.out, bytes_of(game.spec, count))
            seed, teacher = self.seed(1, stage, g), net_player(game.net)
            states = collect(player, teacher, game.spec, count, s.keep_every, s.worlds, seed)
            states.save(path, game.spec, self.teachers[game.name])
        game.add(states, s.hold_out)
        if stage == 0:
            game.tau = label_temperature(states.q, s.label_peak)

    def learn(self, number: int) -> None:
        """Train, check and store the student of this stage, or read it back."""
        s, name = self.settings, f"stage{number}"
        hidden, facts = self.out / f"{name}.hidden.safetensors", self.out / f"{name}.json"
        if self.resume and hidden.exists():
            load_state(self.student, hidden)
            self.student.eval()
            self.stages.append(json.loads(facts.read_text()))
            return

        check_room(self.out, sum(array.nbytes for array in state_arrays(self.student).values()))

        def log(row: dict[str, Any]) -> None:
            self.curve.add(stage=name, **row)

        rate = s.learning_rate if number == 0 else s.later_learning_rate
        try:
            result = train(self.games, rate, s, self.seed(3, number), log)
        except Diverged as error:
            last = f"stage{number - 1}" if number else None
            option = "later-learning-rate" if number else "learning-rate"
            raise Diverged(f"{error}; {way_out(self.out, last, option, rate)}") from error
        scores = {
            game.name: self.scores(game, game.head.fold(s.game, {}).scores) for game in self.games
        }
        means = {f"{game}_score": float(np.mean(values)) for game, values in scores.items()}
        self.curve.add(stage=name, iteration=s.steps, **means)
        self.stages.append(
            {
                "stage": name,
                "states": {game.name: len(game.data) for game in self.games},
                "iterations": s.steps,
                "learning_rate": rate,
                **result,
                "check_seeds": [s.check_seed, s.check_seed + s.check_episodes - 1],
                "check_scores": scores,
            }
        )
        write_json(facts, self.stages[-1])
        save_tensors(hidden, state_arrays(self.student))

    def scores(self, game: Game, player: Player) -> list[float]:
        """On the selection seeds."""
        s = self.settings
        seeds = range(s.check_seed, s.check_seed + s.check_episodes)
        return [episode.score for episode in play_episodes(player, game.spec, seeds)]

    def references(self) -> dict[str, dict[str, float]]:
        """Mean scores of teacher and random player on the selection seeds, per game."""
        path = self.out / "references.json"
        if not (self.resume and path.exists()):
            found = {
                game.name: {
                    "teacher": float(np.mean(self.scores(game, net_player(game.net)))),
                    "random": float(
                        np.mean(self.scores(game, random_player(len(game.spec.actions), 0)))
                    ),
                }
                for game in self.games
            }
            write_json(path, found)
        return dict(json.loads(path.read_text()))


def mean_share(scores: dict[str, list[float]], references: dict[str, dict[str, float]]) -> float:
    """Mean over games of (score - random) / (teacher - random), so that no game outweighs another.

    Where the teacher is no better than random, points count as they are.
    """
    shares = []
    for game, values in scores.items():
        low = references[game]["random"]
        span = references[game]["teacher"] - low
        shares.append((float(np.mean(values)) - low) / (span if span > 0 else 1.0))
    return float(np.mean(shares))


def train_together(
    settings: TogetherSettings,
    resume: bool = False,
    report: Report = print_row,
    check: Check | None = None,
) -> tuple[Path, ...]:
    """Collect, train, fold; returns the weight file of each game.

    ``check`` is asked before anything is collected or trained; this room knows no boards.
    """
    return Run(settings, resume, report, check).run()


def main(
    argv: list[str] | None = None,
    watch: Watch = plain,
    check: Check | None = None,
    name: str | None = None,
) -> int:
    return run_command(
        "Distil the teachers of several games into one trinary student. `tnemu learn together` checks "
        "first that it fits --board, a board's name or file (ns1e if not given).",
        TogetherSettings,
        partial(train_together, check=check),
        argv,
        watch,
        name,
    )


if __name__ == "__main__":
    sys.exit(main())
