"""Members of a mapping are read by type and limits; unknown keys are refused by name."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tnemu.errors import TnemuError, shown
from tnemu.files import Fields, parse_fields, read_fields


class _Error(TnemuError, ValueError):
    pass


def _fields(**values: Any) -> Fields:
    return Fields(values, "net.json", error=_Error)


def test_every_type_is_read() -> None:
    with _fields(
        t="a", w=3, r=2, f=True, o="x", m={"k": {"w": 1}}, ts=["a"], ws=[1, 2], rs=[1, 0.5],
        ms=[{"w": 1}], rows=[[1, 2], [3, 4]], j={"any": [None]}, n=None,
    ) as fields:  # fmt: skip
        assert fields.text("t") == "a"
        assert fields.whole("w", 0, 3) == 3
        assert fields.real("r") == 2.0
        assert fields.flag("f") is True
        assert fields.one_of("o", ("x", "y")) == "x"
        assert fields.mapping("m").mapping("k").whole("w", 0, 1) == 1
        assert fields.texts("ts") == ["a"]
        assert fields.wholes("ws", 0, 2, count=2) == [1, 2]
        assert fields.reals("rs", 0, 1) == [1.0, 0.5]
        assert [inner.whole("w", 0, 1) for inner in fields.mappings("ms")] == [1]
        assert fields.tables("rows", 0, 4, width=2) == [[1, 2], [3, 4]]
        assert fields.json("j") == {"any": [None]}
        assert fields.absent("n") and fields.absent("nowhere") and "t" in fields


def test_a_default_stands_for_a_key_that_is_not_there() -> None:
    fields = _fields()
    assert fields.text("t", None) is None
    assert fields.whole("w", 0, 3, 9) == 9
    assert fields.real("r", default=1.0) == 1.0
    assert fields.flag("f", False) is False
    assert fields.wholes("ws", 0, 1, []) == []
    assert fields.mapping("m", None) is None


WRONG: list[tuple[Callable[[Fields], Any], Any, str]] = [
    (lambda f: f.text("k"), 5, "k = 5: must be text of at most 65,536 characters; correct"),
    (lambda f: f.text("k", most=2), "abc", "k = 'abc': must be text of at most 2"),
    (
        lambda f: f.whole("k", 0, 3),
        4,
        r"k = 4: must be a whole number in 0\.\.3; correct the value",
    ),
    (lambda f: f.whole("k", 0, 3), 2.0, r"k = 2\.0: must be a whole"),
    (lambda f: f.whole("k", 0, 3), True, "k = True: must be a whole"),
    (lambda f: f.whole("k", 0, 3, 1), None, "k = None: must be a whole"),
    (lambda f: f.whole("k", 0, 3), 10**5000, "k = <a whole number of about 5001 digits>"),
    (lambda f: f.real("k", 0, 1), math.nan, "k = nan: must be a finite"),
    (lambda f: f.real("k"), "1", "k = '1': must be a finite number; correct"),
    (lambda f: f.flag("k"), 1, "k = 1: must be true or false"),
    (lambda f: f.one_of("k", ("conv", "vote")), "cnv", r"k = 'cnv': .*; did you mean 'conv'\?"),
    (lambda f: f.one_of("k", ("conv",)), {}, r"k = {}: must be one of 'conv'; choose one"),
    (lambda f: f.mapping("k"), [], r"k = \[\]: must be an object of named values"),
    (lambda f: f.texts("k"), ["a", 1], r"k\[1\] = 1: must be text"),
    (lambda f: f.wholes("k", 0, 1, count=2), [1], r"k = \[1\]: must be a list of 2 values"),
    (lambda f: f.wholes("k", 0, 1, least=1), "ab", r"k = 'ab': must be a list of 1\.\.1048576"),
    (lambda f: f.wholes("k", 0, 1), [1, 2], r"k\[1\] = 2: must be a whole number in 0\.\.1"),
    (lambda f: f.mappings("k")[0].text("t"), [{}], r"key 'k\[0\]\.t' is missing; add it"),
    (lambda f: f.tables("k", 0, 9, width=3), [[1, 2]], r"k\[0\] = \[1, 2\]: must be a list of 3"),
    (lambda f: f.tables("k", 0, 9, width=1), [["x"]], r"k\[0\]\[0\] = 'x': must be a whole"),
    (lambda f: f.json("k", most_depth=1), [[]], "k: more than 1 objects and arrays"),
    (lambda f: f.text("absent"), 1, "key 'absent' is missing; add it"),
]


@pytest.mark.parametrize(("read", "value", "message"), WRONG, ids=shown)
def test_what_is_wrong_is_named(read: Callable[[Fields], Any], value: Any, message: str) -> None:
    with pytest.raises(_Error, match=rf"^net\.json: {message}"):
        read(_fields(k=value))


def test_unknown_keys_are_refused_with_the_nearest() -> None:
    with (
        pytest.raises(
            _Error,
            match=r"^net.json: unknown key 'stick', did you mean 'sticky'\?; remove it or upd",
        ),
        _fields(sticky=1, stick=2) as fields,
    ):
        fields.whole("sticky", 0, 1)
    layers = _fields(layer={"x": 1})
    layers.mapping("layer")
    with pytest.raises(_Error, match=r"unknown key 'layer\.x'; remove it"):
        layers.done()
    with pytest.raises(_Error, match="unknown key 5; remove it"):
        Fields({5: 1}, "x", error=_Error).done()
    with pytest.raises(_Error, match=r"unknown key '.*; remove it") as caught:
        Fields({"x" * 10**6: 1}, "x", error=_Error).done()
    assert len(str(caught.value)) < 200


def test_an_error_in_the_block_is_not_covered() -> None:
    with pytest.raises(KeyError), _fields(odd=1):
        raise KeyError


def test_names_can_be_keys() -> None:
    with _fields(conv1={"w": 1}, conv2={"w": 2}) as fields:
        assert [(n, fields.mapping(n).whole("w", 0, 2)) for n in fields] == [
            ("conv1", 1), ("conv2", 2),
        ]  # fmt: skip
    with pytest.raises(_Error, match="the key 5 is not text"):
        list(Fields({5: 1}, "x", error=_Error))


def test_a_check_of_the_callers_speaks_alike() -> None:
    error = _fields(inner={"low": 5}).mapping("inner").refused("low", "must be below high")
    assert str(error) == "net.json: inner.low = 5: must be below high; correct the value"


@pytest.mark.parametrize("text", ["[]", "5", '"x"', "null"])
def test_a_file_that_holds_no_object_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x").write_text(text)
    with pytest.raises(_Error, match=r"x: .*: must be an object of named values"):
        read_fields(tmp_path / "x", error=_Error)
    with pytest.raises(_Error, match="must be an object of named values"):
        parse_fields(text, "x", error=_Error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
)


@given(JSON)
def test_no_value_gets_past_with_another_error(value: Any) -> None:
    for read, _, _ in WRONG:
        try:
            read(_fields(k=value))
        except (_Error, IndexError):  # the index is the test's own
            continue
