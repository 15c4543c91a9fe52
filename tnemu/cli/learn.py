"""``tnemu learn``: train a teacher, distil a student, climb the precision ladder, compare
players on the same games.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tnemu.networks.trained import TrainedNetwork

app = typer.Typer(
    help="Train a teacher, distil a student, compare players by their scores.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Rest = {"allow_extra_args": True, "ignore_unknown_options": True}


@app.command(context_settings=Rest, add_help_option=False)
def teacher(context: typer.Context) -> None:
    """Train a Double DQN teacher: GAME --out FOLDER [--steps N --seed N --resume ...]."""
    from tnemu.cli.learn_progress import watched
    from tnemu.learn.teachers.teacher import main

    raise typer.Exit(main(context.args, watched, context.command_path))


BoardThatHolds = Annotated[
    str,
    typer.Option("--board", help="It must fit this board; checked before training starts."),
]


def _fits(board: str) -> Callable[[TrainedNetwork], object]:
    """Maps an untrained student to ``board``; raises what is wrong if it cannot hold it."""
    import corelets
    from tnemu.hardware.board import load_board
    from tnemu.mapping.fit import fit

    spec = load_board(board)
    return lambda weights: fit(corelets.Student(weights), spec)


@app.command(context_settings=Rest, add_help_option=False)
def student(context: typer.Context, board: BoardThatHolds = "ns1e") -> None:
    """Distil a trinary student: GAME --teacher FILE --out FOLDER [--iterations N --resume ...]."""
    from tnemu.cli.learn_progress import watched
    from tnemu.learn.distil.distil import main

    raise typer.Exit(main(context.args, watched, _fits(board), context.command_path))


@app.command(context_settings=Rest, add_help_option=False)
def ladder(context: typer.Context) -> None:
    """Fine-tune a run's float control in fewer bits: GAME --run FOLDER [--bits 8 4 ...]."""
    from tnemu.learn.precision.ladder import main

    raise typer.Exit(main(context.args, name=context.command_path))


@app.command(context_settings=Rest, add_help_option=False)
def together(context: typer.Context, board: BoardThatHolds = "ns1e") -> None:
    """Distil several games into one student: GAME GAME ... --teachers FILE FILE ... --out FOLDER."""
    from tnemu.cli.learn_progress import watched
    from tnemu.learn.distil.distil import main

    raise typer.Exit(main(context.args, watched, _fits(board), context.command_path))


@app.command()
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
    from tnemu.formats.whole_file import check_writable, write_json
    from tnemu.lab.board_player import board_player
    from tnemu.learn.players import evaluate as evaluation
    from tnemu.learn.players.selection import warnings

    given = {evaluation.file_of(player): player for player in players}
    last = evaluation.file_of(players[-1])
    for file in (json, plot):
        if file is not None:
            check_writable(file)  # not after an hour of play
    if record is not None:
        evaluation.check_record(last, record)
    more = {}
    if board is not None:
        more[f"{players[-1]} on {board}"] = board_player(zoo.find(last), board, episodes)
    seeds = range(seed, seed + episodes)
    for warning in warnings(filter(evaluation.is_file, given), seeds):
        typer.echo(warning, err=True)
    with progress(len(given) + len(more)) as tell:
        result = evaluation.evaluate(
            list(given),
            seeds,
            epsilon,
            game,
            more,
            sticky,
            lambda what, row: tell(given.get(what, what), step=row is not None),
        )
    view.print_scores(result, given)
    if json is not None:
        write_json(json, result)
    if plot is not None:
        view.save_score_plot(result, given, plot)
    if record is not None:
        evaluation.record(last, record, result)
