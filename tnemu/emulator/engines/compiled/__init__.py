"""The engine ``compiled``: vector kernels made by numba, on as many threads as pay, and in lanes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnemu.emulator.engines import EngineEntry

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tnemu.emulator.engine import Engine, LaneEngine
    from tnemu.hardware.image import BoardImage


def _make(image: BoardImage, threads: int | None) -> Engine:
    from tnemu.emulator.engines.compiled.engine import CompiledEngine

    return CompiledEngine(image, threads)


def _make_lanes(image: BoardImage, generators: npt.NDArray[np.uint32]) -> LaneEngine:
    from tnemu.emulator.engines.compiled.lane_engine import CompiledLanes

    return CompiledLanes(image, generators)


def _needs_bytes(image: BoardImage, threads: int | None) -> int:
    from tnemu.emulator.engines.compiled.engine import default_threads
    from tnemu.emulator.engines.compiled.sizes import blocks_of, engine_bytes

    cores = image.core_count
    return engine_bytes(cores, blocks_of(image.types), threads or default_threads(cores))


ENTRY = EngineEntry(
    name="compiled",
    what="compiled by numba: fast, on several threads, and many boards at once",
    make=_make,
    needs_bytes=_needs_bytes,
    compiles=True,
    threads=True,
    make_lanes=_make_lanes,
    aliases=("numba",),
)
