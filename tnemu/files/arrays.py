"""Array files of numpy (``.npy``): read into memory, or mapped."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING, Any

from tnemu.errors import TnemuError
from tnemu.files.npy_header import Header, Shape, check_header, read_header
from tnemu.files.places import BINARY_MOST, Failure, PathLike
from tnemu.files.reading import Source, opening

if TYPE_CHECKING:
    import numpy.typing as npt

COPY_BELOW = 1 << 26
"""Files of fewer bytes are read into memory by :func:`map_npy` as well: 64 MiB."""


def read_npy(
    path: PathLike | Source,
    *,
    error: Failure,
    what: str = "",
    dtype: Any = None,
    ndim: int | None = None,
    shape: Shape | None = None,
    any_order: bool = False,
    finite: bool = False,
    most_bytes: int = BINARY_MOST,
) -> npt.NDArray[Any]:
    """The array of a ``.npy`` file, in memory, C-contiguous, aligned and writable.

    dtype      what it must hold, exactly; ``str`` takes text of any length; None: any plain type
    ndim       its number of axes; or
    shape      its sizes, None where any size will do
    any_order  takes Fortran order as well, and turns it into C order
    finite     refuses NaN and infinity

    Objects are never read. The header is checked against these and against the file's size before
    memory is asked for. ``path`` may be a file that ``opening`` gave. Raises ``error``.
    """
    wanted = {"dtype": dtype, "ndim": ndim, "shape": shape, "any_order": any_order}
    if isinstance(path, Source):
        return _read(path, _header(path, wanted), finite)
    with opening(path, error=error, what=what, most_bytes=most_bytes) as source:
        return _read(source, _header(source, wanted), finite)


def map_npy(
    path: PathLike,
    *,
    error: Failure,
    what: str = "",
    dtype: Any = None,
    ndim: int | None = None,
    shape: Shape | None = None,
    any_order: bool = False,
    most_bytes: int = 1 << 40,
    copy_below: int = COPY_BELOW,
) -> npt.NDArray[Any]:
    """As :func:`read_npy`, but read-only, and a large file is mapped instead of read.

    A file below ``copy_below`` bytes, or in Fortran order, is read: what then happens to the file
    does not matter. A larger one is mapped, and so it stays connected with its file: when somebody
    cuts that file, the next look at a lost page kills the process (SIGBUS). A file that is replaced,
    as ``writing`` does, is no danger; only one that is cut in place is. Call :func:`still_whole`
    before each long use; what remains is a cut during that use.
    """
    wanted = {"dtype": dtype, "ndim": ndim, "shape": shape, "any_order": any_order}
    with opening(path, error=error, what=what, most_bytes=most_bytes) as source:
        header = _header(source, wanted)
        small = source.size < copy_below or not header.nbytes
        if small or header.fortran or header.offset % _alignment(header):
            array = _read(source, header, False)
        else:
            array = _mapped(source, header)
    array.flags.writeable = False
    return array


def still_whole(array: npt.NDArray[Any], where: str, *, error: Failure) -> None:
    """Raises ``error`` when the file that ``array`` is mapped from was cut; else does nothing.

    A view of a mapped array counts as that array; one in memory is always whole. Costs a system
    call.
    """
    owner: Any = array
    while owner is not None and not isinstance(owner, mmap.mmap):
        owner = owner.obj if isinstance(owner, memoryview) else getattr(owner, "base", None)
    if owner is not None and owner.size() < len(owner):
        raise error(
            f"{where}: its file was cut from {len(owner):,} to {owner.size():,} bytes while it was "
            "in use; restore the file and load it again"
        )


def check_values(
    array: npt.NDArray[Any], where: str, *, error: Failure, finite: bool = False
) -> None:
    """Raises ``error`` for bytes that no value of the type has: a bool of 2, text beyond Unicode.

    ``finite`` refuses NaN and infinity, too. Records are checked field by field.
    """
    import numpy as np

    if array.dtype.names:
        for name in array.dtype.names:
            check_values(array[name], f"{where}: {name}", error=error, finite=finite)
    elif array.dtype.kind == "b":
        if array.size and int(array.view(np.uint8).max()) > 1:
            raise error(f"{where}: it holds a bool that is not 0 or 1; save the array again")
    elif array.dtype.kind == "U":
        native = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("="))
        codes = native.reshape(-1).view(np.uint32)
        if ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any():
            raise error(f"{where}: it holds text that is no Unicode; save the array again")
    elif finite and array.dtype.kind in "fc" and not np.isfinite(array).all():
        raise error(f"{where}: it holds NaN or infinity; only finite numbers are read")


def allocate(header: Header, where: str, error: Failure) -> npt.NDArray[Any]:
    """Memory for the array of a header that was checked, in the order it is stored in."""
    import numpy as np

    try:
        return np.empty(header.shape, header.dtype, order="F" if header.fortran else "C")
    except (MemoryError, ValueError):  # numpy has its own limit for the product of sizes
        raise error(
            f"{where}: its array of {header.nbytes:,} bytes does not fit in memory"
        ) from None


def bytes_of(array: npt.NDArray[Any]) -> memoryview:
    """The bytes of an array that is contiguous in either order, to be filled."""
    import numpy as np

    return memoryview(array.reshape(-1, order="A").view(np.uint8))  # type: ignore[arg-type]


def _header(source: Source, wanted: dict[str, Any]) -> Header:
    def refused(problem: str) -> TnemuError:
        return source.refused(problem)

    header = read_header(lambda count: source.exactly(count, "its .npy header"), refused)
    check_header(header, refused, **wanted)
    left = source.size - source.tell()
    if header.nbytes != left:
        state = "is cut off" if header.nbytes > left else "has more than its array"
        raise refused(
            f"it {state}: {left:,} bytes follow the header, its array takes {header.nbytes:,}; "
            "save the array again"
        )
    return header


def _read(source: Source, header: Header, finite: bool) -> npt.NDArray[Any]:
    import numpy as np

    array = allocate(header, source.where, source.failure)
    source.fill(bytes_of(array), "its array")
    check_values(array, source.where, error=source.failure, finite=finite)
    return np.ascontiguousarray(array).reshape(header.shape)


def _mapped(source: Source, header: Header) -> npt.NDArray[Any]:
    import numpy as np

    try:
        pages = mmap.mmap(source.fileno(), source.size, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        raise source.refused("it cannot be mapped; copy it to a local disk") from None
    flat = np.frombuffer(pages, np.uint8, header.nbytes, header.offset)
    array = flat.view(header.dtype).reshape(header.shape)
    check_values(array, source.where, error=source.failure)
    return array


def _alignment(header: Header) -> int:
    return max(header.dtype.alignment, 8)
