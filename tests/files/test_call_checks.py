"""Messages show any value in a line, and parameters are whole, finite or known, or refused by name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tnemu.errors import TnemuError, did_you_mean, one_of, real, shown, whole


class _Error(TnemuError, ValueError):
    pass


class _Hostile:
    def __repr__(self) -> str:
        raise RuntimeError

    def __len__(self) -> int:
        raise RuntimeError


class _HostileList(list):
    def __iter__(self):  # type: ignore[no-untyped-def]
        raise RuntimeError


def _deep(depth: int) -> Any:
    value: Any = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "5"),
        (True, "True"),
        (2.5, "2.5"),
        (None, "None"),
        ("a\nb", r"'a\nb'"),
        ("\ud800", r"'\ud800'"),
        (b"x", "b'x'"),
        ([1, "a", (2,)], "[1, 'a', (2,)]"),
        ({"a": {"b": [1]}}, "{'a': {'b': [1]}}"),
        (np.uint8(2), "np.uint8(2)"),
        (np.array([1, 2]), "array([1, 2])"),
        (np.zeros((100, 3), np.float32), "<ndarray of float32, shape (100, 3)>"),
        (_Hostile(), "<_Hostile>"),
        (_HostileList([1]), "<_HostileList>"),
        (_deep(100_000), "[[[[...]]]]"),
        (10**10_000, "<a whole number of about 10001 digits>"),
        (int, "<class int>"),
    ],
    ids=shown,
)
def test_a_value_is_shown_in_a_line(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    "value",
    ["x" * 10**7, b"x" * 10**7, [["y" * 10**6] * 1000] * 1000, -(10**100_000), {"k" * 10**7: 1}],
    ids=shown,
)
def test_what_is_shown_is_short_and_says_that_it_is_cut(value: Any) -> None:
    assert len(shown(value)) <= 80
    assert "..." in shown(value) or "digits" in shown(value)
    assert len(shown(value, 30)) <= 30


@given(st.recursive(st.none() | st.text() | st.integers() | st.floats(), st.lists))
def test_no_value_is_too_much_to_show(value: Any) -> None:
    assert len(shown(value, 50)) <= 50


def test_the_nearest_names_are_offered() -> None:
    assert did_you_mean("stick", ["sticky", "pong"]) == "did you mean 'sticky'?"
    assert did_you_mean("fast", ["fast1", "fast2"]) == "did you mean 'fast2' or 'fast1'?"
    assert did_you_mean("x" * 10**7, ["sticky"]) == did_you_mean(None, ["x"]) == ""
    assert did_you_mean("zebra", ["pong"]) == ""


@pytest.mark.parametrize("value", [3, np.uint8(3), np.int64(3)], ids=shown)
def test_whole_numbers_of_python_and_numpy_are_taken(value: Any) -> None:
    assert whole("lanes", value, 1, 64, error=_Error) == 3
    assert type(whole("lanes", value, 1, 64, error=_Error)) is int


@pytest.mark.parametrize(
    "value",
    [
        True,
        np.True_,
        2.0,
        math.nan,
        "3",
        None,
        0,
        65,
        10**5000,
        [3],
        np.array(3),
        np.float32(3),
        3j,
    ],
    ids=shown,
)
def test_what_is_no_whole_number_in_range_is_refused(value: Any) -> None:
    with pytest.raises(_Error, match=r"^lanes = .*: must be a whole number in 1\.\.64; choose one"):
        whole("lanes", value, 1, 64, error=_Error)


@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), np.uint8(1)], ids=shown)
def test_finite_numbers_are_taken(value: Any) -> None:
    assert real("rate", value, 0, 2, error=_Error) == 1.0


@pytest.mark.parametrize(
    "value", [True, math.nan, math.inf, "1", None, 3, -1, 10**400, np.array(1.0)], ids=shown
)
def test_what_is_no_finite_number_in_range_is_refused(value: Any) -> None:
    with pytest.raises(_Error, match=r"^rate = .*: must be a finite number in 0\.\.2; correct"):
        real("rate", value, 0, 2, error=_Error)


def test_one_of_the_known_is_taken_and_the_nearest_named() -> None:
    assert one_of("engine", np.str_("fast"), ("fast", "reference"), error=_Error) == "fast"
    with pytest.raises(_Error, match=r"must be one of 'fast', 'reference'; did you mean 'fast'\?"):
        one_of("engine", "fats", ("fast", "reference"), error=_Error)
    for value in (["fast"], None, 5, {}, "", "x" * 10**6):
        with pytest.raises(_Error, match=r"^engine = .*; choose one of them") as caught:
            one_of("engine", value, ("fast", "reference"), error=_Error)
        assert len(str(caught.value)) < 200


def test_the_errors_import_no_numpy() -> None:
    import subprocess
    import sys

    code = "import sys, tnemu.errors, tnemu.files; print('numpy' in sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
