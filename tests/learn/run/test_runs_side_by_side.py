"""Runs in processes of their own: results in whatever order they end, errors with the run's number."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tnemu.errors import TnemuError, whole
from tnemu.learn.run.side_by_side import side_by_side


def test_every_call_gives_its_result() -> None:
    assert sorted(side_by_side(divmod, [(7, 2), (9, 4), (5, 5)], jobs=2)) == [
        (0, (3, 1)),
        (1, (2, 1)),
        (2, (1, 0)),
    ]


def test_an_error_has_the_words_of_the_run_and_ends_the_others() -> None:
    calls = [("seconds", 600, 0, 9), ("ticks", 3, 4, 5)]
    began = time.monotonic()
    with pytest.raises(TnemuError, match=r"run 1: seconds = 600: must be a whole number in 0..9"):
        list(side_by_side(refusing, calls[:1], jobs=1))
    with pytest.raises(TnemuError, match=r"run 2: .* must be a whole number in 4..5"):
        list(side_by_side(refusing, [("sleep", 600, 0, 0), calls[1]], jobs=2))
    assert time.monotonic() - began < 300  # nobody waited for the sleeper


def refusing(name: str, value: int, low: int, high: int) -> None:
    if name == "sleep":
        time.sleep(value)
    whole(name, value, low, high, error=TnemuError)


def test_a_run_that_dies_is_told_with_its_status() -> None:
    with pytest.raises(
        TnemuError, match="run 1 ended with status -9 and said nothing of its result"
    ):
        list(side_by_side(die, [()], jobs=1))


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
