"""A network on a board: the plan, or an error that says what is too much.

    network -> size -> places -> image

:func:`fit` is the whole way; :class:`Plan` is what it found, and prints as the resource table. What
a network takes without a place on a board is :mod:`tnemu.mapping.size`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown, whole
from tnemu.hardware import packet
from tnemu.hardware.board import BoardSpec, load_board
from tnemu.hardware.image import BoardImage
from tnemu.mapping import report
from tnemu.mapping.build import build_image
from tnemu.mapping.errors import FitError
from tnemu.mapping.links import links
from tnemu.mapping.place import in_order, place
from tnemu.mapping.placed import LayerPlan, Placed
from tnemu.mapping.size import Buildable, Size, quiet, size_of
from tnemu.networks.logical import LogicalNetwork

if TYPE_CHECKING:
    from tnemu.measure.chip_plot import Figure

MOST_SEED = 2**63 - 1
"""Largest seed of a placement."""
MOST_DEPTH = 1000
"""Deepest table; parts are not nested deeper."""

__all__ = ["Buildable", "FitError", "LayerPlan", "Plan", "Size", "fit", "size_of"]


@dataclass(frozen=True, eq=False, repr=False)
class Plan(Placed):
    """A network on a board: its ``size``, and the ``image`` of where everything lies.

    Core k of ``network`` is core k of the image. ``layers`` and ``resources`` are those of the size
    with what placement adds: hops, chips, and the share of the board.
    """

    HEADINGS: ClassVar[tuple[str, ...]] = report.HEADINGS

    def draw(self, path: str | Path | None = None, depth: int = 1) -> Figure:
        """The picture of the board: cores coloured by part, and what the links between them carry.

        A matplotlib figure; written as PNG to ``path``, where one is given. ``depth`` is that of
        :meth:`rows`.
        """
        from tnemu.mapping.picture import draw

        return draw(self, path, check_depth(depth))

    def rows(self, depth: int = 1) -> list[tuple[str, ...]]:
        """The resource table below its headings, as text: a row for each part, and the total.

        ``depth`` is how deep into the hierarchy of parts the rows go, 0: a row for every layer.
        """
        return report.rows(self, check_depth(depth))

    def table(self, depth: int = 1) -> str:
        """Headings, :meth:`rows` and :meth:`notes`; ``print(plan)`` shows depth 1."""
        return report.text(self, check_depth(depth))

    def notes(self) -> list[str]:
        """What does not fit into columns, one sentence a line."""
        return report.notes(self)

    def __repr__(self) -> str:
        return (
            f"<Plan: {self.size.cores:,} of {self.image.board.core_count:,} cores of "
            f"{self.image.board.name}, {self.latency_ticks} ticks; print() shows the layers>"
        )

    def __str__(self) -> str:
        return self.table()


def check_depth(depth: int) -> int:
    """``depth`` of a table, or a FitError if it is none."""
    return whole("depth", depth, report.ALL, MOST_DEPTH, error=FitError)


def fit(
    thing: LogicalNetwork | Buildable,
    board: BoardSpec | str | Path = "ns1e",
    seed: int = 0,
    *,
    keep_order: bool = False,
    host_spikes: int | None = None,
    told: Callable[[str], None] = quiet,
) -> Plan:
    """Put a network, or anything with ``build()``, on a board.

    ``board`` is a board, its name or the path of its file. ``seed``, an integer from 0, chooses among
    equally good placements; it never changes a spike. ``keep_order`` takes the board's positions in
    order of core numbers instead, for networks that come with numbers. ``host_spikes`` is as in
    :func:`tnemu.mapping.size.size_of`. ``told`` hears what is being done.

    Raises FitError naming what does not fit, by how much, and what to do about it.
    """
    spec = load_board(board)
    seed = whole("seed", seed, 0, MOST_SEED, error=FitError)
    if not isinstance(keep_order, bool):
        raise FitError(f"keep_order = {shown(keep_order)}: must be True or False; choose one")
    size = size_of(thing, spec, share=not keep_order, host_spikes=host_spikes, told=told)
    network = size.network
    if keep_order:
        positions = in_order(network, spec)
    else:
        say = _placing(len(network.cores), told)
        positions = place(network, spec, size.wave_ticks.max(axis=1), seed, say)
    told("writing the image")
    origin = {**network.origin, "placement": "in order" if keep_order else f"seed {seed}"}
    image = build_image(network, spec, positions, origin)
    hops = _hops(image)
    return Plan(
        size=size,
        image=image,
        layers=_layers(size, hops),
        resources={**size.resources, **_resources(image, hops)},
    )


def _placing(cores: int, told: Callable[[str], None]) -> Callable[[float], None]:
    return lambda done: told(f"placing {cores:,} cores: {100 * done:.0f} %")


def _hops(image: BoardImage) -> npt.NDArray[np.int64]:
    """|dx| + |dy| of every neuron's packet, int [n, 256]; -1 where none is sent."""
    dx, dy, _, delay = packet.decode(image.targets)
    return np.where(delay > 0, np.abs(dx).astype(np.int64) + np.abs(dy), -1)


def _crossings(image: BoardImage) -> int:
    """Chip borders that the packets cross if every neuron fires once; leaving the board is one."""
    board = image.board
    dx, dy, _, delay = packet.decode(image.targets)
    total = 0
    for step, start, chip in (
        (dx, image.positions[:, 1, None], board.chip.cores_x),
        (dy, image.positions[:, 2, None], board.chip.cores_y),
    ):
        total += int(np.abs((start + step) // chip - start // chip)[delay > 0].sum())
    return total


def _layers(size: Size, hops: npt.NDArray[np.int64]) -> tuple[LayerPlan, ...]:
    longest = np.zeros(len(size.layers), np.int64)
    used = size.layer_of >= 0
    np.maximum.at(longest, size.layer_of[used], hops[used])
    return tuple(
        LayerPlan(**asdict(layer), longest_hop=hop)
        for layer, hop in zip(size.layers, longest.tolist(), strict=True)
    )


def _resources(image: BoardImage, hops: npt.NDArray[np.int64]) -> dict[str, int | float]:
    board, sent = image.board, hops[hops >= 0]
    chip = image.positions // np.array([1, board.chip.cores_x, board.chip.cores_y])
    found = links(image)
    return {
        "board_share": image.core_count / board.core_count,
        "chips": len(np.unique(chip, axis=0)),
        "packets": len(sent),
        "mean_hops": float(sent.mean()) if len(sent) else 0.0,
        "longest_hop": int(sent.max(initial=0)),
        "chip_crossings": _crossings(image),
        "busiest_border": round(found.busiest),
        "tick_us": found.tick_us,
    }
