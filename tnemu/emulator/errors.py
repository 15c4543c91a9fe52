"""The refusals of the emulator."""

from __future__ import annotations

from tnemu.errors import TnemuError


class EmulatorError(TnemuError, ValueError):
    """The emulator is asked for something that it cannot do."""


class InputError(TnemuError, ValueError):
    """An input spike names a core, axon, pin or tick that does not exist or is over."""


class SnapshotError(TnemuError, ValueError):
    """A snapshot cannot be written, is damaged, or belongs to another image."""
