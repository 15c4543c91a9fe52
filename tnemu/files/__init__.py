"""The one way to open, check, read and write a file.

Reads regular files only, within a stated size, parses strictly, checks types and limits once and
raises the error of the room that asks (``error=``). Writes whole or not at all, through links and
devices, and leaves nothing behind. Nobody else in tnemu opens a file.
"""

from tnemu.files.arrays import (
    COPY_BELOW,
    check_values,
    map_npy,
    read_npy,
    still_whole,
)
from tnemu.files.fields import Fields, parse_fields, read_fields
from tnemu.files.folders import writing_folder
from tnemu.files.forms import append_row, json_text, write_json, write_npy, write_npz
from tnemu.files.json_text import MOST_DEPTH, MOST_DIGITS, bounded_depth, parse_json, read_json
from tnemu.files.npz import read_npz
from tnemu.files.places import BINARY_MOST, TEXT_MOST, PathLike, make_folder, place
from tnemu.files.reading import (
    Source,
    file_sha256,
    opening,
    read_bytes,
    read_text,
    system_text,
    text_of,
)
from tnemu.files.sink import check_writable, write_bytes, write_text, writing
from tnemu.files.tensors import (
    NUMPY_DTYPES,
    Tensor,
    TensorHeader,
    check_safetensors,
    parse_safetensors,
    read_safetensors,
)

__all__ = [
    "BINARY_MOST",
    "COPY_BELOW",
    "MOST_DEPTH",
    "MOST_DIGITS",
    "NUMPY_DTYPES",
    "TEXT_MOST",
    "Fields",
    "PathLike",
    "Source",
    "Tensor",
    "TensorHeader",
    "append_row",
    "bounded_depth",
    "check_safetensors",
    "check_values",
    "check_writable",
    "file_sha256",
    "json_text",
    "make_folder",
    "map_npy",
    "opening",
    "parse_fields",
    "parse_json",
    "parse_safetensors",
    "place",
    "read_bytes",
    "read_fields",
    "read_json",
    "read_npy",
    "read_npz",
    "read_safetensors",
    "read_text",
    "still_whole",
    "system_text",
    "text_of",
    "write_bytes",
    "write_json",
    "write_npy",
    "write_npz",
    "write_text",
    "writing",
    "writing_folder",
]
