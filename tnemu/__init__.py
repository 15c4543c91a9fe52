"""tnemu: IBM's TrueNorth neuromorphic boards, emulated on an ordinary computer.

``import tnemu`` is cheap: numba, torch and the Atari emulator are imported only by what needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tnemu.emulator.emulator import Emulator as Emulator
    from tnemu.emulator.lanes import LaneEmulator as LaneEmulator
    from tnemu.errors import TnemuError as TnemuError
    from tnemu.hardware.board import load_board as load_board
    from tnemu.hardware.image import BoardImage as BoardImage
    from tnemu.lab.fit import fit as fit
    from tnemu.measure import traces as plot

__version__ = "0.1.0"

_HOMES = {
    "BoardImage": "tnemu.hardware.image",
    "Emulator": "tnemu.emulator.emulator",
    "LaneEmulator": "tnemu.emulator.lanes",
    "TnemuError": "tnemu.errors",
    "fit": "tnemu.lab.fit",
    "load_board": "tnemu.hardware.board",
}
__all__ = [
    "BoardImage",
    "Emulator",
    "LaneEmulator",
    "TnemuError",
    "__version__",
    "fit",
    "load_board",
    "plot",
]


def __getattr__(name: str) -> Any:
    if name == "plot":  # plot.raster(), plot.potentials()
        return import_module("tnemu.measure.traces")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'tnemu' has no attribute {name!r}")
