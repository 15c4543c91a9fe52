"""Sound files: RIFF WAVE of whole numbers (8, 16, 24, 32 bits), and the NIST SPHERE files of TIMIT.

Several channels become their mean. Samples are floats in -1..1.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.formats.errors import FormatError

MOST_BYTES = 1 << 28
Samples = npt.NDArray[np.float64]


def read_sound(path: Path) -> tuple[Samples, int]:
    """Samples float64 [n] and their rate in Hz. FormatError says what is wrong with the file."""
    data = files.read_bytes(path, error=FormatError, what="sound", most_bytes=MOST_BYTES)
    where = files.place(path)
    if data[:7] == b"NIST_1A":
        return _sphere(data, where)
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise FormatError(f"{where} is no sound: it is neither RIFF WAVE nor NIST SPHERE")
    rate, channels, width, body = _riff(data, where)
    return _samples(body, channels, width, "<", where), rate


def _riff(data: bytes, where: str) -> tuple[int, int, int, bytes]:
    """(rate, channels, bytes a sample, the samples) of a WAVE file."""
    at, shape = 12, None
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 8 + size]
        if name == b"fmt " and len(body) >= 16:
            form, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
            if form == 0xFFFE and len(body) >= 26:  # extensible: the form is in its GUID
                form = int.from_bytes(body[24:26], "little")
            if form != 1 or bits not in (8, 16, 24, 32) or not channels or not rate:
                raise FormatError(
                    f"{where}: WAVE form {form}, {bits} bits, {channels} channels, {rate} Hz; only "
                    "uncompressed whole numbers of 8, 16, 24 or 32 bits are read, convert it"
                )
            shape = (rate, channels, bits // 8)
        elif name == b"data" and shape is not None:
            if size > len(data) - at - 8 and size < 0xFFFFFF00:  # streams do not know theirs
                raise FormatError(
                    f"{where} is cut off: {size:,} bytes of sound, {len(body):,} there"
                )
            return *shape, body
        at += 8 + size + (size & 1)
    raise FormatError(f"{where} is a WAVE file without sound; get it again")


def _sphere(data: bytes, where: str) -> tuple[Samples, int]:
    """A NIST SPHERE file: lines ``name -i value`` up to ``end_head``, then the samples."""
    try:
        size = int(data[8:16])
        lines = data[16:size].decode("ascii").split("end_head")[0].splitlines()
        facts = {part[0]: part[2] for part in (line.split(None, 2) for line in lines) if part[2:]}
        rate, channels = int(facts["sample_rate"]), int(facts.get("channel_count", "1"))
        width, order = int(facts["sample_n_bytes"]), facts.get("sample_byte_format", "01").strip()
        coding = facts.get("sample_coding", "pcm").strip()
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        raise FormatError(
            f"{where}: its NIST SPHERE header is damaged ({error}); get it again"
        ) from None
    if coding != "pcm" or width not in (1, 2) or not 1 <= channels <= 64 or rate < 1:
        raise FormatError(
            f"{where}: NIST SPHERE coding {coding!r}, {width} bytes, {channels} channels; only pcm of 1 "
            "or 2 bytes is read, unpack it with NIST's tools"
        )
    return _samples(data[size:], channels, width, ">" if order == "10" else "<", where), rate


def _samples(body: bytes, channels: int, width: int, order: str, where: str) -> Samples:
    body = body[: len(body) // (channels * width) * channels * width]
    if not body:
        raise FormatError(f"{where} holds no sample; take it away or get it again")
    if width == 3:
        raw = np.frombuffer(body, np.uint8).reshape(-1, 3)
        wide = np.zeros((len(raw), 4), np.uint8)
        wide[:, 1:] = raw
        values = wide.view("<i4").ravel() / 2.0**31
    elif width == 1:
        values = (np.frombuffer(body, np.uint8).astype(np.float64) - 128.0) / 128.0
    else:
        values = np.frombuffer(body, f"{order}i{width}").astype(np.float64) / 2.0 ** (8 * width - 1)
    return np.asarray(values.reshape(-1, channels).mean(axis=1), np.float64)
