"""Small data sets in official layouts, written byte by byte from their descriptions."""

from __future__ import annotations

import io
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

STORED = {"u1": (2, 9), "f8": (9, 6), "i4": (5, 12)}
"""Of MATLAB files: numpy's kind -> (type of the numbers, class of the array)."""


def idx_bytes(array: np.ndarray) -> bytes:
    sizes = b"".join(struct.pack(">I", n) for n in array.shape)
    return b"\0\0\x08" + bytes([array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def wav_bytes(samples: np.ndarray, rate: int, width: int = 2, channels: int = 1) -> bytes:
    """Whole numbers [n] or, of several channels, one after the other."""
    if width == 3:
        body = b"".join(int(v).to_bytes(3, "little", signed=True) for v in samples)
    else:
        body = samples.astype("u1" if width == 1 else f"<i{width}").tobytes()
    each = width * channels
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * each, each, 8 * width)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"LIST\x03\0\0\0abc\0"
    chunks += b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def sphere_bytes(samples: np.ndarray, rate: int, order: str = "01") -> bytes:
    head = "NIST_1A\n   1024\n"
    head += f"channel_count -i 1\nsample_rate -i {rate}\nsample_n_bytes -i 2\n"
    head += f"sample_byte_format -s2 {order}\nsample_coding -s3 pcm\nend_head\n"
    return head.encode().ljust(1024) + samples.astype("<i2" if order == "01" else ">i2").tobytes()


def picture_bytes(rgb: np.ndarray, kind: str = "PNG") -> bytes:
    """[rows, columns(, 3)]."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(rgb).save(out, kind)
    return out.getvalue()


def mat_bytes(arrays: dict[str, np.ndarray], packed: bool = True) -> bytes:
    def element(kind: int, data: bytes) -> bytes:
        if 0 < len(data) <= 4:
            return struct.pack("<HH", kind, len(data)) + data.ljust(4, b"\0")
        return struct.pack("<II", kind, len(data)) + data.ljust(-(-len(data) // 8) * 8, b"\0")

    out = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x0100) + b"IM"
    for name, array in arrays.items():
        kind, of = STORED[array.dtype.str[1:]]
        body = element(6, struct.pack("<II", of, 0))
        body += element(5, np.array(array.shape, "<i4").tobytes())
        body += element(1, name.encode()) + element(kind, array.tobytes(order="F"))
        whole = struct.pack("<II", 14, len(body)) + body
        out += (
            struct.pack("<II", 15, len(zlib.compress(whole))) + zlib.compress(whole)
            if packed
            else whole
        )
    return out


def python2_batch(images: np.ndarray, labels: list[int], key: str = "labels") -> bytes:
    """A batch of CIFAR as Python 2 pickled it: keys and bytes are its str."""

    def text(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode()

    def number(value: int) -> bytes:
        return b"K" + bytes([value]) if value < 256 else b"J" + struct.pack("<i", value)

    raw = images.tobytes()
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\0\x85U\x01b\x87R"
    array += b"(K\x01" + number(images.shape[0]) + number(images.shape[1]) + b"\x86"
    array += (
        b"cnumpy\ndtype\nU\x02u1K\0K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    )
    array += b"\x89T" + struct.pack("<i", len(raw)) + raw + b"tb"
    listed = b"](" + b"".join(number(label) for label in labels) + b"e"
    return b"\x80\x02}q\x01(" + text("data") + array + text(key) + listed + b"u."


def modern_batch(images: np.ndarray, labels: list[int], protocol: int) -> bytes:
    return pickle.dumps({b"data": images, b"labels": labels}, protocol=protocol)


def write(path: Path, data: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def random_pictures(count: int, *shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (count, *shape)).astype(np.uint8)
