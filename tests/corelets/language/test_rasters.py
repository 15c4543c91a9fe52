"""What goes into a model or a simulation is a raster for each input, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from corelets import Corelet, CoreletError, Input, Output, Relay, Threshold, later
from corelets.language.raster import answers


@pytest.mark.parametrize(
    ("rasters", "message"),
    [
        (
            {},
            r"^simulate\(\) of Relay \(.*\) needs a raster for input 'input' of Relay \(.*\), it was given \[\]",
        ),
        (
            {"inptu": np.zeros((2, 3))},
            r"Relay \(.*\) has no input 'inptu'; it has 'input'; did you mean 'input'\?",
        ),
        ({"input": np.zeros(3)}, r"has shape \(3,\), expected \(ticks, 3\) with at least one tick"),
        ({"input": np.zeros((2, 4))}, r"has shape \(2, 4\), expected \(ticks, 3\)"),
        ({"input": np.zeros((0, 3))}, r"has shape \(0, 3\)"),
        ({"input": np.full((2, 3), 2)}, r"\[0, 0\] = 2: must be a whole number in 0\.\.1"),
        ({"input": np.full((2, 3), 0.5)}, r"\[0, 0\] = 0\.5: must"),
        ({"input": "010"}, r"= '010': must"),
        ({"input": None}, r"no input has a raster, so it has no ticks; give one"),
    ],
)
def test_a_raster_that_is_none_is_refused(rasters, message):
    relay = Relay(3)
    with pytest.raises(CoreletError, match=message):
        relay.simulate(rasters)
    with pytest.raises(CoreletError, match=message.replace("simulate\\(\\)", "the model")):
        answers(relay, rasters)


class Two(Corelet):
    """z[i] = x[i] and y[i]."""

    def __init__(self):
        self.x, self.y, self.z = Input(2), Input((2, 1)), Output(2)
        Threshold(at=2)[2](self.x, self.y.flat) >> self.z


def test_rasters_of_one_run_are_equally_long():
    with pytest.raises(
        CoreletError, match=r"rasters have unequal ticks \('x' 2, 'y' 3\); give all the same"
    ):
        Two().simulate(x=np.zeros((2, 2)), y=np.zeros((3, 2)))


def test_a_raster_comes_flat_or_in_the_shape_of_its_port_and_none_is_silence():
    x, y = np.array([[1, 0], [1, 1]]), np.array([[1, 1], [0, 1]])
    both = Two()
    for shaped in (y, y.reshape(2, 2, 1), y.tolist(), y.astype(float)):
        assert both.simulate(x=x, y=shaped).z.tolist() == (x & y).astype(bool).tolist()
    assert not both.simulate(x=x, y=None).z.any()
    assert both.simulate({"x": x}, y=y, ticks=5).z.shape == (5, 2)


def test_a_model_answers_a_raster_for_each_output_and_nothing_else():
    class Bad(Two):
        def __init__(self, answer):
            super().__init__()
            self.answer = answer
            self.build()

        def model(self, x, y):
            return self.answer

    given = {"x": np.zeros((2, 2), bool), "y": np.zeros((2, 2), bool)}
    for answer, message in (
        (np.zeros((3, 2), bool), r"answers 3 ticks of 'z' to 2; return as many rows as came in"),
        (
            np.zeros((2, 3), bool),
            r"raster of output 'z' of Bad \(.*\) has shape \(2, 3\), expected",
        ),
        ({"q": 1}, r"answers for \['q'\], its outputs are \['z'\]; return a raster for each"),
        (np.full((2, 2), 0.5), r"= 0\.5: must be a whole number in 0\.\.1"),
    ):
        with pytest.raises(CoreletError, match=message):
            answers(Bad(answer), given)
    with pytest.raises(CoreletError, match=r"probabilities of output 'z' .* give floats in 0\.\.1"):
        answers(Bad(np.full((2, 2), 1.5)), given, chances=True)


def test_a_relay_adds_nothing_but_the_wave():
    given = np.array([[1, 0], [0, 0], [1, 1]], bool)
    relay = Relay(2)
    found = relay.simulate(input=given)
    assert found.output.tolist() == relay.model(given).tolist() == given.tolist()
    assert found.latency["output"].tolist() == [1, 1]


def test_later_moves_rows_and_keeps_their_number():
    raster = np.eye(3, dtype=bool)
    assert later(raster, 0).tolist() == raster.tolist()
    assert later(raster, 1)[1:].tolist() == raster[:2].tolist()
    assert not later(raster, 1)[0].any()
    for ticks in (3, 4, 100):
        assert later(raster, ticks).tolist() == np.zeros((3, 3), bool).tolist()
