"""``tnemu lab convert`` and ``dsqn``: spiking Q-networks beside their sources and a thesis."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tnemu.lab.convert import Target


def convert(
    converted: Annotated[
        Path,
        typer.Argument(
            help="Network to be run with spikes, .npz or .zip; or one for the board, .safetensors."
        ),
    ],
    source: Annotated[Path, typer.Option(help="Network that it is compared with, .npz or .zip.")],
    task: Annotated[str, typer.Option(help="cartpole or mountaincar.")],
    ticks: Annotated[int, typer.Option(help="Ticks of a decision.")],
    episodes: Annotated[int, typer.Option(help="Episodes played.")] = 100,
    steps: Annotated[int, typer.Option(help="An episode is cut after so many decisions.")] = 500,
    seed: Annotated[
        int, typer.Option(help="Of the task, as in gym 0.15, and of what is drawn.")
    ] = 1,
    encoding: Annotated[str, typer.Option(help="constant, poisson or equidistant.")] = "constant",
    decoding: Annotated[
        str,
        typer.Option(help="potentials, or counts-first, -last or -random: who wins a tie."),
    ] = "potentials",
    reset: Annotated[
        str | None,
        typer.Option(help="subtract or zero.", show_default="subtract; zero in NEST and PyNN"),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(help="thesis or textbook.", show_default="thesis; textbook on a board"),
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(
            help="First potential of hidden neurons, 0..1.", show_default="0; 0.5 on a board"
        ),
    ] = None,
    normalise: Annotated[str, typer.Option(help="none, model, data or robust:P.")] = "none",
    states: Annotated[
        Path | None, typer.Option(help="Recorded observations for data and robust:P, .npz.")
    ] = None,
    target: Annotated[
        str, typer.Option(help="Where it runs: numpy, board, nest or pynn.")
    ] = "numpy",
    board: Annotated[str, typer.Option(help="A board's name or file.")] = "ns1e",
    bits: Annotated[
        int,
        typer.Option(help="Of weights behind the first layer on a board, 2..8; 0: as many as fit."),
    ] = 0,
    first_bits: Annotated[
        int, typer.Option(help="Of the first layer's weights on a board; 0: as many as fit.")
    ] = 0,
    levels: Annotated[
        int, typer.Option(help="Pins for each sign of an input on a board; 0: as many as fit.")
    ] = 0,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the result as JSON; - prints it.")
    ] = None,
) -> None:
    """Run a network as a spiking one on CartPole or MountainCar, and count how often it agrees with
    its source.

    Networks are arrays W0 [in, out], b0, W1, ... as in docs/spiking.md; without biases the last input
    is a constant 1. Or .zip of stable-baselines3's DQN, PPO and A2C with an MlpPolicy of rectifiers.
    """
    from tnemu.cli.errors import CommandError
    from tnemu.errors import one_of
    from tnemu.files import check_writable
    from tnemu.formats.dense_file import read_observations
    from tnemu.lab.convert import NumpyTarget, check_fits, converted_trial, rate_network
    from tnemu.learn.players.mlp_policy import read_network
    from tnemu.networks.spiking.normalisations import check_normalisation, normalised
    from tnemu.networks.spiking.recipe import Recipe
    from tnemu.tasks.control.spec import ControlSpec

    one_of("target", target, ("numpy", "board", "nest", "pynn"), error=CommandError)
    on_board = target == "board"
    reset = reset or ("zero" if target in ("nest", "pynn") else "subtract")
    recipe = Recipe(
        ticks, encoding, decoding, reset,
        order or ("textbook" if on_board else "thesis"),
        (0.5 if on_board else 0.0) if start is None else start,
    )  # fmt: skip
    spec = ControlSpec(task, steps)
    spec.start(seed)  # refuses a seed that is none
    if json not in (None, "-"):
        check_writable(str(json), error=CommandError)
    original = read_network(source)
    runner: Target
    if converted.suffix == ".safetensors":
        given = {"order": order, "start": start, "normalise": normalise, "bits": bits}
        runner = _made_runner(converted, recipe, given, target, board, spec, seed)
    else:
        network = read_network(converted)
        check_fits(network, spec)
        if check_normalisation(normalise) and states is None:
            raise CommandError(
                f"normalise = {normalise!r} needs recorded observations; give them with --states "
                "FILE.npz"
            )
        seen = read_observations(states, network.inputs) if states is not None else None
        network = normalised(network, normalise, seen)
        if on_board:
            from tnemu.lab.rate_board import BoardTarget

            whole = rate_network(
                network, original, recipe, spec, seen,
                bits=bits, first_bits=first_bits, levels=levels,
            )  # fmt: skip
            runner = BoardTarget(whole, board, seed)
        elif target == "nest":
            from tnemu.targets.spiking_nest import NestTarget

            runner = NestTarget(network, recipe, seed)
        elif target == "pynn":
            from tnemu.targets.spiking_pynn import PynnTarget

            runner = PynnTarget(network, recipe)
        else:
            runner = NumpyTarget(network, recipe, seed)
    trial = converted_trial(runner, original, spec, seed, episodes)
    facts = {**trial.facts(), "task": task, "episodes": episodes, "seed": seed}
    _tell({**facts, "normalise": normalise, "target": target, **runner.facts()}, json)


def _made_runner(
    path: Path,
    recipe: Any,
    given: dict[str, Any],
    target: str,
    board: str,
    spec: Any,
    seed: int,
) -> Target:
    """What runs a network that was made for the board: the board, or (numpy) its integer model.

    Raises CommandError for an option that says something else than the file.
    """
    from tnemu.cli.errors import CommandError
    from tnemu.formats.rate_file import read_rate
    from tnemu.lab.rate_board import BoardTarget, ModelTarget
    from tnemu.tasks.task import spec_of

    network = read_rate(path)
    made = network.recipe
    asked = {name: getattr(recipe, name) for name in ("ticks", "encoding", "decoding", "reset")}
    asked |= {name: given[name] for name in ("order", "start") if given[name] is not None}
    for name, value in asked.items():
        if value != getattr(made, name):
            raise CommandError(
                f"{name} = {value!r}: {path} was made for {name} {getattr(made, name)!r}; give that, or "
                "the float network, .npz"
            )
    if target in ("nest", "pynn") or given["normalise"] != "none" or given["bits"]:
        raise CommandError(
            f"{path} is in whole numbers already: it runs on --target board or, as the integer model, "
            "numpy, without --normalise and --bits; give the float network, .npz"
        )
    trained = spec_of(network) if network.task else spec
    if trained.name != spec.name:
        raise CommandError(
            f"{path} was made for {trained.name}, not for {spec.name}; choose --task {trained.name}"
        )
    if target == "board":
        return BoardTarget(network, board, seed)
    return ModelTarget(network, seed)


def dsqn(
    thesis: Annotated[
        Path | None, typer.Option(help="Folder of the thesis's networks as plain arrays.")
    ] = None,
    own: Annotated[
        Path | None, typer.Option(help="Folder of finished runs of tnemu learn, however deep.")
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            help="lengths, normalisations, codes, loaded, trainings or nest; may be given again.",
            show_default="all but nest",
        ),
    ] = None,
    most_ticks: Annotated[int, typer.Option(help="Leave out longer rows.")] = 1000,
    episodes: Annotated[int, typer.Option(help="Episodes of a row.")] = 100,
    steps: Annotated[int, typer.Option(help="An episode is cut after so many decisions.")] = 500,
    seed: Annotated[int, typer.Option(help="Of the task, and of what is drawn.")] = 1,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write all rows as JSON; - prints it.")
    ] = None,
) -> None:
    """Run the tables of Hahn's thesis again, and print them beside what it printed.

    On the networks stored with the thesis, on trainings of your own, or on both.
    """
    from tnemu.cli.dsqn_view import tell_row, tell_trainings
    from tnemu.cli.errors import CommandError
    from tnemu.errors import one_of, whole
    from tnemu.files import check_writable, json_text, write_json
    from tnemu.lab.grid import own_networks, run_row, thesis_networks, trainings
    from tnemu.lab.hahn import TABLES
    from tnemu.networks.spiking.recipe import MOST_TICKS

    names = table or [name for name in (*TABLES, "trainings") if name != "nest"]
    for name in names:
        one_of("table", name, (*TABLES, "trainings"), error=CommandError)
    whole("episodes", episodes, 1, 100_000, error=CommandError)
    whole("most-ticks", most_ticks, 1, MOST_TICKS, error=CommandError)
    if thesis is None and own is None:
        raise CommandError(
            "no networks: give the folder of the thesis's with --thesis, or of your trainings with --own"
        )
    if json not in (None, "-"):
        check_writable(str(json), error=CommandError)
    sets = {}
    if thesis is not None:
        sets["thesis"] = thesis_networks(thesis)
    if own is not None:
        sets["own"] = own_networks(own)
    rows = []
    for name in names:
        for row in TABLES.get(name, ()):
            for whose, networks in sets.items() if row.recipe.ticks <= most_ticks else ():
                for facts in run_row(row, networks, seed, episodes, steps):
                    rows.append({"whose": whose, **facts})
                    if json != "-":
                        tell_row(rows[-1])
    learnt = trainings(sets.get("own", ())) if "trainings" in names else []
    if json != "-":
        tell_trainings(learnt)
    result = {"seed": seed, "episodes": episodes, "rows": rows, "trainings": learnt}
    if json == "-":
        typer.echo(json_text(result, "the result", error=CommandError, indent=2))
    elif json is not None:
        write_json(json, result, error=CommandError)


def _tell(facts: dict[str, Any], file: str | None) -> None:
    """The result for people, or as JSON to ``file``; for ``-`` the JSON alone."""
    from tnemu.cli.errors import CommandError
    from tnemu.files import json_text, write_json

    if file == "-":
        typer.echo(json_text(facts, "the result", error=CommandError, indent=2))
        return
    typer.echo(
        f"{facts['agreements']:,} of {facts['steps']:,} decisions as the source "
        f"({100 * facts['agreement']:.2f} %), return {facts['mean_return']:.2f} "
        f"(sd {facts['std_return']:.2f}) over {facts['episodes']} episodes"
    )
    if file is not None:
        write_json(file, facts, error=CommandError)
