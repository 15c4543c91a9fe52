"""Teach a student what its teachers would do: distillation of one game or of several, with rounds in
which the student plays and the teachers correct.

    loss = mean over games g of KL( softmax(Q_g / tau_g)  ||  softmax(logit_g) )
    tau_g  such that the mean over states of the largest label probability is 0.8

or another loss of tnemu.learn.distil.losses. Every game has its teacher, its states and its tau; a shared
trunk has a head for each game, and one board holds all (tnemu.learn.eedn.heads). Stage 0 learns from
states the teachers visit. Before each later stage the folded student plays every game and the states it
visits, labelled by the teachers, are added (DAgger); with teacher_share = X the teacher takes X^k of the
decisions of round k. Every stage is one cosine of the learning rate down to 1 %, then exact recalibration
and folding. The float control learns last, from all these states. Everything is counted in
iterations, and every random stream comes from one seed. Repeat the run of this project:

    python -m tnemu.learn.distil krull --teacher tnemu/zoo/teachers/krull.safetensors \\
        --out runs/student-krull

The result is ``student.safetensors``; of several games it holds the one network with a head for each:
the background that the host subtracts and the outputs it reads (tnemu.formats.heads).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from tnemu.errors import TnemuError
from tnemu.files import make_folder, write_json
from tnemu.formats.tensor_file import save_tensors
from tnemu.formats.weights import write_weights
from tnemu.learn.distil.checkpoint import StageCheckpoint
from tnemu.learn.distil.rounds import (
    bytes_of,
    collect,
    facts_of,
    folder_of,
    label_temperature,
    mean_screen,
)
from tnemu.learn.distil.settings import FREE, DistilSettings, renamed
from tnemu.learn.distil.stages import mean_share, read_references, read_stage
from tnemu.learn.distil.states import States
from tnemu.learn.distil.training import Lesson, prefixes_of, train
from tnemu.learn.eedn.heads import Head, heads_of
from tnemu.learn.eedn.sparsity import firing_rate
from tnemu.learn.eedn.student import Precision, add_hysteresis
from tnemu.learn.players.adapters import ForeignTeacher, specs_by_game, teacher_of
from tnemu.learn.players.episodes import Player, play_episodes, random_player
from tnemu.learn.players.files import CONTROL
from tnemu.learn.players.nets import load_state, net_player, save_player, state_arrays
from tnemu.learn.run.device import device_name, find_device, one_thread, seeded
from tnemu.learn.run.options import command, run_command
from tnemu.learn.run.runs import (
    Curve,
    Report,
    Watch,
    begin,
    derived_seed,
    file_sha256,
    plain,
    print_row,
    say,
    versions,
)
from tnemu.learn.run.trouble import Diverged, check_room, how_to_go_on
from tnemu.networks.trained import TrainedNetwork
from tnemu.tasks.player import check_start

CONTROL_FACTS = ("states", "iterations", "learning_rate")
"""Of a finished float control; where they are others now, it is trained again."""

Check = Callable[[TrainedNetwork], object]
"""Is given the untrained student, folded; raises a TnemuError if there is no use in training it."""
T = TypeVar("T")


class Run:
    """The stages in order; with ``resume``, what a stopped run has finished is read back.

    Raises TnemuError for teachers that cannot teach these games, before anything is written.
    """

    def __init__(
        self,
        settings: DistilSettings,
        resume: bool = False,
        report: Report = print_row,
        check: Check | None = None,
        teachers: Mapping[str, ForeignTeacher] | None = None,
        tell: Callable[[str], None] = say,
    ):
        s = self.settings = settings
        self.resume, self.out, self.check = resume, Path(s.out), check
        self.device = find_device(s.device)
        worlds, given = specs_by_game(s.specs, s.games), dict(teachers or {})
        self.nets = [
            (given.get(game) or teacher_of(game, path, s.view, worlds.get(game))).to(self.device)
            for game, path in zip(s.games, s.teachers, strict=True)
        ]
        self.specs = [net.spec for net in self.nets]
        self.teachers = [net_player(net) for net in self.nets]
        self.teacher_sha256 = [file_sha256(path) for path in s.teachers]
        for net in self.nets:
            if isinstance(net, ForeignTeacher):
                tell(net.described())
                if net.view is not None:
                    net.background.copy_(torch.from_numpy(mean_screen(net.spec, self.seed(6))))
        self.heads = self.untrained(2, "trinary")
        self.lessons: list[Lesson] = []
        self.stages: list[dict[str, Any]] = []
        figures = ("val_kl", "val_agree", "score")
        columns = [prefix + what for prefix in prefixes_of(s.games) for what in figures]
        self.curve = Curve(self.out, ("stage", "iteration", "loss", *columns), report)

    def run(self) -> Path:
        """All stages; returns the weight file, from the stage that played best on the selection
        seeds.
        """
        with one_thread():
            self.begin()
            students = self.teachers
            for stage in range(1 + self.settings.dagger_rounds):
                self.gather(stage, students)
                self.learn(f"stage{stage}", self.heads, 3, stage)
                students = [self.player(head) for head in self.heads]
            best = self.best()
            if self.settings.control_iterations:
                self.learn("control", self.untrained(4, "float"), 5)
            return self.export(best)

    def begin(self) -> None:
        """Everything that can be refused, before anything is collected or trained."""
        s = self.settings
        if self.check is not None:
            self.check(self.heads[0].fold(s.game, {}))
        for spec in self.specs:
            check_start(spec, 0)
        teachers = self.each(self.teacher_sha256)
        begin(self.out, s, self.resume, FREE, renamed, teacher_sha256=teachers)

    def each(self, values: Sequence[T]) -> T | dict[str, T]:
        """Values of all games as files have them: by name, or the value itself of one game."""
        games = self.settings.games
        return values[0] if len(games) == 1 else dict(zip(games, values, strict=True))

    def seed(self, *parts: int) -> int:
        """One seed per use, all from the seed of the run."""
        return derived_seed(self.settings.seed, *parts)

    def untrained(self, use: int, precision: Precision) -> list[Head]:
        """The heads of a new student."""
        s = self.settings
        backgrounds = [net.background for net in self.nets]
        with seeded(self.seed(use)):
            heads = heads_of(self.specs, backgrounds, s.blocks, s.width, precision, self.device)
        if precision == "trinary" and s.hysteresis:
            add_hysteresis(heads[0].student, s.hysteresis)
        return heads

    def player(self, head: Head) -> Player:
        """The trinary student plays folded, as on the board."""
        if head.student.precision == "trinary":
            return head.fold(self.settings.game, {}).scores
        return net_player(head)

    def scores(self, players: Sequence[Player]) -> list[list[float]]:
        """Of each game, on the selection seeds."""
        s = self.settings
        seeds = range(s.check_seed, s.check_seed + s.check_episodes)
        pairs = zip(players, self.specs, strict=True)
        return [[e.score for e in play_episodes(player, spec, seeds)] for player, spec in pairs]

    def gather(self, stage: int, players: Sequence[Player]) -> None:
        """One more round of states of every game, visited by its player."""
        hold_out = self.settings.hold_out
        for g, player in enumerate(players):
            states = self.round(stage, g, player)
            if stage == 0:
                tau = label_temperature(states.q, self.settings.label_peak)
                self.lessons.append(Lesson.begin(states, hold_out, tau))
            else:
                self.lessons[g] = self.lessons[g].and_of(states, hold_out)

    def round(self, stage: int, g: int, player: Player) -> States:
        """The states of a round of a game: collected, or read where they were collected before, in
        round 0 perhaps by another run.
        """
        s, spec = self.settings, self.specs[g]
        teacher = self.teachers[g]
        view = getattr(teacher, "view", None)
        facts = facts_of(s, stage, g, spec, self.teacher_sha256[g], view)
        folder = folder_of(s, self.out, stage, g, facts)
        if not (folder.exists() and (self.resume or stage == 0)):
            make_folder(folder.parent, error=TnemuError, then="choose another --data")
            check_room(folder.parent, bytes_of(spec, facts["states"]))
            share = facts.get("teacher_share", 0.0)
            how = (facts["states"], s.keep_every, s.worlds, facts["seed"], share)
            states = collect(player, teacher, spec, *how)
            states.save(folder, facts, device=device_name(self.device), versions=versions())
        return States.load(folder, spec, facts)

    def learn(self, name: str, heads: list[Head], *seed: int) -> None:
        """Train, check and store the student of ``heads`` as stage ``name``, or read it back."""
        s, student = self.settings, heads[0].student
        hidden, facts = self.out / f"{name}.hidden.safetensors", self.out / f"{name}.json"
        stage = {
            "stage": name,
            "states": self.each([len(lesson.data) for lesson in self.lessons]),
            "iterations": s.minibatches(name),
            "learning_rate": self.rate(name),
            "device": device_name(self.device),
        }
        kept = StageCheckpoint(
            self.out / f"{name}.checkpoint.safetensors", stage, s.checkpoint_minutes
        )
        if not self.resume:
            kept.remove()
        if self.resume and hidden.exists():
            done = read_stage(facts, name, s.games)
            # the control learns from all rounds, and there may be more of them now
            if name != "control" or all(done[k] == stage[k] for k in CONTROL_FACTS):
                load_state(student, hidden)
                student.eval()
                self.stages.append(done)
                kept.remove()
                return
        # two checkpoints with Adam's moments, the hidden state and, never larger, what is made of it
        size = sum(array.nbytes for array in state_arrays(student).values())
        check_room(self.out, (6 + 1 + len(heads)) * size)
        self.stages.append(stage | self.trained(name, heads, self.seed(*seed), kept))
        write_json(facts, self.stages[-1], error=TnemuError)
        self.store(name, heads)
        save_tensors(hidden, state_arrays(student))
        kept.remove()

    def rate(self, name: str) -> float:
        """The learning rate that a stage begins with."""
        s = self.settings
        rates = {"stage0": s.learning_rate, "control": s.control_learning_rate}
        return rates.get(name, s.later_learning_rate)

    def trained(
        self, name: str, heads: list[Head], seed: int, kept: StageCheckpoint
    ) -> dict[str, Any]:
        """Train; how good the student is on held-out states and in play. Raises Diverged."""
        s, steps, rate = self.settings, self.settings.minibatches(name), self.rate(name)
        done = kept.iteration()
        self.curve.keep(lambda row: row.get("stage") != name or _is_done(row, done))

        def log(row: dict[str, Any]) -> None:
            self.curve.add(stage=name, **row)

        try:
            result: dict[str, Any] = train(heads, self.lessons, steps, rate, s, seed, log, kept)
        except Diverged as error:
            last = self.stages[-1]["stage"] if self.stages else None
            option = {"stage0": "", "control": "control-"}.get(name, "later-") + "learning-rate"
            raise Diverged(f"{error}; {how_to_go_on(self.out, last, option, rate)}") from error
        scores = self.scores([self.player(head) for head in heads])
        prefixes = prefixes_of(s.games)
        means = {f"{p}score": float(np.mean(x)) for p, x in zip(prefixes, scores, strict=True)}
        self.curve.add(stage=name, iteration=steps, **means)
        if heads[0].student.precision == "trinary":
            for prefix, head, lesson in zip(prefixes, heads, self.lessons, strict=True):
                result[f"{prefix}firing_rate"] = firing_rate(head, lesson.held.batches())
        seeds = [s.check_seed, s.check_seed + s.check_episodes - 1]
        return result | {"check_seeds": seeds, "check_scores": self.each(scores)}

    def store(self, name: str, heads: list[Head]) -> None:
        """The players of a stage: one weight file, or a float control for each game."""
        made, games = self.provenance(), self.settings.games
        if heads[0].student.precision == "trinary":
            self.write(name, heads, made)
            return
        for head in heads:
            file = name if len(games) == 1 else f"{name}-{head.spec.game}"
            path = self.out / f"{file}.safetensors"
            save_player(path, head.alone(), CONTROL, head.spec, provenance=made)

    def write(self, name: str, heads: list[Head], made: dict[str, Any]) -> Path:
        """The weight file of a trinary student, all games in one."""
        path = self.out / f"{name}.safetensors"
        write_weights([head.fold(self.settings.game, made) for head in heads], path)
        return path

    def best(self) -> str:
        """The stage that played best on the selection seeds, the first of equals."""
        games = self.settings.games
        references = self.references

        def share(stage: dict[str, Any]) -> float:
            scores = stage["check_scores"]
            return mean_share(scores if len(games) > 1 else {games[0]: scores}, references)

        return str(max(self.stages, key=share)["stage"])

    @cached_property
    def references(self) -> dict[str, dict[str, float]]:
        """Mean scores of teacher and random player on the selection seeds, per game: what makes the
        points of several games comparable. Of one game nobody needs to play.
        """
        games, path = self.settings.games, self.out / "references.json"
        if len(games) == 1:
            return {games[0]: {"teacher": 1.0, "random": 0.0}}
        if not (self.resume and path.exists()):
            teachers = self.scores(self.teachers)
            chance = self.scores([random_player(len(spec.actions), 0) for spec in self.specs])
            found = {
                game: {"teacher": float(np.mean(top)), "random": float(np.mean(low))}
                for game, top, low in zip(games, teachers, chance, strict=True)
            }
            write_json(path, found, error=TnemuError)
        return read_references(path, games)

    def export(self, best: str) -> Path:
        """The weight file, from the checkpoint of stage ``best``."""
        checkpoint = self.out / f"{best}.hidden.safetensors"
        load_state(self.heads[0].student, checkpoint)
        made = self.provenance() | {"chosen": best, "checkpoint_sha256": file_sha256(checkpoint)}
        if len(self.heads) > 1:
            made["references"] = self.references
        return self.write("student", self.heads, made)

    def provenance(self) -> dict[str, Any]:
        """How what is stored was made."""
        return {
            "command": command("tnemu.learn.distil", self.settings),
            "settings": asdict(self.settings),
            "teacher_sha256": self.each(self.teacher_sha256),
            "label_temperature": self.each([lesson.tau for lesson in self.lessons]),
            "stages": self.stages,
            "versions": versions(),
            "device": device_name(self.device),
        }


def _is_done(row: Mapping[str, str], iterations: int) -> bool:
    """Whether a row of a stage's curve is of its first ``iterations``, and not of the play after it."""
    return (
        bool(row["loss"]) and row["iteration"].isdecimal() and int(row["iteration"]) <= iterations
    )


def train_student(
    settings: DistilSettings,
    resume: bool = False,
    report: Report = print_row,
    check: Check | None = None,
    teachers: Mapping[str, ForeignTeacher] | None = None,
    tell: Callable[[str], None] = say,
) -> Path:
    """Collect, train, fold; returns the path of the weight file, which holds all games.

    ``check`` is asked before anything is collected or trained; this room knows no boards. ``teachers``
    are networks of your own by game, in place of what is in the files of ``settings.teachers``, whose
    hashes still say who taught. ``tell`` is told what a teacher of another library is shown. Raises
    TnemuError for what cannot be trained, Diverged where a training came to no finite numbers.
    """
    return Run(settings, resume, report, check, teachers, tell).run()


def main(
    argv: list[str] | None = None,
    watch: Watch = plain,
    check: Check | None = None,
    name: str | None = None,
) -> int:
    """The command ``python -m tnemu.learn.distil``; its exit status."""
    return run_command(
        "Distil the teachers of one game or of several into one trinary student. `tnemu learn "
        "student` checks first that it fits --board, a board's name or file (ns1e if not given).",
        DistilSettings,
        partial(train_student, check=check),
        argv,
        watch,
        name,
    )


if __name__ == "__main__":
    sys.exit(main())
