"""``tnemu lab``: small experiments on paper, whose figures a script can read.

tnemu lab sampler --window 16 --threshold 186 --mask 9 --leak 36 --scale 50
tnemu lab pack --weights "1 2 3 4 5 6" --window 4 --strategy 1.1
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Small experiments on paper, whose figures a script can read; docs/boltzmann.md explains them.",
)

Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write figures as JSON; - prints them.")
]

FEW = range(-400, 401, 100)
"""Potentials of which the table shows the probability."""


@app.command()
def sampler(
    window: Annotated[int, typer.Option(metavar="T", help="Ticks of a window, 1..1024.")],
    threshold: Annotated[int, typer.Option(metavar="VT", help="Of the potential.")],
    mask: Annotated[int, typer.Option(metavar="M", help="Random bits of the threshold, 0..18.")],
    leak: Annotated[int, typer.Option(metavar="L", help="Added in every second tick, by chance.")],
    scale: Annotated[
        float, typer.Option(metavar="S", help="Potential for one unit of the logistic.")
    ],
    rule: Annotated[
        str, typer.Option(help="V > threshold: strict; V >= threshold, as the chip: literal.")
    ] = "literal",
    json: Json = None,
) -> None:
    """How near a digital neuron comes to the logistic function, by the Markov chain of its potential.

    The sum of squared errors is over whole potentials in -1000..1000.
    """
    import numpy as np

    from tnemu.cli.tables import print_table
    from tnemu.networks.boltzmann.sampler import Sampler

    neuron = Sampler(window, threshold, mask, leak, scale)
    V = np.arange(-1000, 1001)
    probability = neuron.probability(V, rule)
    facts = {
        "window": window,
        "threshold": threshold,
        "mask": mask,
        "leak": leak,
        "scale": scale,
        "rule": rule,
        "sum_of_squared_errors": neuron.squared_errors(rule),
        "probability": dict(zip(map(str, V.tolist()), probability.tolist(), strict=True)),
    }
    if not write_facts(facts, json):
        typer.echo(f"sum of squared errors ({rule}): {facts['sum_of_squared_errors']:.4f}")
        rows = [
            [str(v), f"{probability[v + 1000]:.4f}", f"{float(neuron.ideal(v)):.4f}"] for v in FEW
        ]
        print_table(["potential", "probability", "logistic"], rows)


@app.command()
def pack(
    weights: Annotated[str, typer.Option(help="Whole numbers, between spaces or commas.")],
    window: Annotated[int, typer.Option(metavar="T", help="Spikes of one neuron, 1..255.")],
    strategy: Annotated[
        str, typer.Option(help="none, 1.1 (share neurons), 1.2 or 1.2:CENTRAL (and begin there).")
    ] = "1.1",
    json: Json = None,
) -> None:
    """How many quantising neurons the weights of one unit take, one axon for each weight.

    With four axon types, as a core has, it may be more: axon k is then of type k mod 4.
    """
    import numpy as np

    from corelets.library.boltzmann.packing import Packing, fewest, pack
    from tnemu.hardware.neuron import AXON_TYPES

    numbers = whole_numbers(weights)
    how = Packing.of(strategy)
    neurons = pack(numbers, window, how)
    facts = {
        "window": window,
        "strategy": str(how),
        "neurons": len(neurons),
        "neurons_of_four_types": len(
            pack(numbers, window, how, np.arange(len(numbers)) % AXON_TYPES)
        ),
        "least": fewest(numbers, window),
    }
    if not write_facts(facts, json):
        typer.echo(
            f"{len(neurons):,} neurons; {facts['neurons_of_four_types']:,} with four axon types, "
            f"{facts['least']:,} at the least"
        )


def whole_numbers(text: str) -> list[int]:
    """``"1 2, -3"`` -> [1, 2, -3]; CommandError for a word that is none, and for none at all."""
    from tnemu.cli.errors import CommandError
    from tnemu.errors import shown

    words = text.replace(",", " ").split()
    for word in words or [""]:
        if not (word.removeprefix("-").isascii() and word.removeprefix("-").isdigit()):
            raise CommandError(
                f"weights: {shown(word)} is no whole number; give them as in --weights '1 -2 3'"
            )
    return [int(word) for word in words]


def write_facts(facts: Mapping[str, Any], file: str | None) -> bool:
    """Write ``facts`` as JSON to ``file``, or print them for ``-``; whether they were printed."""
    from tnemu.cli.errors import CommandError
    from tnemu.files import json_text, write_json

    if file == "-":
        typer.echo(json_text(facts, "the figures", error=CommandError))
        return True
    if file is not None:
        write_json(file, facts, error=CommandError)
    return False
