"""A film holds the pictures it was given, at the speed it was given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tnemu.measure.video import write_gif


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (128, 3), dtype=np.uint8)  # as many as the console has
    return [colours[rng.integers(0, 128, (21, 16))] for _ in range(count)]


def test_pictures_come_out_as_they_went_in(tmp_path: Path) -> None:
    from PIL import Image

    given = pictures(5)
    assert write_gif(tmp_path / "run.gif", given, 15) == 5
    with Image.open(tmp_path / "run.gif") as film:
        assert film.n_frames == 5
        for index, picture in enumerate(given):
            film.seek(index)
            assert np.array_equal(np.asarray(film.convert("RGB")), picture)


@pytest.mark.parametrize("rate_hz", [15.0, 12.5, 7.3, 30.0])
def test_a_film_is_as_long_as_its_run(tmp_path: Path, rate_hz: float) -> None:
    from PIL import Image

    write_gif(tmp_path / "run.gif", pictures(40), rate_hz)
    with Image.open(tmp_path / "run.gif") as film:
        total_ms = 0
        for index in range(film.n_frames):
            film.seek(index)
            total_ms += film.info["duration"]
    assert total_ms == pytest.approx(40 / rate_hz * 1000, abs=10)


def test_no_pictures_make_no_file(tmp_path: Path) -> None:
    assert write_gif(tmp_path / "run.gif", [], 15) == 0
    assert not (tmp_path / "run.gif").exists()
