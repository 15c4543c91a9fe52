"""What the host does to a picture before the network sees it.

    seen = clip(round(128 + 48 (x - mean) / (deviation + 1)), 0, 255)

mean and deviation of all values of one picture, so that dark and bright pictures of one thing look
alike (measured on traffic signs: 54.9 % right without, 58.7 % with it, after the same training).
"""

from __future__ import annotations

import numpy as np

from tnemu.tasks.classify.data import Images

MIDDLE, SPREAD = 128.0, 48.0
_BLOCK = 4096


def normalised(images: Images) -> Images:
    """Each picture of uint8 [n, channels, rows, columns] with its contrast made equal."""
    seen = np.empty_like(images)
    for first in range(0, len(images), _BLOCK):
        x = images[first : first + _BLOCK].astype(np.float64)
        mean = x.mean(axis=(1, 2, 3), keepdims=True)
        deviation = x.std(axis=(1, 2, 3), keepdims=True)
        levels = np.rint(MIDDLE + SPREAD * (x - mean) / (deviation + 1.0))
        seen[first : first + _BLOCK] = np.clip(levels, 0, 255).astype(np.uint8)
    return seen
