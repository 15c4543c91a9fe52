"""Picture files as arrays of one size: PNG, JPEG, BMP, GIF, PPM and WebP, by pillow."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from tnemu import files
from tnemu.tasks.classify.data import DataError, Images

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "WEBP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".webp")
MOST_BYTES, MOST_PIXELS = 1 << 26, 1 << 26

Box = tuple[int, int, int, int]
"""left, top, right, bottom in pixels; right and bottom are outside."""


def read_picture(path: Path, shape: tuple[int, int, int], box: Box | None = None) -> Images:
    """The picture uint8 of ``shape`` (channels 1 or 3, rows, columns), cut to ``box`` and then scaled
    bilinearly where it has another size. DataError for what is no picture, or a huge one.
    """
    from PIL import Image

    channels, rows, columns = shape
    data = files.read_bytes(path, error=DataError, what="picture", most_bytes=MOST_BYTES)
    where = files.place(path)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as found:
            if found.width * found.height > MOST_PIXELS:
                raise DataError(
                    f"{where} has {found.width:,} x {found.height:,} pixels, the limit is "
                    f"{MOST_PIXELS:,}; make it smaller"
                )
            picture = found.convert("L" if channels == 1 else "RGB")
    except DataError:
        raise
    except Exception as error:  # whatever pillow says of damaged files
        raise DataError(f"{where} is no picture that can be read ({error}); get it again") from None
    if box is not None:
        left, top, right, bottom = box
        if not (0 <= left < right <= picture.width and 0 <= top < bottom <= picture.height):
            raise DataError(
                f"{where}: the box {left}, {top}, {right}, {bottom} is not inside its {picture.width} x "
                f"{picture.height} pixels; correct the list of boxes"
            )
        picture = picture.crop(box)
    if picture.size != (columns, rows):
        picture = picture.resize((columns, rows), Image.Resampling.BILINEAR)
    array = np.asarray(picture, np.uint8)
    return np.ascontiguousarray(array.reshape(rows, columns, channels).transpose(2, 0, 1))
