"""The engines: a folder beside this file is an engine, found by its name, imported when it is used.

The folder's ``__init__`` holds ``ENTRY``, an :class:`EngineEntry` whose ``name`` is the folder's, and
imports nothing heavy: what the entry makes is imported when it is made. That is all there is to do for
a new engine; every test of the contract then runs on it as well.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from tnemu.emulator.errors import EmulatorError
from tnemu.errors import shown

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from tnemu.emulator.engine import Engine, LaneEngine
    from tnemu.hardware.image import BoardImage

DEFAULT = "compiled"
"""The engine that runs where none is named."""


@dataclass(frozen=True)
class EngineEntry:
    """What everybody else may know of an engine before it is made.

    name         the name of its folder
    what         one line that tells a user when to take it
    make         (image, threads) -> Engine; threads is None where the engine is to choose
    needs_bytes  (image, threads) -> bytes that the engine and its state take beside the image
    compiles     its first run compiles, and is worth a warm-up
    slow         so slow that a caller should wait for minutes, not seconds, before it gives up
    threads      it can run on more than one thread
    make_lanes   (image, generators uint32 [lanes, n]) -> LaneEngine, where it has lanes
    aliases      other names that it answers to
    """

    name: str
    what: str
    make: Callable[[BoardImage, int | None], Engine]
    needs_bytes: Callable[[BoardImage, int | None], int]
    compiles: bool = False
    slow: bool = False
    threads: bool = False
    make_lanes: Callable[[BoardImage, npt.NDArray[np.uint32]], LaneEngine] | None = None
    aliases: tuple[str, ...] = ()

    @property
    def lanes(self) -> bool:
        """Whether it runs many boards in lockstep."""
        return self.make_lanes is not None


def registry() -> dict[str, EngineEntry]:
    """Every engine by name, in order of name.

    Raises EmulatorError for a folder without an entry of its own name.
    """
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.ispkg:
            continue
        entry = getattr(import_module(f"{__name__}.{module.name}"), "ENTRY", None)
        if not isinstance(entry, EngineEntry) or entry.name != module.name:
            raise EmulatorError(
                f"the engine folder {module.name!r} has no ENTRY of that name; "
                f"write one in its __init__.py, or take the folder out of {__path__[0]}"
            )
        found[entry.name] = entry
    return found


def find(name: str) -> EngineEntry:
    """The engine of that name, or of that alias; EmulatorError lists the names there are."""
    engines = registry()
    for entry in engines.values():
        if isinstance(name, str) and name in (entry.name, *entry.aliases):
            return entry
    raise EmulatorError(f"there is no engine {shown(name)}; choose one of: {', '.join(engines)}")
