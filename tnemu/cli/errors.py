"""The error of commands that have none of their own."""

from __future__ import annotations

from tnemu.errors import TnemuError


class CommandError(TnemuError, RuntimeError):
    """What a command was asked to do cannot be done, or its result cannot be written."""
