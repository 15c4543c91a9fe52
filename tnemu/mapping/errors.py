"""The error of every refusal to put a network on a board, and what mapping warns of."""

from tnemu.errors import TnemuError


class FitError(TnemuError, ValueError):
    """The network does not fit the board; the message says what, by how much, and what to do."""


class LateInputs(UserWarning):
    """An explicit delay holds up inputs that have none."""
