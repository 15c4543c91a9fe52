"""The error of every refusal to put a network on a board."""

from tnemu.errors import TnemuError


class FitError(TnemuError, ValueError):
    """The network does not fit the board; the message says what, by how much, and what to do."""
