"""The error of every network that cannot be."""

from tnemu.errors import TnemuError


class NetworkError(TnemuError, ValueError):
    """A network refers to something that is not there, or asks for what cannot be computed."""
