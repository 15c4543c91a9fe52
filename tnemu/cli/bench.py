"""``tnemu bench``: how fast the emulator is on this computer, always beside something else.

    tnemu bench chip             one recurrent network, beside the loop one writes first
    tnemu bench sweep            rates, synapses and sizes, with a picture
    tnemu bench frames           a feed-forward network: latency, frames per second, 64 lanes
    tnemu bench peers            other simulators on the same network

docs/bench.md says what every figure means.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Measure the speed of the emulator on this computer; docs/bench.md explains the figures.",
)

Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads of the engine; as many as pay if not given.")
]
Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write figures as JSON; - prints them.")
]


@app.command()
def chip(
    rate: Annotated[
        float, typer.Option(metavar="HZ", help="Mean rate of the neurons; 0: idle.")
    ] = 20.0,
    synapses: Annotated[int, typer.Option(help="Synapses of every axon, 1..256.")] = 128,
    cores: Annotated[int, typer.Option(help="Cores; 4,096 are a chip.")] = 4096,
    threads: Threads = None,
    ticks: Annotated[
        int | None, typer.Option(min=1, help="Ticks to measure; about 1.5 s if not given.")
    ] = None,
    noise: Annotated[
        str, typer.Option(help="What is drawn: none, threshold, leak+threshold or synapses.")
    ] = "none",
    naive: Annotated[
        bool, typer.Option(help="Run the loop one writes first beside it; slow.")
    ] = True,
    json: Json = None,
) -> None:
    """Measure a recurrent network in which every neuron fires at the given rate."""
    from tnemu.cli.bench_view import check_files, progress, report
    from tnemu.lab.bench.measure import measure_recurrent

    check_files(json)
    with progress() as tell:
        row = measure_recurrent(
            cores,
            rate,
            synapses,
            noise=noise,
            threads=threads,
            ticks=ticks,
            beside=naive,
            tell=tell,
        )
    report([row], json)


@app.command()
def sweep(
    quick: Annotated[bool, typer.Option("--quick", help="Small networks, short segments.")] = False,
    max_cores: Annotated[
        int | None,
        typer.Option(min=64, help="Largest network of the growth; 65,536, or 1,024 if quick."),
    ] = None,
    threads: Threads = None,
    naive: Annotated[
        bool, typer.Option(help="Run the loop one writes first beside it; slow.")
    ] = True,
    plot: Annotated[Path, typer.Option(metavar="FILE", help="PNG to draw.")] = Path(
        "tnemu-bench.png"
    ),
    json: Json = None,
) -> None:
    """Measure 15 activities of a chip, and growth from 64 to 65,536 cores, with a picture."""
    from tnemu.cli.bench_view import check_files, progress, report
    from tnemu.files import writing
    from tnemu.lab.bench import sweep as sweeps
    from tnemu.lab.bench.networks import BenchError

    check_files(json, plot)
    jobs = sweeps.jobs(quick, max_cores)
    with progress(len(jobs)) as tell:
        rows = sweeps.measure_sweep(
            jobs, quick=quick, threads=threads, beside=naive, tell=partial(tell, step=True)
        )
    report(rows, json)
    with writing(plot, error=BenchError) as file:
        sweeps.draw(rows, file)
    typer.echo(f"picture: {plot}", err=True)


@app.command()
def frames(
    cores: Annotated[int, typer.Option(help="Cores of all layers together.")] = 1500,
    layers: Annotated[int, typer.Option(help="Layers; a frame passes one each tick.")] = 15,
    lanes: Annotated[int, typer.Option(min=1, help="Boards that run in one pass.")] = 64,
    threads: Threads = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few segments.")] = False,
    json: Json = None,
) -> None:
    """Measure a feed-forward network: latency of a frame, frames per second, many boards at once."""
    from tnemu.cli.bench_view import check_files, progress, report
    from tnemu.lab.bench.frames import measure_frames
    from tnemu.lab.bench.measure import QUICK_SEGMENTS, SEGMENTS

    check_files(json)
    segments = QUICK_SEGMENTS if quick else SEGMENTS
    with progress() as tell:
        rows = measure_frames(
            cores, layers, lanes=lanes, threads=threads, segments=segments, tell=tell
        )
    report(rows, json)


@app.command()
def peers(
    setup: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Install the peers in DIR first, 0.7 GB; then measure."),
    ] = None,
    where: Annotated[
        Path | None,
        typer.Option("--peers", metavar="DIR", help="Where they are installed already."),
    ] = None,
    cores: Annotated[
        list[int] | None, typer.Option(help="Size to measure, 64 or 512; both if not given.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="brian2, nest or sanafe; all if not given."),
    ] = None,
    limit_s: Annotated[float, typer.Option(help="Longest that one peer may take.")] = 1800.0,
    json: Json = None,
) -> None:
    """Measure Brian2, NEST and SANA-FE on the same network, and compare numbers of spikes."""
    from tnemu.cli.bench_view import check_files, note_problems, progress, report
    from tnemu.lab.bench import peers as bench_peers
    from tnemu.lab.bench.networks import BenchError

    folder = setup or where
    if folder is None or (setup and where):
        raise typer.BadParameter(
            "give --setup DIR to install the peers, or --peers DIR to use them"
        )
    check_files(json)
    chosen = bench_peers.choose(only or [])
    sizes = bench_peers.check_sizes(cores or [])
    with progress() as tell:
        rows, missing = bench_peers.measure_all(
            folder, sizes, chosen, install=bool(setup), limit_s=limit_s, tell=tell
        )
    note_problems(missing)
    report(rows, json, not_measured=missing)
    if not rows:
        raise BenchError("no peer could be measured; the lines above say why")
