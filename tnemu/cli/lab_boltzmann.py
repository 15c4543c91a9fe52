"""``tnemu lab sampler``, ``pack``, ``rbm-map``, ``rbm-kl``: Boltzmann machines on paper and on boards.

tnemu lab sampler --window 16 --threshold 186 --mask 9 --leak 36 --scale 50
tnemu lab pack --weights "1 2 3 4 5 6" --window 4 --strategy 1.1
"""

from __future__ import annotations

from typing import Annotated

import typer

from tnemu.cli.facts import write_facts

Json = Annotated[
    str | None, typer.Option("--json", metavar="FILE", help="Write figures as JSON; - prints them.")
]

FEW = range(-400, 401, 100)
"""Potentials of which the table shows the probability."""


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


def rbm_map(
    machine: Annotated[
        str, typer.Argument(help="A Boltzmann machine's file, or one that is shipped.")
    ],
    strategies: Annotated[
        str,
        typer.Option(help="none, or some of 1.1 (or 1.2, 1.2:CENTRAL), 2 and 3, as in 1.1+2+3."),
    ] = "1.1+2+3",
    sampler: Annotated[str, typer.Option(help="P1..P7, G1, G3, G5, or T,VT,M,L,SCALE.")] = "G5",
    accumulate: Annotated[int, typer.Option(metavar="TA", help="Ticks a field adds up.")] = 32,
    times: Annotated[
        float, typer.Option(help="Multiply all weights first, to see what larger ones would take.")
    ] = 1.0,
    json: Json = None,
) -> None:
    """How many cores a Boltzmann machine takes, by stage."""
    from tnemu import zoo
    from tnemu.cli.dream import samplers_of
    from tnemu.cli.tables import print_table
    from tnemu.formats.boltzmann import read_machine
    from tnemu.lab.rbm_map import rbm_map, scaled

    found = scaled(read_machine(zoo.find_machine(machine)), times)
    ((_, neuron),) = samplers_of([sampler])
    facts = rbm_map(found, neuron, strategies, accumulate)
    if write_facts(facts, json):
        return
    heads = ["strategies", "mean weight", *facts["cores"], "cores", "neurons", "the paper's cores"]
    row = [facts["strategies"], f"{facts['mean_weight']:.1f}"]
    row += [
        f"{n:,}" for n in (*facts["cores"].values(), facts["total_cores"], facts["total_neurons"])
    ]
    row.append(f"{facts['paper_cores']:,}" if facts["paper_cores"] else "-")
    print_table(heads, [row])
    typer.echo(f"{facts['ticks_a_layer']} ticks a layer, {facts['ticks_a_sample']} a sample")


def rbm_kl(
    machines: Annotated[int, typer.Option(min=1, help="Random machines of 5 x 5 units.")] = 10,
    sampler: Annotated[
        list[str] | None,
        typer.Option(help="As of rbm-map; again for more.", show_default="G1, G3, G5"),
    ] = None,
    samples: Annotated[int, typer.Option(min=100, help="Of each machine and sampler.")] = 100_000,
    board: Annotated[
        str | None, typer.Option(help="Sample on this emulated board too, tick by tick; minutes.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Change the board, as in chip.noise=counter."
        ),
    ] = None,
    accumulate: Annotated[int, typer.Option(metavar="TA", help="Ticks a field adds up.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 1,
    json: Json = None,
) -> None:
    """How far samplers are from the machines that they sample: KL divergence, exact and counted."""
    from tnemu.cli.bench_view import progress
    from tnemu.cli.boards import parse_changes
    from tnemu.cli.dream import samplers_of
    from tnemu.cli.tables import print_table
    from tnemu.hardware.board import load_board
    from tnemu.lab.rbm_kl import kl_rows
    from tnemu.networks.boltzmann.machine import random_machine

    spec = load_board(board).override(parse_changes(changes or [])) if board else None
    chosen = samplers_of(sampler or ["G1", "G3", "G5"])
    some = [random_machine(k) for k in range(machines)]
    with progress() as tell:
        facts = kl_rows(some, chosen, samples, spec, accumulate, seed, tell)
    if write_facts(facts, json):
        return
    ways = [way for way in ("exact", "operator", "board") if way in facts["rows"][chosen[0][0]]]
    rows = [
        [name, *(f"{row[way]['mean']:.2e}" if way in row else "-" for way in ways)]
        for name, row in facts["rows"].items()
    ]
    print_table(["sampler", *ways], rows)
    typer.echo(f"sampling alone adds about {facts['bias_of_sampling']:.1e}")


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
