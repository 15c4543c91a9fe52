"""Other simulators on the same network, each in a Python environment of its own.

A peer is a short script (``tnemu/targets``) that the peer's own Python runs on a network file::

    python -I peer_<key>.py NETWORK.npz TICKS   ->   {"ticks": ..., "seconds": ..., "spikes": ...}

``seconds`` is the time of ``ticks`` ticks without setting up; ``spikes`` counts those of all TICKS
ticks. The network file holds integers: source, target, weight of every synapse; v of every neuron;
alpha and leak. A spike is seen one tick later.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu import targets
from tnemu.emulator.memory import available_bytes
from tnemu.files import read_text, write_npz, write_text
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import NEURONS
from tnemu.lab.bench.measure import EngineMachine, Row, row, take_turns, warm_up
from tnemu.lab.bench.networks import BenchError, recurrent, start_potentials

RATE_HZ, SYNAPSES = 20.0, 128
"""Of the network that peers are measured on."""
CORES = (64, 512)
"""Sizes at which peers are measured."""
MARK = "tnemu-peer.txt"
"""File that says what an environment was made with; written last."""
SETUP_LIMIT_S = LIMIT_S = 1800.0
"""Longest that installing a peer, and one run of it, may take."""
TURNS = 3
"""Segments of tnemu before a peer, and as many after it."""
SCRIPTS = Path(targets.__file__).parent
"""Where the peers' scripts are."""


@dataclass(frozen=True)
class Peer:
    """A simulator: what its environment needs, and how it differs from tnemu's neurons.

    ``ticks`` that it is given at each of ``CORES``; ``bytes_per_synapse`` it takes while it loads.
    """

    key: str
    name: str
    needs: tuple[str, ...]
    ticks: dict[int, int]
    bytes_per_synapse: int
    differs: str


PEERS = (
    Peer(
        "brian2", "Brian2 2.9.0", ("brian2==2.9.0", "numpy<2"),
        {64: 2000, 512: 400}, 100, "compiled (C++ standalone), double precision; the same spikes",
    ),
    Peer(
        "nest", "NEST 3.10.0", ("nest-simulator==3.10.0", "numpy"),
        {64: 300, 512: 40}, 200, "resets to 0 instead of subtracting the threshold: fires less",
    ),
    Peer(
        "sanafe", "SANA-FE 2.2.9", ("sanafe==2.2.9", "numpy"),
        {64: 200, 512: 20}, 1500, "estimates energy and time as well; the same spikes",
    ),
)  # fmt: skip
"""The peers that are measured."""


def choose(keys: Sequence[str]) -> list[Peer]:
    """The peers of these keys, all if there are none; BenchError for one that does not exist."""
    known = {peer.key: peer for peer in PEERS}
    if unknown := [key for key in keys if key not in known]:
        raise BenchError(f"there is no peer {unknown[0]!r}; choose from: {', '.join(known)}")
    return [known[key] for key in dict.fromkeys(keys)] or list(PEERS)


def check_sizes(cores: Sequence[int]) -> list[int]:
    """The sizes, all if there are none; BenchError for one whose ticks are not known."""
    if unknown := [size for size in cores if size not in CORES]:
        sizes = " or ".join(map(str, CORES))
        raise BenchError(f"peers are not measured with {unknown[0]} cores; choose {sizes}")
    return list(dict.fromkeys(cores)) or list(CORES)


@dataclass(frozen=True)
class NotMeasured:
    """A peer that gave no figure, and why."""

    name: str
    cores: int
    problem: str


