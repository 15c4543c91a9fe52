"""``tnemu lab occlude``: players of Atari behind a black bar that is moved over the screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tnemu.lab.occlusion import Bars, Behind


def occlude(
    players: Annotated[
        list[str],
        typer.Argument(
            metavar="PLAYER...",
            help="Students by name or file, teachers, float students, students in n bits.",
        ),
    ],
    game: Annotated[str | None, typer.Option(help="For files that do not say it.")] = None,
    bar: Annotated[
        str, typer.Option(help="upright, moved from left to right, or level, from top to bottom.")
    ] = "upright",
    thickness: Annotated[float, typer.Option(help="Of the bar, as a share of the screen.")] = 0.1,
    positions: Annotated[int, typer.Option(help="Places of the bar, from edge to edge.")] = 10,
    episodes: Annotated[int, typer.Option(help="At every place.")] = 10,
    seed: Annotated[int, typer.Option(help="Of the first episode.")] = 91000,
    epsilon: Annotated[float, typer.Option(help="Share of random actions.")] = 0.01,
    out: Annotated[Path | None, typer.Option(help="Picture, .png.")] = None,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write all scores as JSON; - prints them.")
    ] = None,
) -> None:
    """How much of their score players keep when a black bar hides a part of the screen.

    After Patel et al. 2019 (arXiv 1903.11012): is a network of few bits more robust than its source?
    """
    from tnemu.cli.errors import CommandError
    from tnemu.cli.facts import write_facts
    from tnemu.errors import real, whole
    from tnemu.files import check_writable
    from tnemu.lab.occlusion import Bars, behind_bars, robustness
    from tnemu.learn.players.evaluate import file_of, load_player

    bars = Bars(bar, thickness, positions)
    whole("episodes", episodes, 1, 100_000, error=CommandError)
    whole("seed", seed, 0, (1 << 31) - 1 - episodes, error=CommandError)
    real("epsilon", epsilon, 0, 1, error=CommandError)
    for target in (out, None if json == "-" else json):
        if target is not None:
            check_writable(str(target), error=CommandError)
    loaded = {what: load_player(file_of(what), game) for what in players}
    seeds = range(seed, seed + episodes)
    quiet = json == "-"
    found = behind_bars(loaded, bars, seeds, epsilon, lambda b: None if quiet else _tell(b))
    facts = robustness(found)
    title = next(iter(loaded.values()))[1].game
    if out is not None:
        _draw(out, title, bars, episodes, facts)
    scores = [{"player": b.player, "place": b.share, "scores": list(b.scores)} for b in found]
    said = {
        "game": title, "bar": bar, "thickness": thickness, "seed": seed, "episodes": episodes,
        "epsilon": epsilon, "players": facts, "scores": scores,
    }  # fmt: skip
    if write_facts(said, json):
        return
    for name, own in facts.items():
        if own["robust"] is None:
            typer.echo(f"{name}: scored nothing without a bar")
            continue
        ends = own["robust_95"]
        between = f" (95 %: {ends[0]:.2f}-{ends[1]:.2f})" if ends else ""
        worst = min(range(positions), key=own["kept"].__getitem__)
        typer.echo(
            f"{name}: {own['clear']:.1f} without a bar, keeps {own['robust']:.2f} of it{between} behind "
            f"one; least {own['kept'][worst]:.2f} at {own['places'][worst]:.2f}"
        )


def _tell(found: Behind) -> None:
    where = "without a bar" if found.share is None else f"bar at {found.share:.2f}"
    typer.echo(f"{found.player}, {where}: {sum(found.scores) / len(found.scores):.1f}")


def _draw(
    out: Path, game: str, bars: Bars, episodes: int, facts: dict[str, dict[str, Any]]
) -> None:
    from tnemu.cli.errors import CommandError
    from tnemu.files import writing
    from tnemu.measure.occlusion_plots import save_occlusion

    way = "left to right" if bars.bar == "upright" else "top to bottom"
    lines = {
        Path(name).stem if Path(name).suffix else name: (own["places"], own["kept"])
        for name, own in facts.items()
        if own["kept"] is not None
    }
    subtitle = (
        f"bar of {100 * bars.thickness:g} % of the screen, {episodes} episodes at every place"
    )
    with writing(out, error=CommandError) as target:
        save_occlusion(
            target,
            f"{game}: what is left behind a bar",
            subtitle,
            f"middle of the bar, {way}",
            lines,
        )
