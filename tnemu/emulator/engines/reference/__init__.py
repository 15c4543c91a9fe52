"""The engine ``reference``: the equations in plain Python integers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tnemu.emulator.engines import EngineEntry

if TYPE_CHECKING:
    from tnemu.emulator.engine import Engine
    from tnemu.hardware.image import BoardImage


def _make(image: BoardImage, _threads: int | None) -> Engine:
    from tnemu.emulator.engines.reference.engine import ReferenceEngine

    return ReferenceEngine(image)


def _needs_bytes(image: BoardImage, _threads: int | None) -> int:
    from tnemu.emulator.engines.reference.engine import needs_bytes

    return needs_bytes(image)


ENTRY = EngineEntry(
    name="reference",
    what="the equations in plain Python: slow, obvious, and what every other engine is tested against",
    make=_make,
    needs_bytes=_needs_bytes,
    slow=True,
)