def measure_all(
    folder: Path,
    sizes: Sequence[int],
    peers: Sequence[Peer],
    *,
    install: bool = False,
    limit_s: float = LIMIT_S,
    tell: Callable[[str], None] = lambda _: None,
) -> tuple[list[Row], list[NotMeasured]]:
    """A row for every peer and size, and the reasons why others have none.

    Environments are in ``folder``, or are made there first with ``install``. ``limit_s`` is the
    longest that one run of a peer may take; ``tell`` is told what is being done.
    """
    folder = folder.absolute()
    rows: list[Row] = []
    missing: list[NotMeasured] = []
    able = list(peers)
    if install:
        for peer in peers:
            tell(f"installing {peer.name}")
            try:
                set_up(peer, folder)
            except BenchError as error:
                missing.append(NotMeasured(peer.name, 0, str(error)))
                able.remove(peer)
    with tempfile.TemporaryDirectory() as scratch:
        for cores in sizes:
            network = PeerNetwork(cores, Path(scratch) / f"network-{cores}.npz")
            for peer in able:
                tell(f"{peer.name}, {cores} cores")
                try:
                    rows.append(measure_peer(peer, folder, network, limit_s))
                except BenchError as error:
                    missing.append(NotMeasured(peer.name, cores, str(error)))
    return rows, missing


class PeerNetwork:
    """The measured network of one size; built, and written to ``path``, when a peer needs it."""

    def __init__(self, cores: int, path: Path) -> None:
        self.cores, self.path = cores, path

    @cached_property
    def parts(self) -> tuple[BoardImage, npt.NDArray[np.int32]]:
        """The image, and the potentials to start from."""
        image = recurrent(self.cores, RATE_HZ, SYNAPSES, longest_delay=1)
        start = start_potentials(image)
        save_network(image, start, self.path)
        return image, start


def measure_peer(peer: Peer, folder: Path, network: PeerNetwork, limit_s: float) -> Row:
    """The row of one peer: tnemu's figures on one thread, measured just before and just after it.

    ``ratio`` is how many times as fast tnemu is. Raises BenchError with the reason when the peer
    gives no figure.
    """
    cores = network.cores
    _check_able(peer, folder, cores)
    image, start = network.parts
    ticks = peer.ticks[cores]
    engine = EngineMachine(image, start, threads=1)
    engine.run(ticks)
    spikes = engine.counters.spikes
    count = warm_up(engine)
    before = engine.counters
    times = [take_turns([engine], [count], TURNS)]
    found = run_peer(peer, folder, network.path, ticks, limit_s)
    times.append(take_turns([engine], [count], TURNS))
    after = engine.counters
    own = np.concatenate(times)
    theirs = np.full_like(own, found["seconds"] / found["ticks"])
    more = {
        "peer_ms_per_tick": 1000 * float(theirs[0, 0]),
        "peer_ticks": found["ticks"],
        "peer_spikes": found["spikes"],
        "spikes": spikes,
        "differs": peer.differs,
    }
    return row(
        peer.name, np.concatenate([own, theirs], axis=1),
        cores=cores, synapses=SYNAPSES, threads=1, beside="peer", more=more,
        ticks=after.ticks - before.ticks, spikes=after.spikes - before.spikes,
        operations=after.synaptic_operations - before.synaptic_operations,
    )  # fmt: skip


def set_up(peer: Peer, folder: Path) -> None:
    """Make the peer's environment in ``folder``, unless it is there with the same versions.

    Raises BenchError with the last line of what venv or pip said.
    """
    home = folder / peer.key
    if _mark(home) == peer.needs:
        return
    try:
        home.mkdir(parents=True, exist_ok=True)
        commands = (
            [sys.executable, "-m", "venv", "--clear", str(home)],
            [str(_python(home)), "-m", "pip", "install", "--quiet", *peer.needs],
        )
        for command in commands:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=SETUP_LIMIT_S, check=False
            )
            if done.returncode:
                said = done.stderr or done.stdout
                raise BenchError(f"{peer.name} cannot be installed: {_last_line(said)}")
        write_text(home / MARK, "\n".join(peer.needs) + "\n", error=BenchError)
    except subprocess.TimeoutExpired as error:
        raise BenchError(
            f"{peer.name} was not installed within {SETUP_LIMIT_S:g} s; try again"
        ) from error
    except OSError as error:
        raise BenchError(
            f"{peer.name} cannot be installed in {home}: {error.strerror or error}; "
            "choose another folder"
        ) from error


