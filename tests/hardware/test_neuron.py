"""Neuron parameters: legal at their rails, refused one step beyond, never rounded in silence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tnemu.hardware import NEURON_DTYPE, RangeError, neuron
from tnemu.hardware.neuron import FIELDS, is_stochastic, reset_potential, validate_neurons


@pytest.mark.parametrize("name", sorted(FIELDS))
def test_both_rails_are_legal(name: str) -> None:
    for value in (FIELDS[name].low, FIELDS[name].high):
        assert np.ravel(neuron(**{name: value})[name])[0] == value


@pytest.mark.parametrize("name", sorted(FIELDS))
@pytest.mark.parametrize("side", ["low", "high"])
def test_one_step_beyond_a_rail_is_refused(name: str, side: str) -> None:
    field = FIELDS[name]
    value = field.low - 1 if side == "low" else field.high + 1
    with pytest.raises(RangeError) as caught:
        neuron(**{name: value})
    assert str(caught.value) == (
        f"neuron: {name} = {value} is outside {field.low}..{field.high} ({field.meaning}); "
        "choose a value in that range"
    )


def test_unnamed_parameters_are_zero_or_out_of_reach() -> None:
    record = neuron()
    assert (record["alpha"], record["beta"], record["sigma_VR"]) == (262143, 262143, 1)
    rest = set(FIELDS) - {"alpha", "beta", "sigma_VR"}
    assert not any(np.any(record[name]) for name in rest)


def test_missing_weights_are_zero() -> None:
    assert neuron(s=[3, -4])["s"].tolist() == [3, -4, 0, 0]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"treshold": 3}, "neuron parameter 'treshold' does not exist; known parameters: s, b, "),
        ({"sigma_VR": 0}, "neuron: sigma_VR = 0 is not a sign; use -1 or +1"),
        ({"s": [1] * 5}, "neuron: s has values of shape (5,); give one to 4 values"),
        ({"s": [[1, 2]]}, "neuron: s has values of shape (1, 2); give one to 4 values"),
        ({"alpha": [1, 2]}, "neuron: alpha has values of shape (2,); give one number"),
        ({"alpha": []}, "neuron: alpha has values of shape (0,); give one number"),
        ({"alpha": 2.5}, "neuron: alpha = 2.5 is not a whole number"),
        ({"leak": "3"}, "neuron: leak = '3' is not a whole number"),
        ({"alpha": 2**70}, f"neuron: alpha = {2**70} is not a whole number"),
        ({"alpha": 2**64 - 1}, f"neuron: alpha = {2**64 - 1} is outside 0..262143"),
    ],
)
def test_a_refusal_names_parameter_value_and_limit(
    parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(RangeError) as caught:
        neuron(**parameters)
    assert str(caught.value).startswith(message)


def test_a_table_is_checked_as_one_neuron_is() -> None:
    table = np.array([neuron()] * 3, NEURON_DTYPE)
    validate_neurons(table)
    table["TM"][2] = 19
    with pytest.raises(RangeError, match=r"neuron table: TM = 19 is outside 0\.\.18"):
        validate_neurons(table)
    table["TM"][2] = 0
    table["sigma_VR"][1] = 0
    with pytest.raises(RangeError, match="sigma_VR = 0"):
        validate_neurons(table)


def test_reset_potential_is_sign_times_two_to_the_vr_less_one() -> None:
    table = np.array(
        [neuron(VR=0), neuron(VR=1), neuron(VR=4, sigma_VR=-1), neuron(VR=18, sigma_VR=-1)],
        NEURON_DTYPE,
    )
    assert reset_potential(table).tolist() == [0, 1, -15, -262143]
    assert reset_potential(neuron(VR=3)) == 7


def test_a_neuron_draws_noise_when_b_or_c_or_tm_is_set() -> None:
    table = np.array([neuron(), neuron(b=[0, 1]), neuron(c=1), neuron(TM=1)], NEURON_DTYPE)
    assert is_stochastic(table).tolist() == [False, True, True, True]
