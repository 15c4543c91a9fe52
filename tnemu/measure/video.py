"""A film of a run: MP4, an animated GIF or an animated PNG, by its suffix.

GIF and PNG are written by pillow, which comes with matplotlib, and play in every browser; MP4 (H.264) is
written by the ffmpeg that the package imageio-ffmpeg brings, an extra.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError
from tnemu.files import read_bytes

if TYPE_CHECKING:
    from PIL.Image import Image

Picture = npt.NDArray[np.uint8]

SUFFIXES = (".mp4", ".gif", ".png")

SHORTEST_CS = 2
"""Viewers show a picture of less than 2/100 s for longer, so a faster film would run slower."""


class VideoError(TnemuError, ValueError):
    """A film that cannot be made."""


def check_video(path: str | Path) -> None:
    """Refuse a suffix that no film has, and MP4 where its library is not installed."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise VideoError(
            f"a film is not written to {path}: its name must end in one of {', '.join(SUFFIXES)}"
        )
    if suffix == ".mp4":
        try:
            import imageio_ffmpeg  # noqa: F401
        except ImportError as error:
            raise VideoError(
                f"{path}: MP4 needs imageio-ffmpeg; install it with pip install '.[video]', or "
                "choose a .gif"
            ) from error


def write_video(file: IO[bytes], suffix: str, pictures: Iterable[Picture], rate_hz: float) -> int:
    """Write pictures uint8 [height, width, 3] of one size, ``rate_hz`` of them a second, to ``file``.

    ``suffix``: one of SUFFIXES. Returns how many pictures it holds; of none at all, nothing is written.
    """
    write: Callable[[IO[bytes], Iterable[Picture], float], int] = {
        ".mp4": write_mp4,
        ".gif": write_gif,
        ".png": write_png,
    }[suffix.lower()]
    return write(file, pictures, rate_hz)


def write_mp4(file: IO[bytes], pictures: Iterable[Picture], rate_hz: float) -> int:
    """H.264 in an MP4 that begins to play before it is loaded; sides of pictures are even."""
    import tempfile

    import imageio_ffmpeg

    remaining = iter(pictures)
    first = next(remaining, None)
    if first is None:
        return 0
    # ffmpeg goes back to the beginning of what it writes, so it needs a place of its own.
    with tempfile.TemporaryDirectory() as folder:
        place = f"{folder}/film.mp4"
        writer = imageio_ffmpeg.write_frames(
            place,
            (first.shape[1], first.shape[0]),
            fps=rate_hz,
            macro_block_size=2,
            output_params=["-movflags", "+faststart", "-threads", "1"],
        )
        writer.send(None)
        count = 0
        for picture in chain([first], remaining):
            writer.send(np.ascontiguousarray(picture))
            count += 1
        writer.close()
        file.write(read_bytes(place, error=VideoError, what="film"))
    return count


def write_gif(path: str | Path | IO[bytes], pictures: Iterable[Picture], rate_hz: float) -> int:
    """Write pictures uint8 [height, width, 3] as a film of ``rate_hz`` pictures a second.

    Returns how many pictures it holds; none at all writes no file. A GIF counts time in 1/100 s:
    durations are rounded so that the film as a whole keeps its speed. At most 50 pictures a second.
    """
    images, durations = (_image(picture) for picture in pictures), _durations_ms(rate_hz)
    first = next(images, None)
    if first is None:
        return 0
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


def write_png(path: str | Path | IO[bytes], pictures: Iterable[Picture], rate_hz: float) -> int:
    """The same as an animated PNG, every colour kept; viewers that know none show the first picture."""
    from PIL import Image

    pictures = pictures if isinstance(pictures, Sized) else list(pictures)
    if not len(pictures):
        return 0
    shown = partial(map, lambda picture: Image.fromarray(np.ascontiguousarray(picture)))
    rest = _Again(lambda: islice(shown(pictures), 1, None))
    durations = list(islice(_durations_ms(rate_hz), len(pictures)))
    next(iter(shown(pictures))).save(
        path, format="PNG", save_all=True, append_images=rest, loop=0, duration=durations
    )
    return len(pictures)


class _Again:
    """Pillow goes through the pictures of a PNG twice: made anew, they need not be kept."""

    def __init__(self, make: Callable[[], Iterator[Image]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Image]:
        return self._make()


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
