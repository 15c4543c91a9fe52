"""examples/find_generator.py finds a generator from what a recording says of its draws."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import FOLDER, recording

EXAMPLE = Path(__file__).parents[2] / "examples" / "find_generator.py"


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    return runpy.run_path(str(EXAMPLE))


def observed(eta: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Bounds on draws that six neurons each with a threshold of its own give, fired or not."""
    rng = np.random.default_rng(seed)
    margin = rng.integers(0, 255, (len(eta), 6))
    low = np.where(margin >= eta[:, None], 0, margin + 1)
    high = np.where(margin >= eta[:, None], margin, 255)
    return low.max(axis=1), high.min(axis=1)


@pytest.mark.parametrize(
    ("directions", "shifts", "bit", "late"),
    [("RLR", (9, 3, 20), 11, 0), ("LRL", (1, 21, 20), 24, 1)],
)
def test_a_generator_is_the_only_one_of_its_family_that_agrees_with_its_draws(
    example: dict[str, Any], directions: str, shifts: tuple[int, ...], bit: int, late: int
) -> None:
    state, states = 123456789, []
    for _ in range(161):
        states.append(state)
        for direction, n in zip(directions, shifts, strict=True):
            state = (state ^ (state << n if direction == "L" else state >> n)) & 0xFFFFFFFF
    eta = np.array(states[late : 160 + late]) >> bit & 255
    low, high = observed(eta, 0)
    found = example["search"](low, high, seed=123456789)
    assert found == [(directions, list(shifts), bit, late)]


def test_draws_of_no_generator_agree_with_none(example: dict[str, Any]) -> None:
    low, high = observed(np.random.default_rng(5).integers(0, 256, 160), 0)
    assert example["search"](low, high) == []


def test_the_draws_are_xorshift32(example: dict[str, Any]) -> None:
    """First states from FFFFFFFF, and Marsaglia's published value after 2463534242."""
    assert [f"{y:08x}" for y in example["draws"](8)] == (
        "ffffffff 0003e01f fc07fdff 74bb9843 f1cc88da 7a28ee91 98a550ec 65a1ffb0".split()
    )
    assert example["draws"](2, seed=2463534242)[1] == 723471715


@pytest.mark.slow
def test_ibms_recording_gives_away_its_generator(
    example: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    recording("spatioTemporalFilter_out.sfro")
    example["main"](FOLDER)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "352,110 monitored evaluations, 6,746 firings",
        "impossible under any noise (V decides against them): 0",
        "open, that is decided by the draw: 8,164",
        "surprise of the recording under independent draws: 4,361 bits",
    ]
    agreeing = [line for line in lines if line.startswith("agrees")]
    assert agreeing == [
        "agrees with every one: y ^= y << 13, y ^= y >> 17, y ^= y << 5; eta = bits 0..7 of the state "
        "before the step"
    ]
    counts = [re.match(r" *([0-9,]+)  ", line) for line in lines]
    wrong = [int(found[1].replace(",", "")) for found in counts if found]
    assert len(wrong) == 16
    assert wrong[0] == wrong[12] == 0
    assert min(wrong[1:12]) > 1300 and min(wrong[13:]) >= 14
