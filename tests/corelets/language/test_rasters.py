"""What goes into a model is a raster for each input, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from corelets import CoreletError, Relay
from corelets.language.raster import later


@pytest.mark.parametrize(
    ("rasters", "message"),
    [
        ({}, r"^the model needs a raster for input 'input' of Relay \(.*\), it was given \[\]"),
        ({"inptu": np.zeros((2, 3))}, r"it was given \['inptu'\]; give each input a raster by its"),
        (
            np.zeros((2, 3)),
            r"takes a raster for each input by name, such as \{'input': raster\}, not",
        ),
        ({"input": np.zeros(3)}, r"has shape \(3,\), expected \(ticks, 3\) with at least one tick"),
        ({"input": np.zeros((2, 4))}, r"has shape \(2, 4\), expected \(ticks, 3\)"),
        ({"input": np.zeros((0, 3))}, r"has shape \(0, 3\)"),
        ({"input": np.full((2, 3), 2)}, r"\[0, 0\] = 2: must be a whole number in 0\.\.1"),
        ({"input": np.full((2, 3), 0.5)}, r"\[0, 0\] = 0\.5: must"),
        ({"input": "010"}, r"= '010': must"),
        (
            {"input": np.zeros((2, 3)), "more": np.zeros((3, 3))},
            r"has 2 ticks, that of 'more' has shape \(3, 3\); give all the same ticks",
        ),
    ],
)
def test_a_raster_that_is_none_is_refused(rasters, message):
    relay = Relay(3)
    relay.build()
    with pytest.raises(CoreletError, match=message):
        relay.model(rasters)


def test_a_relay_repeats_its_raster_one_tick_later():
    relay = Relay(2)
    relay.build()
    answer = relay.model({"input": [[1, 0], [0, 0], [1, 1]]})["output"]
    assert answer.tolist() == [[False, False], [True, False], [False, False]]


def test_later_moves_rows_and_keeps_their_number():
    raster = np.eye(3, dtype=bool)
    assert later(raster, 0).tolist() == raster.tolist()
    assert later(raster, 1)[1:].tolist() == raster[:2].tolist()
    assert not later(raster, 1)[0].any()
    for ticks in (3, 4, 100):
        assert later(raster, ticks).tolist() == np.zeros((3, 3), bool).tolist()
