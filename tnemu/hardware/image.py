"""The board image: the exact bits that a board is loaded with, and nothing else."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tnemu import files
from tnemu.hardware import image_checks, image_file
from tnemu.hardware.connectors import TAP_DTYPE, InputConnector, OutputConnector
from tnemu.hardware.errors import ImageError
from tnemu.hardware.image_arrays import NOT_CONNECTED, ImageArrays
from tnemu.hardware.image_file import FORMAT

__all__ = [
    "FORMAT",
    "NOT_CONNECTED",
    "TAP_DTYPE",
    "BoardImage",
    "InputConnector",
    "OutputConnector",
]


@dataclass(frozen=True, eq=False)
class BoardImage(ImageArrays):
    """What every core of a board holds, by core index 0..n-1 (logical order, not placement).

    positions     int32  [n, 3]       (unit, x, y) of the core on the board, x and y over all chips
    core_ids      int64  [n]          the core's number in the network it came from
    seeds         uint32 [n]          noise seed of the core
    axon_types    uint8  [n, 256]     G_i in 0..3
    crossbar      uint64 [n, 256, 4]  row i = axon i; bit j % 64 of word j // 64 = neuron j
    neuron_types  record [k]          the distinct neuron parameter records; record 0 is unused
    types         uint16 [n, 256]     index into ``neuron_types``; 0 = the neuron is not evaluated
    targets       uint32 [n, 256]     destination packet word; delay 0 = sends nothing

    It is an :class:`ImageArrays` that can be validated, and then is frozen; hashed; saved and loaded.
    """

    _frozen: bool = field(default=False, init=False, repr=False)
    _sha256: str | None = field(default=None, init=False, repr=False)
    _folder: str = field(default="", init=False, repr=False)

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
        image_file.save_image(self, self.sha256(), folder)

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
