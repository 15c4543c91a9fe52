"""Networks that come with tnemu, by name: ``find("krull")`` is the weight file of Krull's student."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

from tnemu import errors
from tnemu.errors import TnemuError, shown

SUFFIX = ".safetensors"
"""How the name of a weight file ends."""
CLASSIFIERS = "classifiers"
"""Folder of those that name what is in pictures and sounds."""
SIZES = "sizes.json"
"""File of what :func:`sizes` says; ``tnemu zoo --sizes`` prints it anew."""


CONTROL = "control"
"""Folder of the networks for control tasks."""


class ZooError(TnemuError, LookupError):
    """No weight file goes by that name."""


def names() -> list[str]:
    """Names of the students that are shipped, sorted."""
    return _names(resources.files(__name__))


def classifiers() -> list[str]:
    """Names of the classifiers that are shipped, sorted."""
    folder = resources.files(__name__) / CLASSIFIERS
    return _names(folder) if folder.is_dir() else []


def _names(folder: Any) -> list[str]:
    files = folder.iterdir()
    return sorted(file.name[: -len(SUFFIX)] for file in files if file.name.endswith(SUFFIX))


def find(name: str | Path) -> Path:
    """The weight file of that name: a file that exists, or a student or classifier that is shipped.

    Raises ZooError, with near names, when it is neither.
    """
    if not isinstance(name, str | Path):
        raise ZooError(
            f"{shown(name)} is no name of a weight file; give a path or one of {_listed()}"
        )
    path = Path(name)
    try:
        if path.is_file():
            return path
    except (OSError, ValueError):  # longer than a path can be, or with a NUL in it
        pass
    for known, folder in ((names(), "."), (classifiers(), CLASSIFIERS)):
        if str(name) in known:
            return Path(str(resources.files(__name__) / folder / f"{name}{SUFFIX}"))
    hint = did_you_mean(name) or "choose one, or give a file."
    raise ZooError(
        f"no student {shown(str(name))} is shipped, and no weight file has that path; {hint} "
        f"Shipped: {_listed()}"
    )


MACHINES = "machines"
"""Folder of the Boltzmann machines that are shipped."""


def machine_names() -> list[str]:
    """Names of the Boltzmann machines that are shipped, sorted."""
    folder = resources.files(__name__) / MACHINES
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted(file.name[: -len(SUFFIX)] for file in files if file.name.endswith(SUFFIX))


def find_machine(name: str | Path) -> Path:
    """The Boltzmann machine's file of that name: a file that exists, or a machine that is shipped.

    Raises ZooError, with near names, when it is neither.
    """
    path = Path(name)
    try:
        if path.is_file():
            return path
    except (OSError, ValueError):  # longer than a path can be, or with a NUL in it
        pass
    known = machine_names()
    if str(name) in known:
        return Path(str(resources.files(__name__) / MACHINES / f"{name}{SUFFIX}"))
    hint = errors.did_you_mean(str(name), known) or "choose one, or give a file."
    raise ZooError(
        f"no Boltzmann machine {shown(str(name))} is shipped, and no file has that path; {hint} "
        f"Shipped: {', '.join(known) or 'none'}"
    )


def find_player(name: str | Path) -> Path:
    """As ``find``, and of networks in whole numbers for control tasks as well, which are no students:
    cartpole.
    """
    control = resources.files(__name__) / CONTROL / f"{name}{SUFFIX}"
    if isinstance(name, str) and name.isidentifier() and control.is_file():
        return Path(str(control))
    return find(name)


def _listed() -> str:
    return ", ".join([*names(), *classifiers()]) or "none"


def did_you_mean(name: str | Path) -> str:
    """A question with the shipped students whose names are near; empty if there are none."""
    wanted = Path(name).name.removesuffix(SUFFIX).lower()
    return errors.did_you_mean(wanted, [*names(), *classifiers()], cutoff=0.5)


def sizes() -> dict[str, dict[str, Any]]:
    """By hash of a shipped weight file: its ``name``, ``cores`` and ``latency_ticks`` on any board.

    Working them out takes a third of a second for each; a test does, and compares.
    """
    text = (resources.files(__name__) / SIZES).read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found
