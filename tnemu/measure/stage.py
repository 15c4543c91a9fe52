"""A picture of a moment of a run: what is played, the chip beside it, and the votes.

    | game, in its right aspect | activity of the cores | votes for each action |
    | a line of text                                                            |

All pictures of a run have one size, with even sides: film formats ask for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

HEIGHT, EDGE, VOTES, FOOT, ROW = 420, 16, 190, 40, 22
PAPER, CARD, INK, DIM, LINE = "#10151b", "#222c36", "#e8edf2", "#9fadba", "#2c3742"
CALM = "#56b4e9"
RAMP = ((0, "#0b2033"), (128, "#2f86bb"), (255, "#f4f0b0"))
"""Dark blue to pale yellow: told apart whatever one's colour vision."""


@dataclass(frozen=True)
class Stage:
    """What stays the same: ``positions`` [cores, 3] (unit, x, y), ``board_shape`` (units, width, height)
    in cores, and ``most`` firings a tick and core, the brightest colour.
    """

    positions: npt.NDArray[np.int32]
    board_shape: tuple[int, int, int]
    most: float

    def draw(
        self,
        picture: npt.NDArray[np.uint8],
        aspect: float,
        rate: npt.NDArray[np.float64],
        actions: Sequence[str],
        scores: npt.NDArray[Any],
        chosen: int,
        text: str,
    ) -> npt.NDArray[np.uint8]:
        """uint8 [height, width, 3]: ``picture`` with ``aspect`` (width over height), ``rate`` [cores]
        firings per tick, ``scores`` of the ``actions`` of which ``chosen`` was taken, and ``text``.
        """
        from PIL import Image, ImageDraw, ImageFont

        game = Image.fromarray(np.ascontiguousarray(picture)).resize(
            (_even(min(HEIGHT * aspect, 2 * HEIGHT)), HEIGHT), Image.Resampling.BOX
        )
        chip = self._chip(rate)
        left = EDGE + game.width + EDGE
        size = (_even(left + chip.width + EDGE + VOTES + EDGE), _even(HEIGHT + EDGE + FOOT))
        sheet = Image.new("RGB", size, PAPER)
        sheet.paste(game, (EDGE, EDGE))
        sheet.paste(chip, (left, EDGE + (HEIGHT - chip.height) // 2))
        draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
        _votes(draw, font, left + chip.width + EDGE, actions, scores, chosen)
        draw.text((EDGE, EDGE + HEIGHT + 10), text, fill=INK, font=font)
        return np.asarray(sheet)

    def _chip(self, rate: npt.NDArray[np.float64]) -> Image:
        """The map of the cores, as large as there is room for."""
        from PIL import Image, ImageColor

        units, width, height = self.board_shape
        stops = [stop for stop, _ in RAMP]
        levels = np.array([ImageColor.getrgb(colour) for _, colour in RAMP])
        ramp = np.stack([np.interp(np.arange(256), stops, part) for part in levels.T], axis=-1)
        grid = np.full((height, units * width, 3), ImageColor.getrgb(CARD), np.uint8)
        unit, x, y = self.positions.T
        level = np.clip(255 * rate / max(self.most, 1e-9), 0, 255).astype(np.int64)
        grid[height - 1 - y, unit * width + x] = ramp[level].astype(np.uint8)
        scale = HEIGHT / max(units * width, height)
        # whole pixels for a core where there is room for one
        scale = float(int(scale)) if scale >= 1 else scale
        size = (max(1, round(units * width * scale)), max(1, round(height * scale)))
        return Image.fromarray(grid).resize(size, Image.Resampling.NEAREST)


def _votes(
    draw: Any,
    font: Any,
    left: int,
    actions: Sequence[str],
    scores: npt.NDArray[Any],
    chosen: int,
) -> None:
    """A bar for each action; the chosen one has a mark before it, and the colour."""
    low, high = min(0.0, *scores, 0.0), max(1.0, *scores, 1.0)
    row = min(ROW * 2, (HEIGHT - 4) // max(1, len(actions)))
    for k, (name, score) in enumerate(zip(actions, scores, strict=False)):
        top, taken = EDGE + row * k, k == chosen
        if taken:
            draw.polygon([(left, top + 2), (left, top + 12), (left + 7, top + 7)], fill=CALM)
        if row >= ROW:
            draw.text((left + 12, top - 2), name.lower(), fill=INK if taken else DIM, font=font)
        at = top + (17 if row >= 30 else 15 if row >= ROW else 4)
        end = left + 12 + (VOTES - 12) * (score - low) / (high - low)
        draw.rectangle((left + 12, at, left + VOTES, at + 4), fill=LINE)
        draw.rectangle((left + 12, at, max(end, left + 12), at + 4), fill=CALM if taken else DIM)


def _even(size: float) -> int:
    return 2 * round(size / 2)
