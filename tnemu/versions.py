"""Which versions made a result: what reports, provenance and ``tnemu doctor`` name."""

from __future__ import annotations

import platform
from importlib import metadata

import tnemu


def installed(distribution: str) -> str | None:
    """The version of an installed distribution, which is not imported; None where it is absent."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def versions(*distributions: str) -> dict[str, str]:
    """Those of tnemu, Python and ``distributions``; absent ones are left out."""
    found = {name: installed(name) for name in distributions}
    ours = {"tnemu": tnemu.__version__, "python": platform.python_version()}
    return ours | {name: version for name, version in found.items() if version is not None}
