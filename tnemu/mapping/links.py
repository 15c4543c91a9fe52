"""How much the links of the mesh carry, and how long a tick has to be for those between chips.

A packet goes in x first, in its row, and then in y, in its target's column. Where it passes from one
chip to the next, it shares the link of that border's merge-split with what crosses in all other rows::

    load(link)    = sum of the spikes a tick of all neurons whose packets take it, both directions
    load(border)  = sum of the loads of the links between the cores along the border
    tick          = max(the board's tick, load of the busiest border / spikes a second of a border)

Every packet has to arrive within its tick, so a border that cannot keep up stretches the tick of the
whole board: a network on 16 chips needed 1.75 ms, 571 Hz (Shukla et al., Frontiers in Neuroscience 13,
2019). What leaves the board for the host takes the links on its way there, and then one whose speed is
not public.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.hardware import packet
from tnemu.hardware.board import BoardSpec
from tnemu.hardware.image import BoardImage
from tnemu.mapping.errors import FitError

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Border:
    """Where two chips of a unit touch, each (x, y) in chips, and the spikes that cross it in a tick."""

    unit: int
    chip: tuple[int, int]
    next_chip: tuple[int, int]
    spikes_per_tick: float

    def __str__(self) -> str:
        unit = f" of unit {self.unit}" if self.unit else ""
        return f"chip {self.chip} to {self.next_chip}{unit}"


@dataclass(frozen=True, eq=False)
class Links:
    """The loads of all links of a board's mesh, in spikes a tick, both directions together.

    ``east`` float64 [units, width - 1, height] is that of the link from each core to its eastern
    neighbour, ``north`` [units, width, height - 1] that to its northern one.
    """

    board: BoardSpec
    east: Floats
    north: Floats

    def borders(self) -> list[Border]:
        """All borders between two chips of a unit, the busiest first."""
        found = []
        for loads, step in zip(self._chips(), ((1, 0), (0, 1)), strict=True):
            for (unit, x, y), load in np.ndenumerate(loads):
                found.append(Border(unit, (x, y), (x + step[0], y + step[1]), float(load)))
        return sorted(found, key=lambda border: -border.spikes_per_tick)

    def _chips(self) -> tuple[Floats, Floats]:
        """The loads of each chip's eastern and northern border."""
        board, chip = self.board, self.board.chip
        east = self.east[:, chip.cores_x - 1 :: chip.cores_x]
        north = self.north[:, :, chip.cores_y - 1 :: chip.cores_y]
        return (
            east.reshape(*east.shape[:2], board.chips_y, chip.cores_y).sum(axis=3),
            north.reshape(board.units, board.chips_x, chip.cores_x, -1).sum(axis=2),
        )

    @property
    def busiest(self) -> float:
        """Spikes a tick of the busiest border; 0 where no two chips touch."""
        return float(max(loads.max(initial=0.0) for loads in self._chips()))

    @property
    def room(self) -> float | None:
        """Spikes that a border carries in the board's tick; None where the board file does not say."""
        link = self.board.link("merge-split")
        if link is None or link.spikes_per_s is None:
            return None
        return link.spikes_per_s * self.board.tick_us / 1e6

    @property
    def tick_us(self) -> float:
        """How long a tick has to be, in microseconds: the board's, or longer where a border is too busy."""
        room = self.room
        return self.board.tick_us * (1.0 if room is None else max(1.0, self.busiest / room))


def links(image: BoardImage, spikes_per_tick: npt.ArrayLike = 1.0) -> Links:
    """The loads of the links of ``image``'s board.

    ``spikes_per_tick`` is how often each neuron fires, 0..1: one number for all, or [cores, 256]. The
    default is the worst case, in which every neuron fires in every tick.
    """
    board = image.board
    rates = _rates(image, spikes_per_tick)
    dx, dy, _, delay = packet.decode(image.targets)
    sent = delay > 0
    unit, x, y = image.positions[np.nonzero(sent)[0]].T
    column = x + dx[sent]
    last = np.clip(y + dy[sent], 0, board.height - 1)  # an exit is beyond the edge
    east = np.zeros((board.units, board.width, board.height))
    north = np.zeros_like(east)
    _pass(east, (unit, np.minimum(x, column), y), (unit, np.maximum(x, column), y), rates[sent])
    _pass(
        north, (unit, column, np.minimum(y, last)), (unit, column, np.maximum(y, last)), rates[sent]
    )
    return Links(board, np.cumsum(east, axis=1)[:, :-1], np.cumsum(north, axis=2)[:, :, :-1])


def _pass(loads: Floats, start: tuple[Ints, ...], end: tuple[Ints, ...], rate: Floats) -> None:
    """Add ``rate`` to the links from ``start`` up to ``end``, once ``loads`` are summed up."""
    np.add.at(loads, start, rate)
    np.subtract.at(loads, end, rate)


def _rates(image: BoardImage, spikes_per_tick: npt.ArrayLike) -> Floats:
    shape = image.targets.shape
    try:
        given = np.asarray(spikes_per_tick)
    except ValueError:  # rows of unequal lengths
        given = np.zeros(0, object)
    if given.dtype.kind not in "biuf" or given.shape not in ((), shape):
        raise FitError(
            f"spikes_per_tick = {shown(spikes_per_tick)}: give one number, or one for each neuron in "
            f"an array of shape {shape}"
        )
    rates = given.astype(np.float64)
    bad = ~((rates >= 0) & (rates <= 1))
    if bad.any():
        raise FitError(
            f"spikes_per_tick = {float(rates[bad][0])}: a neuron fires at most once in a tick; give "
            "values in 0..1"
        )
    return np.broadcast_to(rates, shape)
