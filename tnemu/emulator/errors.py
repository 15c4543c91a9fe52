"""The refusals of the emulator."""

from __future__ import annotations

from tnemu.errors import TnemuError


class EmulatorError(TnemuError, ValueError):
    """The emulator is asked for something that it cannot do."""
