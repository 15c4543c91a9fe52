"""Arrays with a page before and behind them that nobody may touch: who does ends the process."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

LINE = 64
MODULES = (
    "engines.compiled.engine",
    "engines.compiled.lane_engine",
    "lanes",
    "lane_state",
    "state",
)
"""Modules of tnemu.emulator that make arrays for compiled code."""


def guarded(shape: Any, dtype: Any, *, at_end: bool) -> np.ndarray:
    """Zeros on a cache line, ending less than a line before the forbidden page, or beginning behind one."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    page = mmap.PAGESIZE
    body = -(-max(size, 1) // page) * page
    pages = mmap.mmap(-1, body + 2 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    for edge in (start, start + page + body):
        if protect(edge, page, 0) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
    # numpy itself looks at the first element of an array that has none
    first = (page + body - max(size, 1)) // LINE * LINE if at_end else page
    return np.ndarray(shape, dtype, pages, first)


class Numpy:
    """numpy, but arrays that are made new are guarded."""

    def __init__(self, at_end: bool) -> None:
        self.at_end = at_end

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def zeros(self, shape: Any, dtype: Any = np.float64) -> np.ndarray:
        return guarded(shape, dtype, at_end=self.at_end)

    empty = zeros


@contextlib.contextmanager
def guards(at_end: bool) -> Iterator[None]:
    """Whatever the compiled engine reads or writes within the block is guarded."""
    from tnemu.emulator.engines.compiled import layout

    load = layout.load

    def guarded_load(*arguments: Any, **options: Any) -> Any:
        board = load(*arguments, **options)
        changes = {}
        for name, value in board._asdict().items():
            if isinstance(value, np.ndarray):
                copy = guarded(value.shape, value.dtype, at_end=at_end)
                copy[...] = value
                copy.flags.writeable = value.flags.writeable
                changes[name] = copy
        return board._replace(**changes)

    def aligned(shape: Any, dtype: Any) -> np.ndarray:
        return guarded(shape, dtype, at_end=at_end)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layout, "load", guarded_load)
        patch.setattr(layout, "aligned", aligned)
        for name in MODULES:
            with contextlib.suppress(ImportError):
                module = importlib.import_module(f"tnemu.emulator.{name}")
                if hasattr(module, "np"):
                    patch.setattr(module, "np", Numpy(at_end))
        yield
