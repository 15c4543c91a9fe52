"""The board image: the exact bits that a board is loaded with, and nothing else.

An image is a folder: ``manifest.json`` and one ``.npy`` file per array, so that arrays are opened
memory-mapped and a reader can look at any of them with numpy alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt

from tnemu.hardware import packet
from tnemu.hardware.board import BoardSpec
from tnemu.hardware.errors import ImageError
from tnemu.hardware.frozen import read_only
from tnemu.hardware.neuron import (
    AXON_TYPES,
    AXONS,
    MAX_DELAY,
    NEURON_DTYPE,
    NEURONS,
    validate_neurons,
)

FORMAT = "tnemu-image-1"
PRIVATE_BYTES = 1 << 26
"""An image folder with arrays of at most so many bytes is read into memory; a larger one is mapped."""
NOT_CONNECTED = -1
"""Value of :meth:`BoardImage.destinations` for a neuron that sends nothing."""

TAP_DTYPE = np.dtype(
    [("pin", np.int32), ("core", np.int32), ("axon", np.int16), ("delay", np.int16)]
)
"""One landing place of an input pin: the spike is seen by (core, axon) ``delay`` ticks later."""


@dataclass(frozen=True, eq=False)
class InputConnector:
    """A named bundle of ``width`` input pins, each landing on any number of axons."""

    name: str
    width: int
    taps: npt.NDArray[np.void]


@dataclass(frozen=True)
class OutputConnector:
    """A named bundle of ``width`` output pins, 256 to an exit of the board.

    ``exits`` are the off-board positions (unit, x, y), one step beyond the edge, whose packets
    belong to this connector; pin ``256 k + axon`` is axon ``axon`` of the k-th exit. ``number`` is
    the connector id of IBM spike files (-32, -33, ...).
    """

    name: str
    width: int
    number: int
    exits: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, eq=False)
class BoardImage:
    """What every core of a board holds, by core index 0..n-1 (logical order, not placement).

    positions     int32  [n, 3]       (unit, x, y) of the core on the board, x and y over all chips
    core_ids      int64  [n]          the core's number in the network it came from
    seeds         uint32 [n]          noise seed of the core
    axon_types    uint8  [n, 256]     G_i in 0..3
    crossbar      uint64 [n, 256, 4]  row i = axon i; bit j % 64 of word j // 64 = neuron j
    neuron_types  record [k]          the distinct neuron parameter records; record 0 is unused
    types         uint16 [n, 256]     index into ``neuron_types``; 0 = the neuron is not evaluated
    targets       uint32 [n, 256]     destination packet word; delay 0 = sends nothing
    """

    board: BoardSpec
    positions: npt.NDArray[np.int32]
    core_ids: npt.NDArray[np.int64]
    seeds: npt.NDArray[np.uint32]
    axon_types: npt.NDArray[np.uint8]
    crossbar: npt.NDArray[np.uint64]
    neuron_types: npt.NDArray[np.void]
    types: npt.NDArray[np.uint16]
    targets: npt.NDArray[np.uint32]
    inputs: tuple[InputConnector, ...] = ()
    outputs: tuple[OutputConnector, ...] = ()
    origin: Mapping[str, Any] = field(default_factory=dict)
    _frozen: bool = field(default=False, init=False, repr=False)
    _sha256: str | None = field(default=None, init=False, repr=False)

    @property
    def core_count(self) -> int:
        """Cores that the image fills, n."""
        return len(self.positions)

    def input(self, name: str) -> InputConnector:
        """The input connector of that name, or an ImageError that lists the names there are."""
        return _named(self.inputs, name, "input")

    def output(self, name: str) -> OutputConnector:
        """The output connector of that name, or an ImageError that lists the names there are."""
        return _named(self.outputs, name, "output")

    def pieces(self) -> list[slice]:
        """The cores in runs of a few thousand, so that a large board loads in little work space."""
        return [slice(i, i + 4096) for i in range(0, self.core_count, 4096)]

    def destinations(
        self, cores: slice = slice(None)
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Where every neuron's packet ends: (target, row), both int32 [n, 256] of the given cores.

        target >= 0 is a core index and row its axon; -1 sends nothing; target <= -2 is output
        connector ``-2 - target`` and row its pin. Raises ImageError for a packet that ends on a
        core that is not loaded, leaves the board where no output connector listens, or asks for a
        pin its connector does not have.
        """
        self._check_exits()
        dx, dy, axon, delay = packet.decode(self.targets[cores])
        sends = (delay != 0) & (self.types[cores] != 0)
        places, core_ids = self.positions[cores], self.core_ids[cores]
        unit = np.broadcast_to(places[:, 0, None], dx.shape)
        x, y = places[:, 1, None] + dx, places[:, 2, None] + dy
        # A one-cell border around the mesh holds the exits' lookup entries.
        width, height = self.board.width, self.board.height
        table = np.full((self.board.units, width + 2, height + 2), NOT_CONNECTED, dtype=np.int32)
        table[self.positions[:, 0], self.positions[:, 1] + 1, self.positions[:, 2] + 1] = np.arange(
            self.core_count
        )
        row = axon.copy()
        base = np.zeros_like(table)
        for index, connector in enumerate(self.outputs):
            for order, (u, ex, ey) in enumerate(connector.exits):
                table[u, ex + 1, ey + 1] = -2 - index
                base[u, ex + 1, ey + 1] = 256 * order
        inside = (x >= -1) & (x <= width) & (y >= -1) & (y <= height)
        cell = (unit, np.where(inside, x + 1, 0), np.where(inside, y + 1, 0))
        target = np.where(sends & inside, table[cell], NOT_CONNECTED).astype(np.int32)
        lost = sends & (target == NOT_CONNECTED)
        if lost.any():
            core, neuron = (int(v[0]) for v in np.nonzero(lost))
            raise ImageError(
                f"core {int(core_ids[core])} neuron {neuron} sends to position "
                f"x={int(x[core, neuron])} y={int(y[core, neuron])}, where no loaded core and no "
                f"output connector is; wire it to a core of the image or disconnect it"
            )
        row = np.where(target <= -2, row + base[cell], row).astype(np.int32)
        for index, connector in enumerate(self.outputs):
            beyond = (target == -2 - index) & (row >= connector.width)
            if beyond.any():
                core, neuron = (int(v[0]) for v in np.nonzero(beyond))
                raise ImageError(
                    f"core {int(core_ids[core])} neuron {neuron} sends to pin "
                    f"{int(row[core, neuron])} of output {connector.name!r}, which has pins "
                    f"0..{connector.width - 1}; make the output wider or wire it elsewhere"
                )
        return target, row

    def _check_exits(self) -> None:
        """Every exit lies one step off the mesh and belongs to one connector; or an ImageError."""
        taken: dict[tuple[int, int, int], str] = {}
        width, height = self.board.width, self.board.height
        for connector in self.outputs:
            if not 0 < connector.width <= 256 * len(connector.exits):
                raise ImageError(
                    f"output {connector.name!r} has {connector.width} pins and "
                    f"{len(connector.exits)} exits; it needs an exit for every 256 pins"
                )
            for unit, x, y in connector.exits:
                place = f"output {connector.name!r} has its exit at unit={unit} x={x} y={y}"
                ring = -1 <= x <= width and -1 <= y <= height
                inside = 0 <= x < width and 0 <= y < height
                if not 0 <= unit < self.board.units or not ring or inside:
                    raise ImageError(
                        f"{place}, which is not one step beyond the mesh of {width} x {height} "
                        f"cores (units 0..{self.board.units - 1}); move the exit to the border"
                    )
                if (unit, x, y) in taken:
                    raise ImageError(
                        f"{place}, which output {taken[unit, x, y]!r} has already; "
                        "give every exit to one output"
                    )
                taken[unit, x, y] = connector.name

    def validate(self) -> None:
        """Every array has its shape and dtype, and every field of it is legal; the image is frozen.

        From then on its arrays are read-only, in the order of their axes and aligned; one that somebody
        could still write to has been copied, so that what was checked is what will run. An image that
        is frozen is not checked again; ``dataclasses.replace`` makes one that is.

        Raises ImageError for what the image holds, BoardError for a core that its board has not,
        RangeError for a neuron parameter.
        """
        if self._frozen:
            return
        try:
            arrays: dict[str, Any] = {k: read_only(getattr(self, k)) for k in _ARRAY_FIELDS}
            mine = dataclasses.replace(
                self,
                inputs=tuple(
                    dataclasses.replace(c, width=_whole(c, "width", 0), taps=read_only(c.taps))
                    for c in self.inputs
                ),
                outputs=tuple(
                    dataclasses.replace(c, width=_whole(c, "width", 0), number=_whole(c, "number"))
                    for c in self.outputs
                ),
                **arrays,
            )
        except ImageError:
            raise
        except ValueError as error:
            raise ImageError(f"the image holds what is no array ({error}); rebuild it") from error
        mine._check()
        for name in ("inputs", "outputs", *_ARRAY_FIELDS):
            object.__setattr__(self, name, getattr(mine, name))
        object.__setattr__(self, "_sha256", None)
        object.__setattr__(self, "_frozen", True)

    def _check(self) -> None:
        """What :meth:`validate` says of the arrays."""
        for name, rank in (("positions", 2), ("neuron_types", 1)):
            if getattr(self, name).ndim != rank:
                raise ImageError(
                    f"image array {name!r} has shape {getattr(self, name).shape}, expected {rank} "
                    "axes; rebuild the image"
                )
        n = self.core_count
        shapes: dict[str, tuple[tuple[int, ...], Any]] = {
            "positions": ((n, 3), np.int32),
            "core_ids": ((n,), np.int64),
            "seeds": ((n,), np.uint32),
            "axon_types": ((n, AXONS), np.uint8),
            "crossbar": ((n, AXONS, NEURONS // 64), np.uint64),
            "neuron_types": ((len(self.neuron_types),), NEURON_DTYPE),
            "types": ((n, NEURONS), np.uint16),
            "targets": ((n, NEURONS), np.uint32),
        }
        for name, (shape, dtype) in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != dtype:
                raise ImageError(
                    f"image array {name!r} is {array.dtype} {array.shape}, "
                    f"expected {np.dtype(dtype)} {shape}; rebuild the image"
                )
        if (self.axon_types >= AXON_TYPES).any():
            raise ImageError(
                f"axon type {int(self.axon_types.max())} does not exist; a core has types 0..3"
            )
        if int(self.types.max(initial=0)) >= len(self.neuron_types):
            raise ImageError(
                f"neuron type {int(self.types.max())} is not in the table of "
                f"{len(self.neuron_types)} types; rebuild the image"
            )
        validate_neurons(self.neuron_types[1:], "neuron types from 1")
        self.board.check_positions(self.positions)
        for kind, names in (
            ("input", [c.name for c in self.inputs]),
            ("output", [c.name for c in self.outputs]),
        ):
            if len(set(names)) != len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise ImageError(f"two {kind} connectors are named {twice!r}; rename one of them")
        for connector in self.inputs:
            self._check_taps(connector)
        self._check_exits()
        for cores in self.pieces():
            self.destinations(cores)

    def _check_taps(self, connector: InputConnector) -> None:
        taps = connector.taps
        if taps.dtype != TAP_DTYPE or taps.ndim != 1:
            raise ImageError(
                f"input {connector.name!r} has taps of type {taps.dtype} {taps.shape}, "
                f"expected a list of {TAP_DTYPE.names}; rebuild the image"
            )
        for name, low, high in (
            ("core", 0, self.core_count - 1),
            ("axon", 0, AXONS - 1),
            ("pin", 0, connector.width - 1),
            ("delay", 1, MAX_DELAY),
        ):
            bad = (taps[name] < low) | (taps[name] > high)
            if bad.any():
                raise ImageError(
                    f"input {connector.name!r} has a tap with {name} = {int(taps[name][bad][0])}, "
                    f"outside {low}..{high}; rebuild the image"
                )

    def sha256(self) -> str:
        """Hash of everything that decides behaviour: board, arrays and connectors (not origin).

        Of a frozen image it is computed once.
        """
        if self._sha256 is not None:
            return self._sha256
        manifest = self._manifest() | {"board": self.board.sha256}
        digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode())
        for name, array in self._arrays().items():
            digest.update(f"{name} {array.dtype.descr} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        found = digest.hexdigest()
        if self._frozen:
            object.__setattr__(self, "_sha256", found)
        return found

    def save(self, folder: str | Path) -> None:
        """Write the image to ``folder``; it appears whole or not at all. Replaces an older image.

        Raises ImageError when something that is not a board image has that name already.
        """
        folder = Path(folder)
        if folder.exists() and not _is_image(folder):
            raise ImageError(f"{folder} exists and is not a board image; choose another name")
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Not tempfile.mkdtemp: its folders are closed to everybody else, and so the image would be.
        scratch = folder.parent / f".{folder.name}.{secrets.token_hex(8)}"
        old = folder.parent / f"{scratch.name}.old"
        scratch.mkdir()
        try:
            manifest = self._manifest() | {"origin": dict(self.origin), "sha256": self.sha256()}
            (scratch / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
            for name, array in self._arrays().items():
                np.save(scratch / f"{name}.npy", array, allow_pickle=False)
            if folder.exists():
                os.replace(folder, old)
            os.replace(scratch, folder)
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            if old.exists():
                os.replace(old, folder)
            raise
        shutil.rmtree(old, ignore_errors=True)

    @classmethod
    def load(cls, folder: str | Path, *, verify: bool = True) -> BoardImage:
        """Open an image folder; ``verify`` recomputes its hash and checks every field.

        Up to PRIVATE_BYTES (64 MB; an NS1e has 41 MB) its arrays are read into memory. Those of a
        larger one stay mapped: a file that is cut while they are read ends the process (SIGBUS), as
        the system does not say so in any other way. An emulator reads them only while it is made.

        Raises ImageError when a file is missing, damaged, or of another format version.
        """
        folder = Path(folder)
        try:
            manifest = json.loads((folder / "manifest.json").read_text())
            if manifest.get("format") != FORMAT:
                raise ImageError(
                    f"{folder} has format {manifest.get('format')!r}, this version reads {FORMAT!r}; "
                    "rebuild the image with 'tnemu fit'"
                )
            digest = str(manifest["sha256"])
            size = sum(file.stat().st_size for file in folder.glob("*.npy"))
            mode: Literal["r"] | None = "r" if size > PRIVATE_BYTES else None
            arrays = {name: _read(folder / f"{name}.npy", mode) for name in _ARRAY_FIELDS}
            inputs = tuple(
                InputConnector(
                    item["name"],
                    item["width"],
                    _read(folder / f"input{index}.npy", mode),
                )
                for index, item in enumerate(manifest["inputs"])
            )
            outputs = tuple(
                OutputConnector(
                    item["name"],
                    item["width"],
                    item["number"],
                    tuple((int(u), int(x), int(y)) for u, x, y in item["exits"]),
                )
                for item in manifest["outputs"]
            )
            image = cls(
                board=BoardSpec.model_validate(manifest["board"]),
                inputs=inputs,
                outputs=outputs,
                origin=manifest["origin"],
                **arrays,
            )
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, ImageError):
                raise
            raise ImageError(
                f"{folder} is not a readable board image ({error}); rebuild it with 'tnemu fit'"
            ) from error
        if verify:
            image.validate()
            if image.sha256() != digest:
                raise ImageError(
                    f"{folder} does not match its own hash: a file was changed or damaged; "
                    "rebuild the image with 'tnemu fit'"
                )
        return image

    def _manifest(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "board": self.board.model_dump(mode="json"),
            "inputs": [{"name": c.name, "width": c.width} for c in self.inputs],
            "outputs": [
                {
                    "name": c.name,
                    "width": c.width,
                    "number": c.number,
                    "exits": [list(e) for e in c.exits],
                }
                for c in self.outputs
            ],
        }

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        arrays: dict[str, npt.NDArray[Any]] = {name: getattr(self, name) for name in _ARRAY_FIELDS}
        return arrays | {f"input{i}": c.taps for i, c in enumerate(self.inputs)}


Connector = TypeVar("Connector", InputConnector, OutputConnector)
_ARRAY_FIELDS = tuple(
    "positions core_ids seeds axon_types crossbar neuron_types types targets".split()
)


def _read(file: Path, mode: Literal["r"] | None) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.load(file, mmap_mode=mode, allow_pickle=False)
    array.flags.writeable = False
    return array


def _whole(connector: InputConnector | OutputConnector, what: str, low: int = -(1 << 31)) -> int:
    """A connector's ``width`` or ``number``, or an ImageError if it is no whole number from ``low``."""
    value, high = getattr(connector, what), (1 << 31) - 1
    if (
        isinstance(value, bool)
        or not isinstance(value, int | np.integer)
        or not low <= value <= high
    ):
        raise ImageError(
            f"connector {connector.name!r} has {what} = {value!r:.60}; it is a whole number, "
            f"{low}..{high}"
        )
    return int(value)


def _is_image(folder: Path) -> bool:
    """True for a folder whose manifest says that it is a board image of some version."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
        return str(manifest["format"]).startswith("tnemu-image-")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _named(connectors: tuple[Connector, ...], name: str, kind: str) -> Connector:
    for connector in connectors:
        if connector.name == name:
            return connector
    known = ", ".join(repr(c.name) for c in connectors) or "none"
    raise ImageError(f"the image has no {kind} connector {name!r}; it has: {known}")
