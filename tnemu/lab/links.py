"""How busy the links between chips are while a network runs, and how long a tick that asks for.

    packets on link (chip A -> neighbour B) in tick t      of every neuron that fired in t, x first, then y
    stretch = max(1, busiest / what the link carries in a nominal tick)

A chip waits for its packets: where a link is given more than it carries in a tick, the tick grows. What a link
carries comes from the board's file (merge-split, spikes a second) and is derived there, not published.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tnemu.hardware import packet
from tnemu.hardware.image import BoardImage

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LinkLoad:
    """The busiest link: ``packets`` in one tick from chip (x, y) to its neighbour; ``mean`` over all
    ticks and links in use; ``capacity`` a tick, 0 where the board's file does not say.
    """

    packets: int
    mean: float
    links: int
    capacity: float
    origin: tuple[int, int] = (0, 0)
    to: tuple[int, int] = (0, 0)

    @property
    def stretch(self) -> float:
        """What the tick is longer by, at least 1."""
        return max(1.0, self.packets / self.capacity) if self.capacity else 1.0


def link_load(image: BoardImage, spikes: npt.NDArray[np.void]) -> LinkLoad:
    """Of the firings ``spikes`` (records tick, core, neuron) of a run, tick by tick.

    What leaves the board at its edge is on no link between chips.
    """
    board = image.board
    link = board.link("merge-split")
    capacity = 0.0
    if link is not None and link.spikes_per_s is not None:
        capacity = link.spikes_per_s * board.tick_us * 1e-6
    ticks, (xs, ys, directions) = spikes["tick"], _borders(image, spikes)
    keys = [np.zeros(0, np.int64)]
    columns, rows = board.chips_x, board.chips_y
    for way, (which, cx, cy) in enumerate(zip(directions, xs, ys, strict=True)):
        inside = (cx >= 0) & (cx < columns) & (cy >= 0) & (cy < rows)
        keys.append(((ticks[which[inside]] * 4 + way) * rows + cy[inside]) * columns + cx[inside])
    found, counts = np.unique(np.concatenate(keys), return_counts=True)
    if not len(found):
        return LinkLoad(0, 0.0, 0, capacity)
    link_keys = found % (4 * rows * columns)
    used, span = len(np.unique(link_keys)), max(1, int(np.ptp(ticks)) + 1)
    busiest = int(counts.argmax())
    key = int(link_keys[busiest])
    x, y, direction = key % columns, key // columns % rows, key // (columns * rows)
    step = ((1, 0), (-1, 0), (0, 1), (0, -1))[direction]
    mean = float(counts.sum()) / (used * span)
    return LinkLoad(int(counts.max()), mean, used, capacity, (x, y), (x + step[0], y + step[1]))


def _borders(
    image: BoardImage, spikes: npt.NDArray[np.void]
) -> tuple[list[Counts], list[Counts], list[npt.NDArray[np.int64]]]:
    """For the directions east, west, north, south: chips x, chips y that are left, and by which spike."""
    board = image.board
    core, neuron = spikes["core"].astype(np.int64), spikes["neuron"].astype(np.int64)
    dx, dy, _, delay = (part[core, neuron] for part in packet.decode(image.targets))
    sent = np.flatnonzero(delay > 0)
    x0, y0 = image.positions[core, 1].astype(np.int64), image.positions[core, 2].astype(np.int64)
    side_x, side_y = board.chip.cores_x, board.chip.cores_y
    # columns count over the whole board, so a chip is a column over its side
    cx, cx_end = x0 // side_x, (x0 + dx) // side_x
    cy, cy_end = y0 // side_y, (y0 + dy) // side_y
    xs, ys, whiches = [], [], []
    for along, sign in ((0, 1), (0, -1), (1, 1), (1, -1)):
        begin, end = ((cx, cx_end), (cy, cy_end))[along]
        steps = np.where(sign * (end - begin) > 0, np.abs(end - begin), 0)[sent]
        which = np.repeat(sent, steps)
        offset = np.arange(len(which)) - np.repeat(np.cumsum(steps) - steps, steps)
        moving = begin[which] + sign * offset
        next_chip = moving + sign
        last = board.chips_x if along == 0 else board.chips_y
        staying = (next_chip >= 0) & (next_chip < last)  # else it leaves the board
        which, moving = which[staying], moving[staying]
        xs.append(moving if along == 0 else cx_end[which])
        ys.append(cy[which] if along == 0 else moving)
        whiches.append(which)
    return xs, ys, whiches