def run_peer(peer: Peer, folder: Path, network: Path, ticks: int, limit_s: float) -> dict[str, Any]:
    """What the peer printed: ticks, seconds, spikes. Raises BenchError with its last words."""
    script = SCRIPTS / f"peer_{peer.key}.py"
    command = [str(_python(folder / peer.key)), "-I", str(script), str(network), str(ticks)]
    # One thread each: what is compared is the work done per processor.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command,
            capture_output=True, text=True, timeout=limit_s, check=False, env=environment,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise BenchError(f"it did not finish within {limit_s:g} s") from None
    except OSError as error:
        raise BenchError(f"it cannot be started: {error.strerror or error}") from error
    if done.returncode < 0:
        raise BenchError(f"it was ended by signal {-done.returncode}: {_last_line(done.stderr)}")
    if done.returncode:
        raise BenchError(f"it failed: {_last_line(done.stderr)}")
    try:
        found = json.loads(_last_line(done.stdout))
        return {
            "ticks": int(found["ticks"]),
            "seconds": float(found["seconds"]),
            "spikes": int(found["spikes"]),
        }
    except (ValueError, KeyError, TypeError):
        raise BenchError(f"it printed no result: {_last_line(done.stdout)}") from None


def save_network(image: BoardImage, start: npt.NDArray[np.int32], path: Path) -> None:
    """Write the network file of an image with one neuron type; V starts at ``start``."""
    source, target, weight = synapses(image)
    kind = image.neuron_types[1]
    arrays: dict[str, npt.NDArray[Any]] = {
        "source": source,
        "target": target,
        "weight": weight,
        "v": start.reshape(-1),
        "alpha": np.array(kind["alpha"], np.int64),
        "leak": np.array(kind["leak"], np.int64),
    }
    write_npz(path, arrays, error=BenchError)


def synapses(
    image: BoardImage,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """(source neuron, target neuron, weight) of every synapse, from neuron to neuron.

    Neuron j of core c has number 256 c + j. For images whose neurons are all of one type.
    """
    core, axon = image.destinations()
    weights = image.neuron_types["s"][1].astype(np.int8)
    pieces = []
    for c in range(image.core_count):
        rows = image.crossbar[core[c], axon[c]].view(np.uint8)
        neuron, column = np.nonzero(np.unpackbits(rows, axis=1, bitorder="little"))
        ends = core[c, neuron]
        types = image.axon_types[ends, axon[c, neuron]]
        pieces.append((NEURONS * c + neuron, NEURONS * ends + column, weights[types]))
    source, target, weight = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return source.astype(np.int32), target.astype(np.int32), weight


def _check_able(peer: Peer, folder: Path, cores: int) -> None:
    """Raises BenchError with why the peer need not be started."""
    home = folder / peer.key
    made = _mark(home)
    if made is None:
        raise BenchError(f"it is not installed in {home}; run: tnemu bench peers --setup {folder}")
    if made != peer.needs:
        raise BenchError(
            f"{home} has {' '.join(made)}, this version of tnemu measures {' '.join(peer.needs)}; "
            f"run: tnemu bench peers --setup {folder}"
        )
    needed = cores * NEURONS * SYNAPSES * peer.bytes_per_synapse
    free = available_bytes()
    if free is not None and needed > free:
        raise BenchError(
            f"it needs about {needed / 1e9:.0f} GB of memory, {free / 1e9:.0f} GB are free"
        )


def _mark(home: Path) -> tuple[str, ...] | None:
    try:
        return tuple(read_text(home / MARK, error=BenchError).split("\n")[:-1])
    except BenchError:
        return None


def _python(home: Path) -> Path:
    return home / "bin" / "python"


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
