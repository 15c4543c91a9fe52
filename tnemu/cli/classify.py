"""``tnemu classify``: a classifier on an emulated board, its accuracy, speed and estimated power."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from tnemu.lab.classify import Computed, Streamed
    from tnemu.mapping.fit import Plan
    from tnemu.tasks.classify.data import LabelledData, Part


def command(
    weights: Annotated[
        str, typer.Argument(help="A weight file of a classifier, or the name of a shipped one.")
    ],
    data: Annotated[
        str | None,
        typer.Option(help="Where the data set lies, a folder or an .npz file; digits need none."),
    ] = None,
    board: Annotated[str, typer.Option(help="A board's name or file.")] = "ns1e",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only so many pictures of the test part.")
    ] = None,
    lanes: Annotated[
        int, typer.Option(min=1, help="Boards at once; 1 streams a picture every tick through one.")
    ] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the one board.")] = None,
    seed: Annotated[int, typer.Option(help="Chooses among placements; changes no answer.")] = 0,
    unseen: Annotated[str, typer.Option(help="Of spoken-digits: test this speaker's takes.")] = "",
    picture: Annotated[
        Path | None,
        typer.Option(help="Draw confusions, mistakes and firing rates in this PNG file."),
    ] = None,
    json: Annotated[
        str | None,
        typer.Option("--json", help="Write JSON for programs to this file; -: print it."),
    ] = None,
) -> None:
    """Stream the test part of a data set through an emulated board, and count what is right.

    Every answer is compared with the integer network's in numpy. The row of the published chip stands
    beside, where there is one. Status 0 if all answers agree with numpy, 1 if not.
    """
    import numpy as np

    from corelets import Student
    from tnemu import zoo
    from tnemu.cli.compare import progress
    from tnemu.cli.errors import CommandError
    from tnemu.files import check_writable, write_json
    from tnemu.formats.weights import read_weights
    from tnemu.hardware.board import load_board
    from tnemu.lab import classify as lab
    from tnemu.mapping.fit import fit
    from tnemu.tasks.classify.spec import ClassifySpec
    from tnemu.tasks.task import spec_of

    for file in (picture, Path(json) if json not in (None, "-") else None):
        if file is not None:
            check_writable(file, error=CommandError)
    network, machine = read_weights(zoo.find(weights)), load_board(board)
    spec = spec_of(network)
    if not isinstance(spec, ClassifySpec):
        raise CommandError(
            f"{network.name!r} was trained to play {spec.name}, not to name what is in pictures; see "
            "tnemu play"
        )
    held = spec.load(data, **({"unseen": unseen} if unseen else {}))
    part = held.test.take(np.arange(min(limit or len(held.test), len(held.test))))
    plan = fit(Student(network), machine, seed)
    with progress("numpy", len(part)) as advance:
        computed = lab.in_numpy(network, part.images, advance)
    with progress(machine.name, len(part)) as advance:
        streamed = lab.on_board(
            network, plan, part.images, lanes=lanes, threads=threads, progress=advance
        )
    found = lab.facts(network, plan, part.labels, computed, streamed, lanes)
    if found["chips"] > 1:
        found["links"] = lab.links(network, plan, part.images[: lab.LINK_FRAMES])
    table = lab.confusion(streamed.votes, part.labels, len(held.classes))
    found["confusion"] = table.tolist()
    if picture is not None:
        _draw(picture, held, part, streamed, computed, found)
    if json == "-":
        import json as encoder

        typer.echo(encoder.dumps(found, indent=2))
    else:
        _show(found, held, plan, spec)
        if json is not None:
            write_json(Path(json), found, error=CommandError)
    if not found["agrees_with_numpy"]:
        raise typer.Exit(1)


def _show(found: dict[str, Any], held: LabelledData, plan: Plan, spec: Any) -> None:
    from tnemu.cli.tables import print_table
    from tnemu.tasks.classify.catalogue import data_set

    heads = ["", "accuracy", "cores", "frames/s", "mW", "frames/s/W"]
    here = f"{found['network']} on {found['board']}"
    rows = [
        [
            here,
            f"{found['accuracy']:.2%}",
            f"{found['cores']:,}",
            f"{found['chip_frames_per_second']:,.0f}",
            f"{found['estimated_power_mw']:.1f}",
            f"{found['frames_per_second_per_watt']:,.0f}",
        ]
    ]
    row = data_set(spec.dataset).published
    if row is not None:
        rows.append(
            [
                "published, one chip",
                f"{row.accuracy:.2f}%",
                f"{row.cores:,}",
                f"{row.frames_per_second:,.0f}",
                f"{row.power_mw:.1f}",
                f"{row.frames_per_second_per_watt:,.0f}",
            ]
        )
    print_table(heads, rows)
    agree = (
        "all answers equal numpy's" if found["agrees_with_numpy"] else "ANSWERS DIFFER FROM NUMPY'S"
    )
    typer.echo(f"{found['samples']:,} pictures of the test part of {held.name}; {agree}")
    typer.echo(
        f"frames/s and mW are estimates for the chip at its own tick; here {found['frames_per_second']:,.0f} "
        f"frames/s, {found['frames_per_second_with_host']:,.0f} with what the host does to pictures"
    )
    if row is not None:
        typer.echo(
            "published: Esser et al., PNAS 2016, Table 1, on the original data, measured at 1.0 V"
        )
    if "links" in found:
        links = found["links"]
        typer.echo(
            f"busiest link between chips: {links['packets']:,} packets in one tick, it carries "
            f"{links['capacity']:,.0f}; the tick is stretched {links['stretch']:.2f} times"
        )
    rates = ", ".join(f"{name} {rate:.1%}" for name, rate in found["firing_rates"].items())
    typer.echo(f"neurons that fire at a picture: {rates}")


def _draw(
    path: Path,
    held: LabelledData,
    part: Part,
    streamed: Streamed,
    computed: Computed,
    found: dict[str, Any],
) -> None:
    import numpy as np

    from tnemu.cli.errors import CommandError
    from tnemu.files import writing
    from tnemu.measure.class_plots import MISTAKES, ClassPlot, save_classes

    answers = streamed.votes.argmax(axis=1)
    wrong = np.flatnonzero(answers != part.labels)
    # the surest first: their label has fewest votes behind the answer's
    sure = streamed.votes[wrong, answers[wrong]] - streamed.votes[wrong, part.labels[wrong]]
    wrong = wrong[np.argsort(-sure, kind="stable")][:MISTAKES]
    plot = ClassPlot(
        f"{found['network']}: {found['accuracy']:.2%} of {found['samples']:,} pictures",
        f"{found['cores']:,} cores of {found['board']}, {found['latency_ticks']} ticks, a picture every tick",
        held.classes,
        np.array(found["confusion"]),
        part.images[wrong],
        part.labels[wrong],
        answers[wrong],
        computed.rates,
    )
    with writing(path, error=CommandError) as out:
        save_classes(plot, out)
