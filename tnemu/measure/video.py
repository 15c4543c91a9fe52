"""A film of a run as an animated GIF.

GIF, because the library that writes it (pillow) comes with matplotlib: no program and no further
package is needed, and every browser and image viewer plays it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from PIL.Image import Image

Picture = npt.NDArray[np.uint8]

SHORTEST_CS = 2
"""Viewers show a picture of less than 2/100 s for longer, so a faster film would run slower."""


def write_gif(path: str | Path | IO[bytes], pictures: Iterable[Picture], rate_hz: float) -> int:
    """Write pictures uint8 [height, width, 3] as a film of ``rate_hz`` pictures a second.

    Returns how many pictures it holds; none at all writes no file. A GIF counts time in 1/100 s:
    durations are rounded so that the film as a whole keeps its speed. At most 50 pictures a second.
    """
    images = (_image(picture) for picture in pictures)
    first = next(images, None)
    if first is None:
        return 0
    durations = _durations_ms(rate_hz)
    count = 1

    def counted() -> Iterator[Image]:
        nonlocal count
        for image in images:
            count += 1
            image.info["duration"] = next(durations)
            yield image

    first.info["duration"] = next(durations)
    first.save(path, format="GIF", save_all=True, append_images=counted(), loop=0)
    return count


def _durations_ms(rate_hz: float) -> Iterator[int]:
    """10 ms times 7, 6, 7, 7, 6, ... for 15 pictures a second."""
    shown, picture = 0, 0
    while True:
        picture += 1
        until = round(100 * picture / rate_hz)
        step = max(until - shown, SHORTEST_CS)
        shown += step
        yield 10 * step


def _image(picture: Picture) -> Image:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(picture)).quantize(256, dither=Image.Dither.NONE)
