"""``tnemu learn``: train a teacher, distil a student, climb the precision ladder, train a Boltzmann
machine, compare players on the same games.
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
    "classify": "Train a trinary classifier of pictures or sounds, beside a float control",
    "ladder": "Fine-tune a student's float control in fewer bits",
    "quantise": "Fine-tune a pretrained network of torch in fewer bits, beside a control",
    "rbm": "Train a restricted Boltzmann machine on small pictures",
    "dqn": "Q-learning on CartPole or MountainCar, as in Hahn's thesis",
    "dsqn": "The same for a spiking network, by surrogate gradients",
    "policy": "REINFORCE or actor-critic on the same tasks",
    "classifier": "Learn which action another network takes",
    "finetune": "Train such a network on for the board, in few bits",
    "evaluate": "Play whole episodes with every player on the same seeds; compare scores",
    "shares": "Put the scores of several games side by side: a table and a picture",
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


def _classify(settings: Any, resume: Resume = False, board: BoardThatHolds = "ns1e") -> Path:
    """Train a trinary classifier of a labelled data set that fits a board, and its float control."""
    import corelets
    from tnemu.cli.learn_progress import watched
    from tnemu.hardware.board import load_board
    from tnemu.learn.classify.classify import train_classifier
    from tnemu.mapping.size import size_of

    spec = load_board(board)
    with watched(settings) as report:
        return train_classifier(
            settings, resume, report, lambda weights: size_of(corelets.Student(weights), spec)
        )


def _ladder(settings: Any, resume: Resume = False) -> Path:
    """Fine-tune the float control of a finished student's run in fewer and fewer bits."""
    from tnemu.learn.precision.ladder import climb

    return climb(settings, resume)


def _quantise(settings: Any, resume: Resume = False) -> Path:
    """Take a pretrained network of torch down to few bits by fine-tuning after quantisation.

    Weights and data are yours. The result is a file of integers for every rung, and ladder.json.
    """
    import json

    from tnemu.cli import quantise_view as view
    from tnemu.cli.learn_progress import watched
    from tnemu.files import read_text
    from tnemu.formats.errors import FormatError
    from tnemu.learn.precision.network_ladder import quantise as make

    with watched(settings) as report:
        path = make(settings, resume, report)
    whole = json.loads(read_text(path, error=FormatError))
    view.print_rungs(whole)
    if whole.get("noise"):
        typer.echo(view.save_noise(whole, path.parent / "noise.png"))
    return path


def _rbm(settings: Any, resume: Resume = False) -> Path:
    """Train a restricted Boltzmann machine on small pictures by persistent contrastive divergence.

    numpy is all it needs. tnemu dream lets the machine complete pictures, on a board too.
    """
    from tnemu.cli.learn_progress import watched
    from tnemu.learn.boltzmann.training import train_machine

    with watched(settings) as report:
        return train_machine(settings, resume, report)


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
    from tnemu.lab.side_by_side import OnBoard, side_by_side
    from tnemu.learn.players import evaluate as evaluation
    from tnemu.learn.players.selection import warnings
    from tnemu.learn.run.runs import say
    from tnemu.tasks.atari.spec import read_spec

    s = settings
    given = {evaluation.file_of(player): player for player in s.players}
    last = evaluation.file_of(s.players[-1])
    for file in (s.json, plot):
        if file is not None:
            check_writable(file, error=CommandError)  # not after an hour of play
    if s.record is not None:
        evaluation.check_record(last, s.record)
    others = evaluation.Others(s.view, None if s.spec is None else read_spec(s.spec))
    more, on = {}, {}
    if board is not None:
        name, path = f"{s.players[-1]} on {board}", zoo.find(last)
        more[name] = board_player(path, board, s.episodes, s.game)
        on[name] = OnBoard(path, board)
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
            s.frame_skip,
            others,
            say,
            side_by_side(s.processes, on, s.game, others),
        )
    view.print_scores(result, given)
    if s.json is not None:
        write_json(s.json, result, error=CommandError)
    if plot is not None:
        view.save_score_plot(result, given, plot)
    if s.record is not None:
        evaluation.record(last, s.record, result)


def shares(
    results: Annotated[
        list[Path], typer.Argument(help="What learn evaluate --json wrote, one game each.")
    ],
    label: Annotated[
        list[str],
        typer.Option(help="LABEL=TEXT: players in whose name TEXT stands; once for each label."),
    ],
    by: Annotated[
        str, typer.Option(help="What has the share 1: teacher, or one of the labels.")
    ] = "teacher",
    title: Annotated[str, typer.Option(help="Of the picture.")] = "Scores of whole episodes",
    plot: Annotated[Path | None, typer.Option(help="Draw the shares in this PNG file.")] = None,
) -> None:
    """Put the scores of several games side by side, as shares of each game's teacher.

    The share is (score - random) / (teacher - random), with 95 % intervals over episodes.
    """
    from tnemu.cli import shares_view as view
    from tnemu.cli.errors import CommandError
    from tnemu.files import check_writable
    from tnemu.lab.shares import read_result, shares_of

    pairs = [text.partition("=") for text in label]
    for name, _, text in pairs:
        if not name or not text:
            raise CommandError(
                f"--label {name}: must be LABEL=TEXT, where TEXT stands in the names of its players; "
                "write for instance --label KL=zoo/"
            )
    if plot is not None:
        check_writable(plot, error=CommandError)
    found = shares_of([read_result(path) for path in results], {n: t for n, _, t in pairs}, by)
    view.print_shares(found)
    if plot is not None:
        view.save_share_plot(found, title, plot)


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
classify = Training("tnemu.learn.classify.settings:ClassifySettings", _classify)
ladder = Training("tnemu.learn.precision.settings:LadderSettings", _ladder)
quantise = Training("tnemu.learn.precision.network_settings:QuantiseSettings", _quantise)
rbm = Training("tnemu.learn.boltzmann.settings:RbmSettings", _rbm)
dqn = Training("tnemu.learn.spiking.settings:DqnSettings", _dqn)
dsqn = Training("tnemu.learn.spiking.settings:DsqnSettings", _dsqn)
policy = Training("tnemu.learn.spiking.settings:PolicySettings", _policy)
classifier = Training("tnemu.learn.spiking.settings:ClassifierSettings", _classifier)
finetune = Training("tnemu.learn.spiking.settings:FinetuneSettings", _finetune)
evaluate = Training("tnemu.learn.players.settings:EvaluateSettings", _evaluate)
