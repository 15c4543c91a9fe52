"""The board image: the exact bits that a board is loaded with, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.errors import shown
from tnemu.hardware import image_checks, image_file, packet
from tnemu.hardware.board import BoardSpec
from tnemu.hardware.connectors import TAP_DTYPE, InputConnector, OutputConnector
from tnemu.hardware.errors import ImageError
from tnemu.hardware.image_file import FORMAT

__all__ = [
    "FORMAT",
    "NOT_CONNECTED",
    "TAP_DTYPE",
    "BoardImage",
    "InputConnector",
    "OutputConnector",
]

NOT_CONNECTED = -1
"""Value of :meth:`BoardImage.destinations` for a neuron that sends nothing."""


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
    _folder: str = field(default="", init=False, repr=False)

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
        image_checks.check_exits(self)
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
        mine = image_checks.normalised(self)
        image_checks.check(mine)
        for name in ("inputs", "outputs", *image_file.ROWS):
            object.__setattr__(self, name, getattr(mine, name))
        object.__setattr__(self, "_sha256", None)
        object.__setattr__(self, "_frozen", True)

    def still_whole(self) -> None:
        """Raises ImageError when a file that the image is mapped from was cut since it was loaded.

        To be called before each long use of the arrays: to look at a page that is no longer there
        ends the process. Costs a system call for each large array, nothing for an image in memory.
        """
        for name, array in image_file.arrays_of(self).items():
            files.still_whole(array, f"{self._folder}/{name}.npy", error=ImageError)

    def sha256(self) -> str:
        """Hash of everything that decides behaviour: board, arrays and connectors (not origin).

        Of a frozen image it is computed once.
        """
        if self._sha256 is not None:
            return self._sha256
        manifest = image_file.manifest_of(self) | {"board": self.board.sha256}
        text = files.json_text(manifest, "the manifest", error=ImageError, sort_keys=True)
        digest = hashlib.sha256(text.encode())
        for name, array in image_file.arrays_of(self).items():
            digest.update(f"{name} {array.dtype.descr} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).view(np.uint8).data)
        found = digest.hexdigest()
        if self._frozen:
            object.__setattr__(self, "_sha256", found)
        return found

    def save(self, folder: str | Path) -> None:
        """Validate the image and write it to ``folder``; it appears whole or not at all.

        Replaces an older image. A link to a folder stays and its folder is replaced. Raises ImageError
        when something that is not a board image has that name already, or it cannot be written, and
        as :meth:`validate` does.
        """
        self.validate()
        image_file.save_image(self, folder)

    @classmethod
    def load(cls, folder: str | Path, *, verify: bool = True) -> BoardImage:
        """Open an image folder; ``verify`` recomputes its hash and checks every field.

        Types, shapes and sizes are checked in any case. Crossbar and targets are mapped where their
        files have 64 MiB or more, and read as they are needed (those of an NS1e have less): see
        :meth:`still_whole` for what that means when somebody cuts one of them meanwhile. All else is
        in memory.

        Raises ImageError when a file is missing, damaged, or of another format version.
        """
        image, digest = image_file.load_image(cls, folder)
        object.__setattr__(image, "_folder", files.place(folder))
        if verify:
            image.validate()
            if image.sha256() != digest:
                raise ImageError(
                    f"{files.place(folder)} does not match its own hash: a file was changed or "
                    "damaged; rebuild the image with 'tnemu fit'"
                )
        return image


Connector = TypeVar("Connector", InputConnector, OutputConnector)
_MOST_SHOWN = 12


def _named(connectors: tuple[Connector, ...], name: str, kind: str) -> Connector:
    for connector in connectors:
        if connector.name == name:
            return connector
    names = [shown(connector.name) for connector in connectors[:_MOST_SHOWN]]
    if len(connectors) > _MOST_SHOWN:
        names.append("...")
    known = ", ".join(names) or "none"
    raise ImageError(f"the image has no {kind} connector {shown(name)}; it has: {known}")
