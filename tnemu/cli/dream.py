"""``tnemu dream``: a Boltzmann machine completes pictures of which a part is hidden, or dreams freely.

tnemu dream digits28 --data mnist.npz --hide random --board ns1e --picture dream.png
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tnemu.lab.dream_run import DreamResult
    from tnemu.networks.boltzmann.machine import Machine
    from tnemu.networks.boltzmann.sampler import Sampler

SHOWN_SAMPLES = 6
"""Samples of each picture that are drawn, spread over the dream."""
SHOWN_PICTURES = 10
"""Pictures that are drawn at most."""


def command(
    machine: Annotated[str, typer.Argument(help="A machine's file, or one that is shipped.")],
    data: Annotated[
        str | None,
        typer.Option(help="Pictures to complete: digits, a file or folder; none: dream freely."),
    ] = None,
    pictures: Annotated[int, typer.Option(min=1, help="How many, of the test part.")] = 8,
    first: Annotated[int, typer.Option(min=0, help="The first of them.")] = 0,
    threshold: Annotated[int, typer.Option(help="A pixel is on from this grey value on.")] = 128,
    hide: Annotated[
        str,
        typer.Option(help="bottom, top, left, right, centre, random or nothing (dream freely)."),
    ] = "bottom",
    share: Annotated[float, typer.Option(help="Of the pixels that are hidden, 0..1.")] = 0.35,
    begin: Annotated[str, typer.Option(help="Hidden pixels begin dark, or random.")] = "dark",
    samples: Annotated[int, typer.Option(min=1, help="Steps of Gibbs sampling.")] = 10,
    sampler: Annotated[
        list[str] | None,
        typer.Option(
            help="P1..P7, G1, G3, G5, or T,VT,M,L,SCALE; again for more.", show_default="G5"
        ),
    ] = None,
    weight_scale: Annotated[
        float | None,
        typer.Option(
            help="Round weights at this scale; a sampler of another is then colder or hotter.",
            show_default="each sampler's",
        ),
    ] = None,
    rule: Annotated[
        str, typer.Option(help="literal, as the chip compares, or strict.")
    ] = "literal",
    board: Annotated[
        str | None, typer.Option(help="Dream on this emulated board too, tick by tick.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change the board, as in chip.noise=counter."
        ),
    ] = None,
    accumulate: Annotated[int, typer.Option(metavar="TA", help="Ticks a field adds up.")] = 32,
    strategies: Annotated[str, typer.Option(help="How cores are packed.")] = "1.1+2+3",
    lanes: Annotated[int, typer.Option(min=1, help="Boards side by side.")] = 64,
    classify: Annotated[
        bool, typer.Option("--classify", help="Let label units say what the pictures show.")
    ] = False,
    noise: Annotated[
        str, typer.Option(help="Of pictures to classify: none, salt or salt-pepper.")
    ] = "none",
    noise_share: Annotated[float, typer.Option(help="Of their pixels that it hits.")] = 0.1,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 1,
    picture: Annotated[Path | None, typer.Option(help="Draw the dream in this PNG file.")] = None,
    json: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write figures as JSON; - prints them."),
    ] = None,
) -> None:
    """Let a Boltzmann machine complete pictures, or dream freely; on an emulated board too.

    Distances are pixels of the hidden part that differ from the picture, mean over pictures, beside
    units that follow the logistic, all hidden pixels off, and the nearest training picture.
    """
    import numpy as np

    from tnemu import zoo
    from tnemu.cli.boards import parse_changes
    from tnemu.cli.errors import CommandError
    from tnemu.cli.facts import write_facts
    from tnemu.files import check_writable
    from tnemu.formats.boltzmann import read_machine
    from tnemu.hardware.board import load_board
    from tnemu.lab.dream_run import DreamSettings, dream_run, label_run, pictures_of
    from tnemu.learn.boltzmann.images import load_images

    for file in (picture, json):
        if file is not None and str(file) != "-":
            check_writable(file, error=CommandError)
    found = read_machine(zoo.find_machine(machine))
    spec = load_board(board).override(parse_changes(changes or [])) if board else None
    settings = DreamSettings(
        samplers=tuple(samplers_of(sampler or ["G5"])), rule=rule, samples=samples,
        hide=hide if data else "nothing", share=share, begin=begin, seed=seed, board=spec,
        accumulate=accumulate, strategies=strategies, lanes=min(lanes, pictures),
        weight_scale=weight_scale,
    )  # fmt: skip
    train, labels = None, None
    truth = np.zeros((pictures, found.pixels), np.bool_)
    if data:
        truth, train, labels = pictures_of(load_images(data), threshold, first, pictures, found)
    if classify:
        if labels is None:
            raise CommandError("--classify needs pictures with labels; give them with --data")
        result = label_run(found, truth, labels, settings, noise, noise_share)
    else:
        result = dream_run(found, truth, settings, train)
    if data:
        result.facts["data"] = Path(data).name
    if not write_facts(result.facts, json):
        show(result)
    if picture is not None and not classify:
        draw(result, found, picture)


def samplers_of(words: list[str]) -> list[tuple[str, Sampler]]:
    """Names of published samplers, or five numbers; CommandError for anything else."""
    from tnemu.cli.errors import CommandError
    from tnemu.errors import one_of, shown
    from tnemu.networks.boltzmann.sampler import SAMPLERS, Sampler

    found = []
    for word in words:
        if "," not in word:
            found.append((word, SAMPLERS[one_of("sampler", word, SAMPLERS, error=CommandError)]))
            continue
        numbers = word.split(",")
        try:
            T, VT, M, L = map(int, numbers[:4])
            found.append((word, Sampler(T, VT, M, L, float(numbers[4]))))
        except (ValueError, IndexError) as error:
            raise CommandError(
                f"sampler {shown(word)}: give window, threshold, mask, leak and scale, such as "
                "16,186,9,36,50"
            ) from error
    return found


def show(result: DreamResult) -> None:
    """The figures as a table, and what the board took."""
    from tnemu.cli.tables import print_table

    facts = result.facts
    if "noise" in facts:
        rows = [
            [name, f"{row['errors']:.1%}", f"{row['standard_error']:.1%}"]
            for name, row in facts["rows"].items()
        ]
        print_table(["sampler", "wrong", "standard error"], rows)
        return
    if facts["hidden_pixels"]:
        rows = []
        for name, row in facts["rows"].items():
            more = [f"{row['distance_of_mean']:.2f}"] if "distance_of_mean" in row else ["-"]
            rows.append([name, f"{row['distance']:.2f}", f"{row['standard_error']:.2f}", *more])
        print_table(["", "distance", "standard error", "of the samples' mean"], rows)
        typer.echo(
            f"pixels of {facts['hidden_pixels']:,} hidden ones that differ, mean of "
            f"{facts['pictures']:,} pictures, after {facts['samples']:,} samples from {facts['begin']}"
        )
    else:
        typer.echo(f"{facts['pictures']:,} free dreams of {facts['samples']:,} samples")
    if "board" in facts:
        b = facts["board"]
        typer.echo(
            f"{b['name']}: {b['cores']:,} cores, {b['ticks_a_sample']} ticks a sample, {b['lanes']} boards "
            f"at {b['times_real_time']:.1f} x real time together; about {b['energy_mj_a_sample']:.2f} mJ a "
            f"sample (estimate; the paper's: {b['paper_mj_a_picture']} mJ)"
        )


def draw(result: DreamResult, machine: Machine, path: Path) -> None:
    """Original, seen, samples and mean of the first pictures."""
    import numpy as np

    from tnemu.cli.errors import CommandError
    from tnemu.files import writing
    from tnemu.measure.dream_plots import draw_dream, save_dream

    found = result.completion
    if found is None:
        return
    some = slice(0, SHOWN_PICTURES)

    def squares(values: Any) -> Any:
        return np.asarray(values, float)[some].reshape(-1, *machine.shape)

    steps = len(found.samples)
    chosen = np.unique(np.linspace(1, steps, min(steps, SHOWN_SAMPLES)).round().astype(int))
    columns = [("original", squares(found.truth)), ("seen", squares(found.truth & ~found.hidden))]
    if not found.hidden.any():
        columns = []
    columns += [(f"sample {k}", squares(found.samples[k - 1])) for k in chosen.tolist()]
    columns.append(("mean", squares(found.mean())))
    name = next(iter(result.facts["rows"]))
    subtitle = f"{name}, {steps} samples, {result.facts['hide']} hidden"
    figure = draw_dream(f"{machine.name} dreams", subtitle, columns, result.hidden)
    with writing(path, error=CommandError) as out:
        save_dream(figure, out)
