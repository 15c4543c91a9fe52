"""The error of every reader and writer in this room."""

from tnemu.errors import TnemuError


class FormatError(TnemuError, ValueError):
    """A file is not what it claims to be; the message names file, place, value and next step."""
