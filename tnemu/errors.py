"""The root of every error that people read."""


class TnemuError(Exception):
    """Any refusal by tnemu that a user can act on; commands print it and exit with status 1."""
