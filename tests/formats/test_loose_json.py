"""The scanner: comments, repeated keys, positions, and errors that name the line."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tnemu.formats.errors import FormatError
from tnemu.formats.loose_json import Scanner

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def whole(text: str) -> Any:
    scanner = Scanner(text, "file")
    value = scanner.value()
    scanner.end()
    return value


@given(VALUES)
def test_plain_json_reads_as_the_standard_library_reads_it(value: Any) -> None:
    assert whole(json.dumps(value, indent=1)) == value
    assert whole(json.dumps(value, ensure_ascii=False)) == value


@given(VALUES)
def test_comments_between_any_two_lines_change_nothing(value: Any) -> None:
    lines = json.dumps(value, indent=1).split("\n")
    assert whole('/* " {\n */\n' + '// "no" text\n'.join(f"{line}\n" for line in lines)) == value


@pytest.mark.parametrize(
    "text",
    ['"/* no comment */"', '"http://x"', r'"\"//\""', '["a", "//", "/*", "*/"]', '{"//": "/"}'],
)
def test_slashes_in_texts_are_no_comments(text: str) -> None:
    assert whole(text) == json.loads(text)


def test_a_comment_may_stand_anywhere_between_values() -> None:
    assert whole('/* a */ {"a" /* b */ : /**/ [1, // c\n 2 /* d\n */ ] } // e') == {"a": [1, 2]}


def test_repeated_keys_are_seen_by_who_walks_and_refused_by_who_does_not() -> None:
    text = '{"core": 1,\n "core": 2}'
    scanner = Scanner(text)
    assert [(key, scanner.value()) for key in scanner.members()] == [("core", 1), ("core", 2)]
    with pytest.raises(FormatError, match=r"^file:2: key 'core' is repeated; keep one of the two"):
        whole(text)


def test_a_repeated_key_is_found_however_deep() -> None:
    text = '{"a": [{"b": 0}, 3, {"b": {\n"c": "}",\n"d": 2,\n"d": 2}}]}'
    with pytest.raises(FormatError, match=r"^file:4: key 'd' is repeated"):
        whole(text)


def test_a_path_leads_to_its_line_or_to_the_nearest_owner() -> None:
    scanner = Scanner('{\n"a": 1,\n/*\n*/"b": [\n5,\n{"c":\n 6}]}')
    lines = [
        scanner.line(scanner.find(0, path))
        for path in ((), ("a",), ("b",), ("b", 0), ("b", 1), ("b", 1, "c"), ("b", 1, "z"), ("b", 9))
    ]
    assert lines == [1, 2, 4, 5, 6, 7, 6, 4]


# Python's own words, and the line it counts from, are others from 3.13 on.
COMMA = (
    "file:2: illegal trailing comma before end of array"
    if sys.version_info >= (3, 13)
    else "file:3: expecting value"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "file:1: expecting value"),
        ('{"a": 1,\n "b" 2}', "file:2: expecting ':' delimiter"),
        ("[1,\n2,\n]", COMMA),
        ("[1] 2", "file:1: expected the end of the file, found '2'"),
        ("\n/* x", "file:2: a comment opens with /* and is never closed"),
        ("[1 / 2]", "file:1: a single / is neither a comment nor part of a text"),
        ("[NaN]", "file:1: NaN is not a number that a model file can hold"),
        ('"a\nb"', "file:1: invalid control character at"),
        ("[" * 100_000, "file:1: nested too deeply"),
        ("[\n" + "7" * 5000 + "]", "file:1: a number has thousands of digits; correct it"),
        (
            '{"a":' * 800 + '{"b":1,\n"b":2}' + "}" * 800,
            "file:2: key 'b' is repeated; keep one of the two",
        ),
        (r'{"\ux": 1}', r"file:1: invalid \uXXXX escape"),
    ],
)
def test_broken_text_is_refused_at_its_line(text: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        whole(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "file:1: expected an object, found '[]'"),
        ("{1: 2}", "file:1: expected a key in quotes or \"}\", found '1: 2}'"),
        ('{"a" 2}', "file:1: expected \":\", found '2}'"),
        ('{"a": 2 "b": 3}', 'file:1: expected "," or "}", found \'"b": 3}\''),
        ('{"a": 2,\n}', "file:2: expected another entry after the comma, found '}'"),
        ('{"a": 2', 'file:1: expected "," or "}", found \'the end of the file\''),
        (
            r'{"\ux": 1}',
            "file:1: the key '\"\\\\ux\"' is no text: invalid \\uXXXX escape; correct it",
        ),
    ],
)
def test_a_walked_object_is_refused_at_its_line(text: str, message: str) -> None:
    scanner = Scanner(text, "file")
    with pytest.raises(FormatError) as caught:
        [scanner.value() for _ in scanner.members()]
    assert str(caught.value) == message


def test_a_repeated_key_is_told_from_a_text_of_the_same_letters() -> None:
    text = '{"a": ["a", "a", {"a": "a"}], "b": {"a": "},{"}, "c": [[], {}, ""], "c": 1}'
    with pytest.raises(FormatError, match="key 'c' is repeated"):
        whole(text)
    with pytest.raises(FormatError, match="key 'a' is repeated"):
        whole(r'{"a": 1, "\u0061": 2}')


def test_a_key_of_megabytes_is_shown_by_its_beginning() -> None:
    name = "k" * 3_000_000
    with pytest.raises(FormatError) as caught:
        whole(f'{{"{name}": 1, "{name}": 2}}')
    assert len(str(caught.value)) < 200
