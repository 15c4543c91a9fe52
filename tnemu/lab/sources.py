"""What can be fitted: a name, a path, a trained network, a corelet or a network, told apart by content.

source_of("krull")             a student that is shipped
source_of("mine.safetensors")  a weight file
source_of("net.nir")           a NIR graph, as other tools write it
source_of("ex1.json")          an IBM model file, JSON or compiled (.tnbm): its cores keep their order
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tnemu import zoo
from tnemu.files import opening, place
from tnemu.hardware.image import BoardImage
from tnemu.mapping.errors import FitError
from tnemu.mapping.fit import Plan
from tnemu.mapping.size import Buildable
from tnemu.networks.logical import LogicalNetwork
from tnemu.networks.trained import TrainedNetwork

if TYPE_CHECKING:
    from typing import Any

HEAD_BYTES = 4096
"""Bytes of a file that are looked at to tell what it is."""
GIVE = (
    "give a weight file (.safetensors), an IBM model file (.json, .tnbm), a NIR file (.nir) or a shipped "
    "student's name"
)


@dataclass(frozen=True, eq=False)
class Source:
    """Something to fit: ``name`` for titles; ``in_order`` if its cores come with their order."""

    name: str
    thing: LogicalNetwork | Buildable
    in_order: bool = False


def source_of(what: Any, *, most_bytes: int | None = None) -> Source:
    """What ``what`` stands for, read from its file where it is a name or a path.

    ``most_bytes`` of a model file are read, or else as many as its reader takes.
    Raises ZooError for a name that is neither a file nor shipped, FitError for a file of another
    kind, saying which, and the errors of the readers for a file that is damaged.
    """
    if isinstance(what, Plan | BoardImage):
        image = what.image if isinstance(what, Plan) else what
        raise FitError(
            f"thing is {'a plan' if isinstance(what, Plan) else 'a board image'}: "
            f"{image.core_count:,} cores, already on {image.board.name}; run it with "
            "tnemu.Emulator, or fit the network that it was made from"
        )
    if isinstance(what, str | Path):
        if _exists(what) or Path(what).suffix not in ("", zoo.SUFFIX):
            return _file(Path(what), most_bytes)
        return _weights(zoo.find(what))
    if isinstance(what, TrainedNetwork):
        return _student(what)
    return Source(type(what).__name__, what)


def _exists(path: str | Path) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # longer than a path can be, or with a NUL in it
        return False


def _student(network: TrainedNetwork) -> Source:
    from corelets import Student

    return Source(network.name, Student(network))


def _weights(path: Path) -> Source:
    from tnemu.formats.weights import read_heads

    return _student(read_heads(path)[0])  # all heads of a file have the same chip


def _file(path: Path, most_bytes: int | None) -> Source:
    if path.is_dir():
        raise _folder(path)
    with opening(path, error=FitError) as source:
        head = source.read(HEAD_BYTES)
    kind = kind_of(head, path.suffix)
    if kind == WEIGHTS:
        return _weights(path)
    if kind == MODEL:
        from tnemu.formats.model_file import MOST_BYTES, read_model

        network = read_model(path, most_bytes=most_bytes or MOST_BYTES)
        return Source(path.stem, network, in_order=True)
    if kind == GRAPH:
        import corelets

        return Source(path.stem, corelets.load(path))
    raise FitError(f"{place(path)} holds no network, it is {kind}; {GIVE}")


def _folder(path: Path) -> FitError:
    if not (path / "manifest.json").exists():
        return FitError(f"{place(path)} holds no network, it is a folder; {GIVE}")
    image = BoardImage.load(path)
    return FitError(
        f"{place(path)} is a board image: {image.core_count:,} cores, already on "
        f"{image.board.name}; run it as it is (tnemu run), or fit the file that it was made from"
    )


WEIGHTS, MODEL, GRAPH = "a weight file", "an IBM model file", "a NIR graph"
_STARTS = (
    (b"\x93NUMPY", "an array of numpy (.npy)"),
    (b"PK\x03\x04", "a zip archive, such as arrays of numpy (.npz) or a torch file"),
    (b"\x89HDF\r\n\x1a\n", GRAPH),
    (b"\x80", "a pickled object, and tnemu opens none"),
)


def kind_of(head: bytes, suffix: str = "") -> str:
    """What a file is, in words, from its first bytes: WEIGHTS, MODEL, or something else.

    ``suffix`` decides where a weight file is cut short or a model file begins oddly.
    """
    if head.startswith(b"TNBM"):
        return MODEL
    if head[8:9] == b"{" or suffix == zoo.SUFFIX:
        return WEIGHTS
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if not head:
        return "an empty file"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb"\{\s*\"(class|spike)\"", text) or b'"srcTime"' in text:
        return "a spike file; tnemu run takes it as --spikes"
    if text.startswith(b"{") or suffix in (".json", ".tnbm"):
        return MODEL
    if suffix in (".yaml", ".yml"):
        return "a YAML file; board files go to --board"
    return "a file of a kind that tnemu does not know"
