"""JSON is read strictly, and what is wrong is named with its line and column."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tnemu.errors import TnemuError, shown
from tnemu.files import bounded_depth, json_text, parse_json, read_json, write_json


class _Error(TnemuError, ValueError):
    pass


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert parse_json(json_text(value, "x", error=_Error), "x", error=_Error) == value
    assert parse_json(json.dumps(value, ensure_ascii=False), "x", error=_Error) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "a": 2}', r"^x:2:2: key 'a' is repeated; keep one of the two$"),
        ('{"b": {"\\u0061": 1, "a": 2}}', r"^x:1:21: key 'a' is repeated"),
        ('[{"a": [{"k": 1, "k": 1}]}]', r"^x:1:18: key 'k' is repeated"),
        ('{"spike":{"srcTime":1,"srcTime":7}}', "key 'srcTime' is repeated"),
        ("[1,\n\nNaN]", r"^x:3:1: NaN is not a number in JSON; write a finite number"),
        ("[-Infinity]", "-Infinity is not a number"),
        ("[1e999]", r"^x:1:2: 1e999 is beyond every number"),
        ("[" + "7" * 5000 + "]", r"^x:1:2: a whole number has 5,000 digits, at most 400 are read"),
        ('{"destCore":00}', r"^x:1:14: is not JSON: expecting ',' delimiter"),
        ('{"\\ux":1}', r"^x:1:4: is not JSON: invalid \\uXXXX escape"),
        ("", "^x:1:1: is not JSON: expecting value"),
        ("{}{}", "^x:1:3: is not JSON: extra data"),
        ("[" * 65 + "]" * 65, r"^x:1:65: more than 64 objects and arrays are inside one another"),
        ("[" * 100_000, "more than 64 objects"),
        ('{"a":' * 100_000, "more than 64 objects"),
        ("[" * 100_000 + "]" * 100_000, r"^x:1:65: more than 64"),
        (r'"\ud800"', "half of a surrogate pair"),
        (r'{"\udfff": 1, "a": "\ud83d\ude00"}', "half of a surrogate pair"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(text: str, message: str) -> None:
    with pytest.raises(_Error, match=message) as caught:
        parse_json(text, "x", error=_Error)
    assert len(str(caught.value)) < 200


def test_what_looks_wrong_inside_text_is_right() -> None:
    text = r'{"NaN": "Infinity", "a": "[[[{\"a\":1e999", "b": {"a": 1}, "c": "\ud83d\ude00"}'
    assert parse_json(text, "x", error=_Error)["c"] == "😀"
    deep = "[" * 64 + "]" * 64
    assert parse_json(deep, "x", error=_Error) == json.loads(deep)
    assert parse_json("9" * 400, "x", error=_Error) == 10**400 - 1


def test_the_line_of_a_piece_of_a_file_is_counted_from_its_first() -> None:
    with pytest.raises(_Error, match=r"^x\.sfti:7:4: is not JSON: extra data"):
        parse_json("{} x", "x.sfti", error=_Error, line=7)


def test_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1, "a": 1}')
    with pytest.raises(_Error, match=rf"^{tmp_path}/x.json:1:10: key 'a' is repeated"):
        read_json(tmp_path / "x.json", error=_Error)
    write_json(
        tmp_path / "x.json", {"a": (1, np.int64(2), Path("p"), np.float32(0.5))}, error=_Error
    )
    assert read_json(tmp_path / "x.json", error=_Error) == {"a": [1, 2, "p", 0.5]}
    with pytest.raises(_Error, match="has 38 bytes, the limit is 10"):
        read_json(tmp_path / "x.json", error=_Error, most_bytes=10)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": {"b": [1, math.nan]}}, r"cannot write it as JSON: a\.b\[1\] = nan is not finite"),
        ([math.inf], r"\[0\] = inf is not finite"),
        ({"a": np.float32("nan")}, "a = .* is not finite"),
        ({1: 2}, "the key 1 of it is not text"),
        ({"a": {1, 2}}, "a = {1, 2} is no value of JSON"),
        ({"a": np.zeros(3)}, "a = array.* is no value of JSON"),
        ({"a": "\ud800"}, "half of a surrogate pair"),
        ({"\ud800": 1}, "half of a surrogate pair"),
        ([10**400], "has 400 digits or more"),
        ([10**5000], "has 400 digits or more"),
    ],
    ids=shown,
)
def test_what_cannot_be_read_again_is_not_written(tmp_path: Path, value: Any, message: str) -> None:
    with pytest.raises(_Error, match=message):
        json_text(value, "it", error=_Error)
    with pytest.raises(_Error):
        write_json(tmp_path / "x", value, error=_Error)
    assert not list(tmp_path.iterdir())


def test_depth_is_bounded_without_recursion() -> None:
    inside: list[Any] = []
    inside.append(inside)
    doubled: Any = []
    for _ in range(40):
        doubled = [doubled, doubled]
    for value in (inside, doubled, [[[]]]):
        with pytest.raises(_Error, match="x: more than 2 objects and arrays"):
            bounded_depth(value, 2, "x", error=_Error)
        with pytest.raises(_Error):
            json_text(inside, "it", error=_Error)
    assert bounded_depth([[1], {}], 2, "x", error=_Error) == [[1], {}]
    assert bounded_depth(1, 0, "x", error=_Error) == 1
    bounded_depth(doubled, 41, "x", error=_Error)
