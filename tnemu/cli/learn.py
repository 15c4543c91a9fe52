"""``tnemu learn``: train a teacher, distil a student, climb the precision ladder, compare
players on the same games.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tnemu.cli.lazy import lazy_group
from tnemu.cli.training import Training

COMMANDS = {
    "teacher": "Train a Double DQN teacher of a game",
    "student": "Distil the teachers of one game or several into one trinary student",
    "together": "The same, as it was called for several games",
    "ladder": "Fine-tune a student's float control in fewer bits",
    "dqn": "Q-learning on CartPole or MountainCar, as in Hahn's thesis",
    "dsqn": "The same for a spiking network, by surrogate gradients",
    "policy": "REINFORCE or actor-critic on the same tasks",
    "classifier": "Learn which action another network takes",
    "finetune": "Train such a network on for the board, in few bits",
    "evaluate": "Play whole episodes with every player on the same seeds; compare scores",
}
"""Command name (an attribute of this module) -> its line of help."""

app = typer.Typer(
    cls=lazy_group({name: (f"{__name__}:{name}", about) for name, about in COMMANDS.items()}),
    no_args_is_help=True,
    add_completion=False,
)


@app.callback()
def _about() -> None:
    """Train a teacher, distil a student, compare players by their scores."""


Resume = Annotated[bool, typer.Option("--resume", help="Go on from what is in the run's folder.")]
BoardThatHolds = Annotated[
    str,
    typer.Option(help="It must fit this board, a name or a file; checked before training starts."),
]


def _teacher(settings: Any, resume: Resume = False) -> Path:
    """Train a Double DQN teacher of a game."""
    from tnemu.cli.learn_progress import watched
    from tnemu.learn.teachers.teacher import train_teacher

    with watched(settings) as report:
        return train_teacher(settings, resume, report)


def _student(settings: Any, resume: Resume = False, board: BoardThatHolds = "ns1e") -> Any:
    """Distil the teachers of one game or several into one trinary student that fits a board."""
    import corelets
    from tnemu.cli.learn_progress import watched
    from tnemu.hardware.board import load_board
    from tnemu.learn.distil.distil import train_student
    from tnemu.mapping.size import size_of

    spec = load_board(board)
    with watched(settings) as report:
        return train_student(
            settings, resume, report, lambda weights: size_of(corelets.Student(weights), spec)
        )


def _ladder(settings: Any, resume: Resume = False) -> Path:
    """Fine-tune the float control of a finished student's run in fewer and fewer bits."""
    from tnemu.learn.precision.ladder import climb

    return climb(settings, resume)


def _evaluate(
    settings: Any,
    board: Annotated[
        str | None,
        typer.Option(help="Let the last player, a student, play on this emulated board as well."),
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw means and 95 % intervals in this PNG file.")
    ] = None,
) -> None:
    """Play whole episodes with every player on the same seeds, and compare their scores.

    With "random" and a teacher among the players, scores are also given as a share of the teacher's,
    (score - random) / (teacher - random); and in known games as a share of a person's.
    """
    from tnemu import zoo
    from tnemu.cli import learn_view as view
    from tnemu.cli.bench_view import progress
    from tnemu.cli.errors import CommandError
    from tnemu.files import check_writable, write_json
    from tnemu.lab.board_player import board_player
    from tnemu.learn.players import evaluate as evaluation
    from tnemu.learn.players.selection import warnings

    s = settings
    given = {evaluation.file_of(player): player for player in s.players}
    last = evaluation.file_of(s.players[-1])
    for file in (s.json, plot):
        if file is not None:
            check_writable(file, error=CommandError)  # not after an hour of play
    if s.record is not None:
        evaluation.check_record(last, s.record)
    more = {}
    if board is not None:
        more[f"{s.players[-1]} on {board}"] = board_player(zoo.find(last), board, s.episodes)
    for warning in warnings(filter(evaluation.is_file, given), s.seeds):
        typer.echo(warning, err=True)
    with progress(len(given) + len(more)) as tell:
        result = evaluation.evaluate(
            list(given),
            s.seeds,
            s.epsilon,
            s.game,
            more,
            s.sticky,
            lambda what, row: tell(given.get(what, what), step=row is not None),
        )
    view.print_scores(result, given)
    if s.json is not None:
        write_json(s.json, result, error=CommandError)
    if plot is not None:
        view.save_score_plot(result, given, plot)
    if s.record is not None:
        evaluation.record(last, s.record, result)


def _dqn(settings: Any, resume: Resume = False) -> Any:
    """Q-learning with a network of rectifiers on CartPole or MountainCar.

    The presets are those of Hahn's thesis; docs/spiking.md lists them.
    """
    from tnemu.learn.spiking.qlearning import train

    return _watched(train, settings, resume)


def _dsqn(settings: Any, resume: Resume = False) -> Any:
    """Q-learning with a spiking network, by surrogate gradients, on CartPole or MountainCar."""
    from tnemu.learn.spiking.qlearning import train

    return _watched(train, settings, resume)


def _policy(settings: Any, resume: Resume = False) -> Any:
    """A policy by its gradient on CartPole or MountainCar: REINFORCE, or an actor with a critic."""
    from tnemu.learn.spiking.policy import train

    return _watched(train, settings, resume)


def _classifier(settings: Any, resume: Resume = False) -> Any:
    """A network of rectifiers or of spikes that learns which action another network takes."""
    from tnemu.learn.spiking.classifier import train

    return _watched(train, settings, resume)


def _finetune(settings: Any, resume: Resume = False) -> Any:
    """Train a network of rectifiers on so that it decides as before in a board's few bits."""
    from tnemu.learn.spiking.finetune import train

    return _watched(train, settings, resume)


def _watched(train: Any, settings: Any, resume: bool) -> Any:
    from tnemu.cli.learn_progress import draw_curve, watched

    with watched(settings) as report:
        paths = train(settings, resume, report)
    for path in paths if settings.runs > 1 else ():
        draw_curve(path.parent)
    return paths


teacher = Training("tnemu.learn.teachers.settings:TeacherSettings", _teacher)
student = Training("tnemu.learn.distil.settings:DistilSettings", _student)
together = student
"""What several games were taught with before a student could have any number of them."""
ladder = Training("tnemu.learn.precision.settings:LadderSettings", _ladder)
dqn = Training("tnemu.learn.spiking.settings:DqnSettings", _dqn)
dsqn = Training("tnemu.learn.spiking.settings:DsqnSettings", _dsqn)
policy = Training("tnemu.learn.spiking.settings:PolicySettings", _policy)
classifier = Training("tnemu.learn.spiking.settings:ClassifierSettings", _classifier)
finetune = Training("tnemu.learn.spiking.settings:FinetuneSettings", _finetune)
evaluate = Training("tnemu.learn.players.settings:EvaluateSettings", _evaluate)
