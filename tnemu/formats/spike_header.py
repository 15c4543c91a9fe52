"""The header objects that spike files of every encoding begin with.

A text file has two, one a line. A binary file has one or two, ended by the byte 0xFF::

    {"class":"SpikeWriter","encoding":"RAWO6","nscsVersion":"1.4.0"}
    { "defaultDestinationDelay" : 1 } FF
"""

from __future__ import annotations

from typing import Any

from tnemu.errors import shown
from tnemu.files import Source, parse_json, text_of
from tnemu.formats.errors import FormatError
from tnemu.hardware.neuron import MAX_DELAY

CLASS = "SpikeWriter"
NSCS_VERSION = "1.4.0"
"""What every file at hand says wrote it: IBM's simulator, in that version."""
ENCODINGS = ("TEXT", "RAWI3", "RAWO6", "CONNPIN")
"""The encodings that are read."""

_DELAY = "defaultDestinationDelay"
_MOST_BYTES = 1 << 16


def encoding_of(first_line: bytes) -> str:
    """The encoding that the first line names; TEXT where it names none that is known."""
    named = [name for name in ENCODINGS if name.encode() in first_line]
    return named[0] if named else "TEXT"


def class_header(
    text: bytes, source: str, encoding: str, line: int, also: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The first object: its class, encoding, nscsVersion, and the keys ``also``, and no other."""
    header = json_object(text, source, line)
    known = {"class", "encoding", "nscsVersion", *also}
    if header.get("class") != CLASS or header.get("encoding") != encoding or set(header) != known:
        raise FormatError(
            f"{source}:{line}: the header is {shown(text.decode().strip(), 100)}; a spike file "
            f'starts with {{"class":"{CLASS}","encoding":"{encoding}",...}} and the keys '
            f"{', '.join(sorted(known))} (encodings read: {', '.join(ENCODINGS)})"
        )
    return header


def binary_header(file: Source, source: str, encoding: str) -> dict[str, Any]:
    """The members of a binary file's header after the class, encoding and version.

    They stand in the first object or in a second one below it. ``file`` is left at the byte after
    the 0xFF. Raises FormatError where no such byte is, and as :func:`class_header`.
    """
    head, mark, _ = file.read(_MOST_BYTES).partition(b"\xff")
    if not mark:
        raise FormatError(f"{source}: no byte 0xFF ends the header; the file is cut off")
    file.seek(len(head) + 1)
    first, _, second = head.partition(b"\n")
    if second.strip():
        class_header(first, source, encoding, 1)
        return json_object(second, source, 2)
    found = class_header(first, source, encoding, 1, also=(_DELAY,))
    return {_DELAY: found[_DELAY]}


def check_delay(header: dict[str, Any], where: str) -> int:
    """The delay of spikes that have none of their own, 1..15."""
    delay = header[_DELAY]
    if type(delay) is not int or not 1 <= delay <= MAX_DELAY:
        raise FormatError(
            f"{where}: {_DELAY} = {shown(delay)} is not allowed; "
            f"it must be a whole number, 1..{MAX_DELAY}"
        )
    return delay


def only_delay(header: dict[str, Any], source: str) -> int:
    """The default delay of a header that has nothing else to say."""
    if set(header) != {_DELAY}:
        raise FormatError(
            f"{source}:2: the second header object has the keys {shown(list(header))}; "
            f"it has exactly {_DELAY}"
        )
    return check_delay(header, source)


def json_object(data: bytes, source: str, line: int) -> dict[str, Any]:
    """The JSON object that ``data`` is."""
    text = text_of(data, f"{source}:{line}", error=FormatError)
    value = parse_json(text, source, error=FormatError, line=line)
    if not isinstance(value, dict):
        raise FormatError(f"{source}:{line}: this is no JSON object, but {shown(value)}")
    return value
