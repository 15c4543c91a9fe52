"""What training does to a picture so that no network learns it by heart.

    seen = picture o (turn by a, scale by 1 + z, move by d, mirror)       bilinear, rounded

with a, z, d drawn evenly from their ranges for every picture; what comes in from outside repeats the edge.
Pictures stay whole numbers, as the host of the board sees them.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Views(Protocol):
    """What may be done to a picture: settings of a training."""

    @property
    def shift(self) -> int | None:
        """Pixels, at most."""

    @property
    def flip(self) -> int | None:
        """1: half of the pictures are mirrored."""

    @property
    def turn(self) -> float | None:
        """Degrees, at most."""

    @property
    def zoom(self) -> float | None:
        """Share, at most."""


def augmented(images: Tensor, s: Views, draws: torch.Generator) -> Tensor:
    """uint8 [n, channels, rows, columns] as another view of the same; ``draws`` decides."""
    n, _, rows, columns = images.shape
    shift, turn, zoom = float(s.shift or 0), float(s.turn or 0), float(s.zoom or 0)
    drawn = 2 * torch.rand(n, 4, generator=draws) - 1
    mirrored = torch.where(torch.rand(n, generator=draws) < (s.flip or 0) / 2, -1.0, 1.0)
    if turn or zoom:
        angle, scale = drawn[:, 0] * math.radians(turn), 1 + drawn[:, 1] * zoom
        cos, sin = angle.cos() / scale, angle.sin() / scale
        move = drawn[:, 2:] * 2 * shift / torch.tensor([columns, rows])
        left = torch.stack([cos * mirrored, -sin * rows / columns, move[:, 0]], 1)
        below = torch.stack([sin * mirrored * columns / rows, cos, move[:, 1]], 1)
        grid = F.affine_grid(torch.stack([left, below], 1), list(images.shape), align_corners=False)
        seen = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=False)
        return seen.round().clamp(0, 255).to(torch.uint8)
    images = torch.where(mirrored.view(-1, 1, 1, 1) < 0, images.flip(3), images)
    if not shift:
        return images
    d = int(shift)
    moved = (drawn[:, 2:] * (d + 0.5)).round().clamp(-d, d).long() + d
    padded = F.pad(images.float(), (d, d, d, d), mode="replicate").to(torch.uint8)
    at_rows = moved[:, :1] + torch.arange(rows)
    at_columns = moved[:, 1:] + torch.arange(columns)
    which = torch.arange(n).view(-1, 1, 1)
    picked = padded.permute(0, 2, 3, 1)[which, at_rows[:, :, None], at_columns[:, None, :]]
    return picked.permute(0, 3, 1, 2).contiguous()
