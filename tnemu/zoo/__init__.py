"""Networks that come with tnemu, by name: ``find("krull")`` is the weight file of Krull's student."""

from __future__ import annotations

import difflib
from importlib import resources
from pathlib import Path

from tnemu.errors import TnemuError

SUFFIX = ".safetensors"


class ZooError(TnemuError, LookupError):
    """No weight file goes by that name."""


def names() -> list[str]:
    """Names of the students that are shipped, sorted."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name[: -len(SUFFIX)] for file in files if file.name.endswith(SUFFIX))


def find(name: str | Path) -> Path:
    """The weight file of that name: a file that exists, or a student that is shipped.

    Raises ZooError, with near names, when it is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    known = names()
    if str(name) in known:
        return Path(str(resources.files(__name__) / f"{name}{SUFFIX}"))
    hint = did_you_mean(name) or "give the path of a weight file."
    raise ZooError(
        f"no weight file {str(name)!r}, and no shipped student of that name; {hint} "
        f"Shipped: {', '.join(known) or 'none'}"
    )


def did_you_mean(name: str | Path) -> str:
    """A question with the shipped students whose names are near; empty if there are none."""
    wanted = Path(name).name.removesuffix(SUFFIX).lower()
    near = difflib.get_close_matches(wanted, names(), 3, 0.5)
    return f"did you mean {' or '.join(near)}?" if near else ""
