"""``tnemu learn``: train a teacher, distil a student, climb the precision ladder, compare
players on the same games.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tnemu.cli.lazy import lazy_group
from tnemu.cli.training import Training

if TYPE_CHECKING:
    from tnemu.networks.trained import TrainedNetwork

COMMANDS = {
    "teacher": "Train a Double DQN teacher of a game",
    "student": "Distil a teacher into a trinary student that fits a board",
    "together": "Distil the teachers of several games into one trinary student",
    "ladder": "Fine-tune a student's float control in fewer bits",
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


BoardThatHolds = Annotated[
    str,
    typer.Option(help="It must fit this board, a name or a file; checked before training starts."),
]


def _fits(board: str) -> Callable[[TrainedNetwork], object]:
    """Maps an untrained student to ``board``; raises what is wrong if it cannot hold it."""
    import corelets
    from tnemu.hardware.board import load_board
    from tnemu.mapping.fit import fit

    spec = load_board(board)
    return lambda weights: fit(corelets.Student(weights), spec)


def _teacher(settings: Any, resume: bool) -> Path:
    """Train a Double DQN teacher of a game."""
    from tnemu.cli.learn_progress import watched
    from tnemu.learn.teachers.teacher import train_teacher

    with watched(settings) as report:
        return train_teacher(settings, resume, report)


def _student(settings: Any, resume: bool, board: BoardThatHolds = "ns1e") -> Path:
    """Distil a teacher into a trinary student that fits a board."""
    from tnemu.cli.learn_progress import watched
    from tnemu.learn.distil.distil import train_student

    check = _fits(board)
    with watched(settings) as report:
        return train_student(settings, resume, report, check)


def _together(settings: Any, resume: bool, board: BoardThatHolds = "ns1e") -> tuple[Path, ...]:
    """Distil the teachers of several games into one trinary student that fits a board."""
    from tnemu.cli.learn_progress import watched
    from tnemu.learn.distil.together import train_together

    check = _fits(board)
    with watched(settings) as report:
        return train_together(settings, resume, report, check)


def _ladder(settings: Any, resume: bool) -> Path:
    """Fine-tune the float control of a finished student's run in fewer and fewer bits."""
    from tnemu.learn.precision.ladder import climb

    return climb(settings, resume)


teacher = Training("tnemu.learn.teachers.settings:TeacherSettings", _teacher)
student = Training("tnemu.learn.distil.distil:DistilSettings", _student)
together = Training("tnemu.learn.distil.together:TogetherSettings", _together)
ladder = Training("tnemu.learn.precision.ladder:LadderSettings", _ladder)


def evaluate(
    players: Annotated[
        list[str],
        typer.Argument(help="random, always:ACTION, a player's file or a shipped student's name."),
    ],
    board: Annotated[
        str | None,
        typer.Option(help="Let the last player, a student, play on this emulated board as well."),
    ] = None,
    game: Annotated[str | None, typer.Option(help="Needed when no player is a file.")] = None,
    episodes: Annotated[int, typer.Option(min=1)] = 30,
    seed: Annotated[
        int, typer.Option(help="Of the first episode; the next has the next.")
    ] = 77_000,
    epsilon: Annotated[float, typer.Option(min=0, max=1, help="Share of random actions.")] = 0.01,
    sticky: Annotated[
        float | None, typer.Option(help="Play under another stickiness than the players' own.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw means and 95 % intervals in this PNG file.")
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(help="Copy the last player's file here, with the result in its provenance."),
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

    given = {evaluation.file_of(player): player for player in players}
    last = evaluation.file_of(players[-1])
    for file in (json, plot):
        if file is not None:
            check_writable(file, error=CommandError)  # not after an hour of play
    if record is not None:
        evaluation.check_record(last, record)
    more = {}
    if board is not None:
        more[f"{players[-1]} on {board}"] = board_player(zoo.find(last), board, episodes)
    with progress(len(given) + len(more)) as tell:
        result = evaluation.evaluate(
            list(given),
            range(seed, seed + episodes),
            epsilon,
            game,
            more,
            sticky,
            lambda what, row: tell(given.get(what, what), step=row is not None),
        )
    view.print_scores(result, given)
    if json is not None:
        write_json(json, result, error=CommandError)
    if plot is not None:
        view.save_score_plot(result, given, plot)
    if record is not None:
        evaluation.record(last, record, result)
