"""``tnemu run``: an IBM model file, or a board image, on a spike file.

    tnemu run ex1.json --spikes ex1_spikes.sfti --ticks 46 --output ex1.sfto

Ticks count from 0. An input spike sent in tick t is seen in tick t + its delay. Every spike that
leaves the board is one line of the output: the tick in which the neuron fired, the connector's
number, the pin; sorted by the three.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from tnemu.errors import TnemuError

if TYPE_CHECKING:
    from tnemu.emulator.emulator import Emulator
    from tnemu.emulator.spikes import OutputSpikes
    from tnemu.formats.spike_file import Spikes
    from tnemu.hardware.board import BoardSpec
    from tnemu.hardware.image import BoardImage

BOARDS = ("ns1e", "ns16e", "ns16e-4")
"""Boards that a model is tried on, smallest first, unless one is named."""
CHUNK_TICKS = 256
"""Ticks run at a time, so that the output is written as it comes."""


class RunError(TnemuError, ValueError):
    """What is asked of ``tnemu run`` does not fit together."""


def command(
    model: Annotated[
        Path, typer.Argument(help="IBM model file (.json), or the folder of a board image.")
    ],
    ticks: Annotated[int, typer.Option(min=1, help="Ticks to run, counted from 0.")],
    output: Annotated[
        str, typer.Option(metavar="FILE", help="Spike file to write; - is standard output.")
    ],
    spikes: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Input spikes, text or RAWI3.")
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Board to run on; the smallest that holds it."),
    ] = None,
    engine: Annotated[str, typer.Option(help="numba, or reference: slow and obvious.")] = "numba",
    probe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT=FILE.npz",
            help="Record inside: spikes, spikes:CORE,... or potentials:CORE[:NEURON,...].",
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a value of the board."),
    ] = None,
) -> None:
    """Run an IBM model file, or a board image, on a spike file."""
    from tnemu.cli.boards import parse_changes
    from tnemu.emulator.emulator import Emulator
    from tnemu.formats.spike_file import format_header, read_spikes
    from tnemu.formats.whole_file import whole_file
    from tnemu.lab.probes import SPIKE_LIMIT, parse_probe

    probes = [parse_probe(text, ticks) for text in probe or []]
    names = [output, *(str(item.path) for item in probes)]
    if twice := {name for name in names if names.count(name) > 1}:
        raise RunError(f"{twice.pop()} is to be written twice; give every file its own name")
    image = _image(model, board, parse_changes(changes or []))
    given = read_spikes(spikes) if spikes else None
    with ExitStack() as stack:
        emulator = stack.enter_context(Emulator(image, engine=engine))
        _check_numbers(image)
        late = _inject(emulator, given, ticks, model.name) if given else 0
        # Files are opened before the run, so that a name that cannot be written fails at once, and
        # take their names after it, so that an interrupted run leaves none.
        for item in probes:
            item.start(emulator, stack.enter_context(whole_file(item.path)))
        file: IO[bytes]
        if output == "-":
            file = typer.get_binary_stream("stdout")
        else:
            file = stack.enter_context(whole_file(output))
        file.write(format_header())
        done = 0
        while done < ticks:
            step = min(ticks - done, *(item.every_ticks for item in probes), CHUNK_TICKS)
            recorded = set[int]().union(*(item.recorded for item in probes))
            found = emulator.run(step, record_spikes=sorted(recorded), spike_limit=SPIKE_LIMIT)
            file.writelines(_lines(found))
            for item in probes:
                item.take(emulator)
            done += step
        for item in probes:
            item.finish()
        file.flush()
    counters = emulator.counters
    typer.echo(
        f"{counters.ticks:,} ticks, {counters.spikes:,} neurons fired, "
        f"{counters.output_spikes:,} spikes left {image.board.name}, "
        f"{counters.synaptic_operations:,} synaptic operations, engine {engine}",
        err=True,
    )
    for note in [_late_note(late, ticks), *(item.note() for item in probes)]:
        if note:
            typer.echo(f"note: {note}", err=True)


def _late_note(late: int, ticks: int) -> str:
    if not late:
        return ""
    return (
        f"{late:,} input spikes arrive in tick {ticks:,} or later, after this run's last tick; "
        "run more ticks to use them"
    )


def _image(model: Path, board: str | None, changes: dict[str, str]) -> BoardImage:
    """The image in a folder, or the one that a model file makes, on its board with ``changes``."""
    from tnemu.formats.model_file import read_model
    from tnemu.hardware.board import load_board
    from tnemu.hardware.image import BoardImage
    from tnemu.mapping.build import build_image
    from tnemu.mapping.place import in_order

    if model.is_dir():
        if board is not None:
            raise RunError(
                f"{model} is a board image, which brings its board; leave out --board, "
                "or change single values with --set"
            )
        image = BoardImage.load(model)
        return replace(image, board=image.board.override(changes)) if changes else image
    network = read_model(model)
    spec = _smallest(len(network.cores)) if board is None else load_board(board)
    spec = spec.override(changes)
    origin = {**network.origin, "placement": "in order"}
    return build_image(network, spec, in_order(network, spec), origin)


def _smallest(cores: int) -> BoardSpec:
    """The smallest of :data:`BOARDS` with that many cores, or else the largest."""
    from tnemu.hardware.board import load_board

    boards = [load_board(name) for name in BOARDS]
    return next((spec for spec in boards if spec.core_count >= cores), boards[-1])


def _inject(emulator: Emulator, given: Spikes, ticks: int, model: str) -> int:
    """Queue the input spikes that arrive within the run; returns how many arrive after it.

    Raises RunError at the line of a spike whose core the model does not have.
    """
    import numpy as np

    ids = emulator.image.core_ids
    if len(np.unique(ids)) != len(ids):
        raise RunError(
            f"{model} has cores with the same number, so a spike file cannot tell them apart; number "
            "the cores of the network differently and build the image again"
        )
    order = np.argsort(ids)
    wanted = given.records["core"]
    index = order[np.minimum(np.searchsorted(ids[order], wanted), len(ids) - 1)]
    unknown = np.flatnonzero(ids[index] != wanted)
    if len(unknown):
        first = int(unknown[0])
        raise RunError(
            f"{given.where(first)}: destCore = {int(wanted[first])} is not allowed; {model} has "
            f"{len(ids):,} cores, {int(ids.min())}..{int(ids.max())}, and no core of that id"
        )
    arrival = given.records["time"] + given.records["delay"]
    seen = arrival < ticks
    emulator.inject(index[seen], given.records["axon"][seen], arrival[seen])
    return int(len(seen) - seen.sum())


def _lines(found: OutputSpikes) -> Iterator[bytes]:
    """Lines (tick, connector, pin), sorted; the k-th 256 pins of a connector count as number - k."""
    import numpy as np

    from tnemu.formats.spike_file import format_lines, spikes
    from tnemu.hardware.neuron import AXONS

    records = spikes(found.tick, found.number - found.pin // AXONS, found.pin % AXONS)
    order = np.lexsort((records["axon"], records["core"], records["time"]))
    return format_lines(records[order])


def _check_numbers(image: BoardImage) -> None:
    """No two exits of the board have the same number in the output file."""
    owner: dict[int, str] = {}
    for connector in image.outputs:
        for k in range(len(connector.exits)):
            number = connector.number - k
            if number in owner:
                raise RunError(
                    f"outputs {owner[number]!r} and {connector.name!r} both use the connector "
                    f"number {number}; number outputs further apart, one for every 256 pins"
                )
            owner[number] = connector.name
