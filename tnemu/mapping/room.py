"""Whether a board has room for a network, and if not, which of its parts take it and what would help."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from tnemu.hardware.board import BoardSpec
from tnemu.hardware.neuron import AXONS, NEURONS
from tnemu.mapping.driven import driven_axons
from tnemu.mapping.errors import FitError
from tnemu.networks.logical import LogicalNetwork

Bits = npt.NDArray[np.bool_]

PINS_PER_EXIT = AXONS
"""An exit is an address beyond the board's edge; its packets tell pins apart by their axon field."""
EXITS_PER_COLUMN = 2
"""Packets go in x first and then in y, so they leave in their own column, north or south."""

_MOST_NAMED = 3
_ADVICE = {
    "Conv2d": "fewer features or more groups",
    "Dense": "fewer outputs or more groups",
    "Delay": "a shorter delay or fewer pins",
    "Relay": "fewer pins",
    "Splitter": "fewer pins or copies",
}
_HELPERS = {
    "splitters": "fewer neurons per core where fan-out is wide, so that copies fit beside them",
    "relays": "shorter waits, as what skips many layers waits for all of them",
}


def check_cores(network: LogicalNetwork, board: BoardSpec, *, at_least: bool = False) -> None:
    """The board has a core for every core of the network, or a FitError names who takes most.

    ``at_least``: count the cores that its axons and neurons fill in any case, however they are packed.
    """
    has = board.core_count
    needed = least_cores(network) if at_least else len(network.cores)
    if needed <= has:
        return
    named, advice = largest_parts(network)
    raise FitError(
        f"{network.origin.get('corelet', 'the network')} needs {'at least ' * at_least}{needed:,} "
        f"cores, {board.name} has {has:,}: {named}; use a larger board, or {advice}"
    )


def largest_parts(network: LogicalNetwork, which: Bits | None = None) -> tuple[str, str]:
    """In words: the outermost parts that take most cores, and what to do about the first of them.

    ``which`` bool [cores] are the cores that count; all, if left out.
    """
    shares = _shares(network, which)
    named = [f"{what} about {max(1, round(cores)):,}" for what, cores, _ in shares[:_MOST_NAMED]]
    if len(shares) > _MOST_NAMED:
        named.append(f"{len(shares) - _MOST_NAMED} more parts the rest")
    return ", ".join(named), shares[0][2]


def least_cores(network: LogicalNetwork) -> int:
    """The fewest cores that hold all driven axons and used neurons."""
    axons = sum(driven_axons(network).tolist())
    neurons = sum(int(core.used.sum()) for core in network.cores)
    return max(-(-axons // AXONS), -(-neurons // NEURONS), min(1, len(network.cores)))


def _shares(network: LogicalNetwork, which: Bits | None) -> list[tuple[str, float, str]]:
    """The outermost parts, the largest first: what to call each, its cores, and what to do about it."""
    outer_kinds = network.origin.get("part_kinds", {})
    kinds = network.origin.get("layer_kinds", {})
    cores: dict[str, dict[tuple[str, str], float]] = defaultdict(lambda: defaultdict(float))
    kind: dict[str, str] = {}
    axons = driven_axons(network)
    counts = [True] * len(network.cores) if which is None else which.tolist()
    for core, driven, taken in zip(network.cores, axons.tolist(), counts, strict=True):
        if not taken:
            continue
        layer = core.layer or core.name
        outer = layer.partition(".")[0]
        name = re.sub(r"\[\d+\]", "[...]", outer)
        helper = re.search(r"\.(splitter|relay)s?\d+$", core.name)
        if helper:
            name = f"the {helper[1]}s of {outer}"
            kind[name] = f"{helper[1]}s"
        else:
            kind.setdefault(name, outer_kinds.get(outer, kinds.get(layer, "")))
        inside = re.sub(r"\[\d+\]", "[...]", layer), kinds.get(layer, "")
        cores[name][inside] += max(driven / AXONS, int(core.used.sum()) / NEURONS)
    shares = []
    for name, inner in cores.items():
        what = name if kind[name] in _HELPERS else f"{kind[name] or 'layer'} {name!r}"
        shares.append((what, sum(inner.values()), _advice(name, kind[name], inner)))
    return sorted(shares, key=lambda share: -share[1])


def _advice(name: str, kind: str, inner: Mapping[tuple[str, str], float]) -> str:
    """What to do about a part: by its kind, or by that of the largest layer in it whose kind is known."""
    if kind in _HELPERS:
        return _HELPERS[kind]
    if kind in _ADVICE:
        return f"{_ADVICE[kind]} in {name!r}"
    known = [(size, layer, of) for (layer, of), size in inner.items() if of in _ADVICE]
    if not known:
        return f"something smaller in {name!r}"
    _, layer, of = max(known)
    return f"{_ADVICE[of]} in {layer!r}"


def check_exits(network: LogicalNetwork, board: BoardSpec) -> None:
    """The board's edge has an exit for every 256 pins of every output."""
    pins = sum(output.width for output in network.outputs.values())
    needed = sum(-(-output.width // PINS_PER_EXIT) for output in network.outputs.values())
    has = EXITS_PER_COLUMN * board.width * board.units
    if needed > has:
        raise FitError(
            f"the network's {pins:,} output pins need {needed:,} exits, one for every "
            f"{PINS_PER_EXIT} pins of an output; {board.name} has {has:,}, two for each column: use "
            "fewer output pins or a wider board"
        )
