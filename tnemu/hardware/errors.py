"""The errors people read. Each message names the object, its value, the limit and the next step."""

from tnemu.errors import TnemuError


class RangeError(TnemuError, ValueError):
    """A hardware field holds a value that its bits cannot hold."""


class BoardError(TnemuError, ValueError):
    """A board definition is malformed or asks for something no board has."""


class ImageError(TnemuError, ValueError):
    """A board image is inconsistent, damaged, or does not fit its board."""
