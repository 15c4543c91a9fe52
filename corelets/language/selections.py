"""Which pins a selection holds: windows of an image, and what is merged with what."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError, caller
from tnemu.errors import shown, whole

Places = npt.NDArray[np.intp]


def window_places(places: Places, size: Any, stride: Any, what: str) -> Places:
    """Windows of the last two axes of ``places``: [..., rows, columns, height, width]."""
    step = whole(f"at {caller()}: stride", stride, 1, places.size, error=CoreletError)
    pair = size if isinstance(size, tuple | list) else (size, size)
    if len(pair) != 2:
        raise CoreletError(f"at {caller()}: size = {shown(size)}: give (height, width)")
    sizes = tuple(
        whole(f"at {caller()}: size of a window of {what}", k, 1, most, error=CoreletError)
        for k, most in zip(pair, places.shape[-2:], strict=True)
    )
    views: Places = np.lib.stride_tricks.sliding_window_view(places, sizes, (-2, -1))
    return views[..., ::step, ::step, :, :]


def ranked(
    row: npt.NDArray[np.int64], column: npt.NDArray[np.int64]
) -> list[npt.NDArray[np.int64]]:
    """The first ``row`` of every column, the second of every column, and so on; columns are 0, 1, ..."""
    order = np.argsort(column, kind="stable")
    heads = np.searchsorted(column[order], np.arange(int(column.max(initial=-1)) + 1))
    ranks = np.arange(len(order)) - heads[column[order]]
    return [row[order[ranks == k]] for k in range(int(ranks.max(initial=0)) + 1)]
