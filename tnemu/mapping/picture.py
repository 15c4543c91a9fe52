"""A plan as a picture of its board, which :mod:`tnemu.measure.chip_plot` draws."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tnemu.files import writing
from tnemu.mapping.errors import FitError
from tnemu.mapping.report import parts_of
from tnemu.measure.chip_plot import ChipPlot, draw_chip, save_chip

if TYPE_CHECKING:
    from tnemu.mapping.placed import Placed
    from tnemu.measure.chip_plot import Figure

Ints = npt.NDArray[np.int64]


def draw(plan: Placed, path: str | Path | None = None, depth: int = 1) -> Figure:
    """The board with its cores coloured by part, and the links of the mesh by what they carry.

    A matplotlib figure, written as PNG to ``path`` where one is given; FitError if that cannot be.
    """
    plot = picture(plan, depth)
    if path is None:
        return draw_chip(plot)
    with writing(path, error=FitError) as file:
        return save_chip(plot, file)


def picture(plan: Placed, depth: int = 1) -> ChipPlot:
    """What :func:`draw` draws."""
    board, r = plan.image.board, plan.resources
    parts = parts_of([layer.name for layer in plan.layers], depth)
    part, shared = _parts(plan, [part.layers for part in parts])
    links = plan.links()
    most = max(links.east.max(initial=0), links.north.max(initial=0))
    origin, subtitle = plan.image.origin, f"{r['cores']:,} of {board.core_count:,} cores"
    if most:
        subtitle += (
            f"  ·  {r['mean_hops']:.1f} hops on average  ·  lines: packets if every neuron fires, up to "
            f"{most:,.0f}"
        )
    if shared.any():
        subtitle += "  ·  dots: cores that parts share"
    return ChipPlot(
        title=f"{origin.get('weights') or origin.get('corelet') or 'a network'} on {board.name}"[
            :90
        ],
        subtitle=subtitle,
        positions=plan.image.positions,
        part=part,
        shared=shared,
        parts=tuple(part.name for part in parts),
        east=links.east,
        north=links.north,
        board_shape=(board.units, board.width, board.height),
        chip_shape=(board.chip.cores_x, board.chip.cores_y),
    )


def _parts(plan: Placed, layers: list[tuple[int, ...]]) -> tuple[Ints, npt.NDArray[np.bool_]]:
    """The part that has most neurons of each core, and whether it has others as well."""
    of_layer = np.zeros(len(plan.layers) + 1, np.int64)
    for k, mine in enumerate(layers):
        of_layer[list(mine)] = k
    of_layer[-1] = -1
    part = of_layer[plan.size.layer_of]  # layer_of is -1 where no neuron is used
    counts = np.zeros((len(part), len(layers)), np.int64)
    core, neuron = np.nonzero(part >= 0)
    np.add.at(counts, (core, part[core, neuron]), 1)
    return counts.argmax(axis=1), (counts > 0).sum(axis=1) > 1
