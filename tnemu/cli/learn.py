"""``tnemu learn``: train a teacher, distil a student, climb the precision ladder, compare
players on the same games.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
    from tnemu.learn.teacher import main

    raise typer.Exit(main(context.args))


@app.command(context_settings=Rest, add_help_option=False)
def student(
    context: typer.Context,
    board: Annotated[
        str, typer.Option(help="It must fit this board; checked before training starts.")
    ] = "ns1e",
) -> None:
    """Distil a trinary student: GAME --teacher FILE --out FOLDER [--iterations N --resume ...]."""
    import corelets
    from tnemu.hardware.board import load_board
    from tnemu.learn.distil import main
    from tnemu.mapping.fit import fit

    spec = load_board(board)
    raise typer.Exit(main(context.args, lambda weights: fit(corelets.Student(weights), spec)))


@app.command(context_settings=Rest, add_help_option=False)
def ladder(context: typer.Context) -> None:
    """Fine-tune a run's float control in fewer bits: GAME --run FOLDER [--bits 8 4 ...]."""
    from tnemu.learn.ladder import main

    raise typer.Exit(main(context.args))


@app.command(context_settings=Rest, add_help_option=False)
def together(context: typer.Context) -> None:
    """Distil several games into one student: GAME GAME ... --teachers FILE FILE ... --out FOLDER."""
    from tnemu.learn.together import main

    raise typer.Exit(main(context.args))


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
    episodes: Annotated[int, typer.Option(min=1)] = 20,
    seed: Annotated[
        int, typer.Option(help="Of the first episode; the next has the next.")
    ] = 77_000,
    epsilon: Annotated[float, typer.Option(min=0, max=1, help="Share of random actions.")] = 0.01,
    json: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
) -> None:
    """Play whole episodes with every player on the same seeds, and print mean and 95 % interval."""
    import json as encoder

    from tnemu import zoo
    from tnemu.cli.board_player import board_player
    from tnemu.learn.evaluate import evaluate as play

    files = [str(zoo.find(name)) if name in zoo.names() else name for name in players]
    more = {}
    if board is not None:
        more[f"{players[-1]} on {board}"] = board_player(zoo.find(files[-1]), board, episodes)
    result = play(files, range(seed, seed + episodes), epsilon, game, more)
    if json is not None:
        json.write_text(encoder.dumps(result, indent=1) + "\n")
