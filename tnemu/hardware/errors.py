"""The errors people read. Each message names the object, its value, the limit and the next step."""


class TnemuError(Exception):
    """Any refusal by tnemu that a user can act on; commands print it and exit with status 1."""


class RangeError(TnemuError, ValueError):
    """A hardware field holds a value that its bits cannot hold."""


class BoardError(TnemuError, ValueError):
    """A board definition is malformed or asks for something no board has."""


class ImageError(TnemuError, ValueError):
    """A board image is inconsistent, damaged, or does not fit its board."""
