"""``tnemu doctor``: does this computer have what tnemu needs?

numba, torch and the Atari emulator are looked at and not imported: a doctor that starts the patient's
slowest parts, or crashes with them, tells nobody what is wrong.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from tnemu.cli.lazy import TORCH
from tnemu.emulator import compiling
from tnemu.versions import installed

NEEDED = (
    "numpy",
    "numba",
    "pydantic",
    "PyYAML",
    "safetensors",
    "ale-py",
    "gymnasium",
    "matplotlib",
    "typer",
    "rich",
)
OPTIONAL = {"torch": f"needed only by 'tnemu learn'; {TORCH}"}
GAME = "krull"
"""The game of the shipped student: without its ROM nothing can be played out of the box."""


PROBE_BYTES = 1 << 24
"""Shared memory that is tried; a run maps some 100 MB and touches less."""

COMPILES = "compiles"
ASK = "from tnemu.emulator.engines.compiled import kernels; print(kernels.CACHE, flush=True)"
WARM = f"""{ASK}
from tnemu.emulator import compiling
from tnemu.emulator.warm import warm
compiling.on_compile(lambda: print({COMPILES!r}, flush=True))
warm()
"""
"""Programs that print where kernels are kept, and one that says when it compiles them."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at: ``level`` is ok, note (works without) or missing (does not)."""

    level: str
    what: str
    value: str


def command(
    warm: Annotated[
        bool, typer.Option("--warm", help="Compile the engine now, so that no run has to.")
    ] = False,
) -> None:
    """Check versions, processor, compiler, Atari ROMs and shared memory; status 1 if one is missing."""
    findings = list(examine(warm))
    for finding in findings:
        typer.echo(f"{finding.level:<8}{finding.what:<18}{finding.value}")
    missing = [finding.what for finding in findings if finding.level == "missing"]
    if missing:
        typer.echo(f"error: missing: {', '.join(missing)}", err=True)
        raise typer.Exit(1)


def examine(warm: bool = False) -> Iterator[Finding]:
    """Every finding, in the order a person reads them."""
    yield from _versions()
    yield _processor()
    yield from _compiler(warm)
    yield _roms()
    yield _shared_memory()
    yield _boards()


def _versions() -> Iterator[Finding]:
    import tnemu

    yield Finding("ok", "tnemu", tnemu.__version__)
    python = "ok" if sys.version_info >= (3, 11) else "missing"
    yield Finding(python, "python", f"{platform.python_version()} (3.11 or newer is needed)")
    for name in NEEDED:
        version = installed(name)
        yield Finding("ok" if version else "missing", name, version or f"pip install {name}")
    for name, remark in OPTIONAL.items():
        version = installed(name)
        yield Finding("ok" if version else "note", name, version or f"not installed: {remark}")


def _processor() -> Finding:
    from tnemu.lab.bench.computer import processor, usable_processors

    return Finding(
        "ok", "processor", f"{processor()}, {usable_processors()} of {os.cpu_count()} cores usable"
    )


def _compiler(warm: bool) -> Iterator[Finding]:
    """Which threading layers numba was built with, and where compiled kernels are kept."""
    spec = find_spec("numba")
    if spec is None or spec.origin is None:
        return
    pools = (Path(spec.origin).parent / "np" / "ufunc").glob("*pool.*")
    layers = sorted(path.name.split("pool.")[0] for path in pools if path.suffix in (".so", ".pyd"))
    wanted = os.environ.get("NUMBA_THREADING_LAYER")
    chosen = f", NUMBA_THREADING_LAYER={wanted}" if wanted else ""
    yield Finding("ok", "threading layers", f"workqueue {' '.join(layers)}".rstrip() + chosen)
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        yield Finding("missing", "compiler", compiling.NO_COMPILER)
        return
    yield _kernel_cache(warm)


def _kernel_cache(warm: bool) -> Finding:
    """Where compiled kernels are kept, asked in a process of its own, and how many there are."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", WARM if warm else ASK],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as asked:
        said = []
        for line in asked.stdout or ():
            if line.strip() == COMPILES:
                typer.echo(compiling.NOTICE, err=True)
            else:
                said.append(line.strip())
        errors = asked.stderr.read() if asked.stderr else ""
    if asked.returncode or not said:
        reason = (errors.strip().splitlines() or ["no reason given"])[-1]
        return Finding("missing", "kernel cache", f"the engine cannot be loaded: {reason}")
    folder = Path(said[0])
    count = len(list(folder.rglob("*.nbc")))
    if warm:
        took = time.perf_counter() - began
        return Finding("ok", "kernel cache", f"{folder}, {count} kernels, warm ({took:.1f} s)")
    if folder.parent == Path(tempfile.gettempdir()) / f"tnemu-{os.getuid()}":
        remark = "is temporary: the first tick will be slow again; set TNEMU_CACHE_DIR"
        return Finding("note", "kernel cache", f"{folder} {remark}")
    advice = "" if count else "; 'tnemu doctor --warm' compiles them now"
    return Finding("ok", "kernel cache", f"{folder}, {count} kernels{advice}")


def _roms() -> Finding:
    spec = find_spec("ale_py")
    if spec is None or spec.origin is None:
        return Finding("missing", "Atari ROMs", "ale-py is not installed; pip install ale-py")
    folder = Path(spec.origin).parent / "roms"
    games = sorted(path.stem for path in folder.glob("*.bin"))
    if GAME not in games:
        return Finding("missing", "Atari ROMs", f"no {GAME}.bin in {folder}; reinstall ale-py")
    return Finding("ok", "Atari ROMs", f"{len(games)} games in {folder}")


def _shared_memory() -> Finding:
    """What host and board exchange spikes in, made as the link makes it: a file without a name."""
    import numpy as np

    from tnemu.runtime.link import SharedArrays

    try:
        memory = SharedArrays({"probe": (np.uint8, (PROBE_BYTES,))})
        memory["probe"][:] = 1
        memory.close()
    except (OSError, AttributeError) as error:  # the latter where there is no memfd_create
        remark = "host and board exchange spikes there; see the limits of this shell with ulimit -a"
        return Finding("missing", "shared memory", f"{error}: {remark}")
    return Finding("ok", "shared memory", f"usable, {PROBE_BYTES >> 20} MB tried")


def _boards() -> Finding:
    from tnemu.hardware.board import board_names, load_board
    from tnemu.hardware.errors import BoardError

    try:
        return Finding("ok", "boards", ", ".join(load_board(name).name for name in board_names()))
    except BoardError as error:
        return Finding("missing", "boards", f"{error}; reinstall tnemu")
