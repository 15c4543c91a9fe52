"""examples/digits.py: IBM's classifier gives IBM's answers, and digits can be typed."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import FOLDER, recording

EXAMPLE = Path(__file__).parents[2] / "examples" / "digits.py"
FOUR = """


    ##     ##
    ##     ##
    ##     ##
    ##    ###
    #########
     ########
          ##
          ##
          ##
          ##
"""


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLE))


@pytest.mark.slow
def test_recorded_and_typed_digits_are_classified_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording("mnist_neil2.tnbm")
    (tmp_path / "four.txt").write_text(FOUR)
    arguments = [FOLDER, "--draw", tmp_path / "four.txt", "--picture", tmp_path / "digits.png"]
    monkeypatch.setattr(sys, "argv", ["digits.py", *map(str, arguments)])
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "20 recorded digits, classified: 2 1 8 0 6 1 2 9 6 5 4 9 2 5 4 9 3 2 1 2",
        "spikes of the ten classes: the same as IBM's run time recorded, 486 in all",
    ]
    assert lines[2].startswith(f"{tmp_path}/four.txt: 4 ")
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")


def test_the_recorded_digits_are_found_in_the_mnist_test_set(
    example: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    mnist = FOLDER.parent / "sets" / "mnist.npz"
    recording("mnist_neil2.tnbm")
    if not mnist.exists():
        pytest.skip("mnist.npz is not at hand")
    pictures, _ = example["recorded"](FOLDER)
    example["compare_with_mnist"](example["Classifier"](FOLDER), mnist, pictures)
    text = capsys.readouterr().out
    assert "index [6384, 2997, 1232, 5932, 3088, " in text
    assert "all but 16 of 5,120 pixels equal" in text
    assert "cut at 64: 9,001 of 10,000 right (90.0%)" in text


def test_a_picture_is_shrunk_by_means_of_seven_quarters(example: dict[str, Any]) -> None:
    digits = np.zeros((1, 28, 28), np.uint8)
    digits[0, 0, 0], digits[0, 1, 1] = 49, 98
    found = example["shrunk"](digits)
    # In quarters of a pixel: 4 x 4 of the first are in the first mean of 7 x 7, 3 x 3 of the second.
    assert found[0, 0, 0] == (16 * 49 + 9 * 98) / 49
    assert found[0, 1, 1] == 98 / 49  # 1 x 1
    assert np.isclose(found.sum() * 49, 16 * (49 + 98))


def test_a_drawing_may_be_small_and_not_too_large(example: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "a").write_text("#\n.#")
    found = example["drawn"](tmp_path / "a")
    assert found.shape == (16, 16) and np.argwhere(found).tolist() == [[0, 0], [1, 1]]
    for text in ("\n" * 17, "#" * 17):
        (tmp_path / "b").write_text(text)
        with pytest.raises(SystemExit, match="is larger than 16 x 16 characters; draw it smaller"):
            example["drawn"](tmp_path / "b")


def test_votes_are_spikes_by_class_and_no_spike_is_no_answer(example: dict[str, Any]) -> None:
    votes = example["count"](np.array([0, 0, 1, -1]), np.array([0, 25, 249, 3]), 3)
    assert votes[0].tolist() == [1, 1] + [0] * 8 and votes[1].tolist() == [0] * 9 + [1]
    assert example["answers"](votes) == ["0", "9", "-"]
