"""An image that is valid can be run: whatever no engine can run is refused, and nothing changes later."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tnemu.hardware import (
    NEURON_DTYPE,
    BoardImage,
    InputConnector,
    OutputConnector,
    TnemuError,
)
from tnemu.hardware.image import TAP_DTYPE

Build = Callable[[], BoardImage]
ARRAYS = tuple("positions core_ids seeds axon_types crossbar neuron_types types targets".split())


def refusal(action: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(TnemuError) as caught:
        action(*arguments)
    return str(caught.value)


def with_exits(*connectors: tuple[str, int, tuple[tuple[int, int, int], ...]]) -> dict[str, Any]:
    return {"outputs": tuple(OutputConnector(n, w, -32, exits) for n, w, exits in connectors)}


def with_tap(*tap: int) -> dict[str, Any]:
    return {"inputs": (InputConnector("in", 1, np.array([tap], TAP_DTYPE)),)}


EAST = (0, 8, 3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_exits(("out", 6, ())), "output 'out' has 6 pins and 0 exits; it needs an exit for"),
        (with_exits(("out", 257, (EAST,))), "output 'out' has 257 pins and 1 exits; it needs"),
        (
            with_exits(("out", 6, ((0, 4, 3),))),
            "output 'out' has its exit at unit=0 x=4 y=3, which is not one step beyond the mesh",
        ),
        (with_exits(("out", 6, ((0, 9, 3),))), "output 'out' has its exit at unit=0 x=9 y=3, "),
        (with_exits(("out", 6, ((1, 8, 3),))), "output 'out' has its exit at unit=1 x=8 y=3, "),
        (
            with_exits(("out", 6, (EAST,)), ("b", 6, (EAST,))),
            "output 'b' has its exit at unit=0 x=8 y=3, which output 'out' has already; ",
        ),
        (
            with_exits(("out", 6, (EAST,)), ("out", 6, ((0, 8, 2),))),
            "two output connectors are named 'out'; rename one of them",
        ),
        (with_tap(1, 0, 0, 1), "input 'in' has a tap with pin = 1, outside 0..0; rebuild"),
        (with_tap(-1, 0, 0, 1), "input 'in' has a tap with pin = -1, outside 0..0; rebuild"),
        (with_tap(0, 2, 0, 1), "input 'in' has a tap with core = 2, outside 0..1; rebuild"),
        (with_tap(0, 0, 256, 1), "input 'in' has a tap with axon = 256, outside 0..255; rebuild"),
        (with_tap(0, 0, 0, 0), "input 'in' has a tap with delay = 0, outside 1..15; rebuild"),
        (with_tap(0, 0, 0, 16), "input 'in' has a tap with delay = 16, outside 1..15; rebuild"),
        (
            {"inputs": (InputConnector("in", 1, np.zeros(3, np.int64)),)},
            "input 'in' has taps of type int64 (3,), expected a list of ('pin', 'core', ",
        ),
        (
            {"seeds": np.zeros(2, np.int32)},
            "image array 'seeds' is int32 (2,), expected uint32 (2,); rebuild the image",
        ),
        (
            {"types": np.zeros((2, 255), np.uint16)},
            "image array 'types' is uint16 (2, 255), expected uint16 (2, 256); rebuild the image",
        ),
        (
            {"axon_types": np.full((2, 256), 4, np.uint8)},
            "axon type 4 does not exist; a core has types 0..3",
        ),
        (
            {"types": np.full((2, 256), 2, np.uint16)},
            "neuron type 2 is not in the table of 2 types; rebuild the image",
        ),
        (
            {"positions": np.array([[0, 0, 0], [0, 0, 0]], np.int32)},
            "core position unit=0 x=0 y=0 is used twice; ",
        ),
    ],
)
def test_validate_names_what_is_wrong(relay: Build, change: dict[str, Any], message: str) -> None:
    relay().validate()
    assert refusal(dataclasses.replace(relay(), **change).validate).startswith(message)


def test_validate_reads_the_neuron_table_but_not_its_unused_first_record(relay: Build) -> None:
    image = relay()
    image.neuron_types[0] = np.zeros((), image.neuron_types.dtype)
    image.validate()
    wrong = image.neuron_types.copy()
    wrong["TM"][1] = 19
    image = dataclasses.replace(image, neuron_types=wrong)
    assert refusal(image.validate).startswith("neuron types from 1: TM = 19 is outside 0..18")


def test_an_image_that_is_valid_cannot_be_changed_any_more(relay: Build) -> None:
    image = relay()
    mine = image.crossbar
    image.validate()
    mine[0, 0, 0] = 99
    assert int(image.crossbar[0, 0, 0]) == 1
    for name in ARRAYS:
        assert not getattr(image, name).flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        image.crossbar[0, 0, 0] = 3


def fortran(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.asfortranarray(array)


def misaligned(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    memory = np.zeros(array.nbytes + 1, np.uint8)
    copy = np.ndarray(array.shape, array.dtype, memory, 1)
    copy[...] = array
    assert not copy.flags.aligned or array.dtype.alignment == 1
    return copy


def strided(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.repeat(array, 2, axis=0)[::2]


@pytest.mark.parametrize("change", [fortran, misaligned, strided])
def test_arrays_in_any_layout_are_brought_in_order(
    relay: Build, change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]
) -> None:
    image = relay()
    odd = dataclasses.replace(image, **{name: change(getattr(image, name)) for name in ARRAYS})
    odd.validate()
    for name in ARRAYS:
        flags = getattr(odd, name).flags
        assert (flags.c_contiguous, flags.aligned) == (True, True)
        np.testing.assert_array_equal(getattr(odd, name), getattr(image, name))
    assert odd.sha256() == image.sha256()


class Odd:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize(
    "value",
    [
        None,
        "x",
        3,
        [[1], [2, 3]],
        [None],
        {},
        Odd(),
        np.zeros(()),
        np.zeros((0,) * 4),
        np.array("x"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_what_is_no_such_array_is_refused_by_name(relay: Build, name: str, value: Any) -> None:
    message = refusal(dataclasses.replace(relay(), **{name: value}).validate)
    assert "image array " in message
    assert len(message) < 1000


LINK = ((0, 8, 3),)
TAPS = np.array([(0, 0, 0, 1)], TAP_DTYPE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"board": "tiny"}, "board = 'tiny': must be a BoardSpec; use load_board"),
        ({"origin": [1]}, "origin = [1]: must be a dict"),
        ({"inputs": None}, "inputs = None: must be a tuple of InputConnector"),
        ({"inputs": ("in",)}, "inputs = ('in',): must be a tuple of InputConnector"),
        ({"outputs": 7}, "outputs = 7: must be a tuple of OutputConnector"),
        ({"inputs": (InputConnector("", 1, TAPS),)}, "input name = '': must be text of 1..200"),
        ({"inputs": (InputConnector(3, 1, TAPS),)}, "input name = 3: must be text"),  # type: ignore[arg-type]
        ({"outputs": (OutputConnector("x" * 201, 6, -32, LINK),)}, "output name = 'xxx"),
        *(
            ({"inputs": (InputConnector("in", width, TAPS),)}, f"input 'in': width = {text}: must")
            for width, text in (
                (1.0, "1.0"),
                (True, "True"),
                ("1", "'1'"),
                (-1, "-1"),
                ((1 << 26) + 1, "67108865"),
                (10**30, str(10**30)),
                (float("nan"), "nan"),
            )
        ),
        *(
            (
                {"outputs": (OutputConnector("out", 6, number, LINK),)},
                f"output 'out': number = {text}",
            )
            for number, text in (
                (-32.0, "-32.0"),
                (None, "None"),
                ([], "[]"),
                (1 << 31, "2147483648"),
                (-(1 << 31) - 1, "-2147483649"),
            )
        ),
        *(
            ({"outputs": (OutputConnector("out", 6, -32, exits),)}, f"output 'out': {text}")
            for exits, text in (
                (None, "exits = None: must be a tuple of (unit, x, y)"),
                ((0, 8, 3), "exits = (0, 8, 3): must be a tuple"),
                (((0, 8),), "exits = ((0, 8),): must be a tuple"),
                (((0, 8.0, 3),), "exit = 8.0: must be a whole number"),
                (((0, 1 << 70, 3),), "exit = 1180591620717411303424: must be a whole number"),
            )
        ),
        (
            {"inputs": (InputConnector("in", 1, np.zeros((1, 1), TAP_DTYPE)),)},
            "input 'in' has taps of type",
        ),
        ({"inputs": (InputConnector("in", 1, None),)}, "input 'in' has taps of type object ()"),  # type: ignore[arg-type]
        (
            {"inputs": (InputConnector("in", 0, TAPS),)},
            "input 'in' has a tap with pin = 0, outside",
        ),
        (
            {"neuron_types": np.zeros((1 << 16) + 1, NEURON_DTYPE)},
            "the image has 65,537 neuron types, the limit is 65,536",
        ),
    ],
    ids=str,
)
def test_validate_refuses_what_no_engine_can_run(
    relay: Build, change: dict[str, Any], message: str
) -> None:
    found = refusal(dataclasses.replace(relay(), **change).validate)
    assert found.startswith(message)
    assert len(found) < 1000


def test_numbers_of_numpy_and_lists_become_plain_and_mean_the_same(relay: Build) -> None:
    image = relay()
    odd = dataclasses.replace(
        image,
        inputs=[InputConnector("in", np.uint8(1), image.inputs[0].taps)],  # type: ignore[arg-type]
        outputs=[OutputConnector("out", np.int64(6), np.int8(-32), [np.array([0, 8, 3]).tolist()])],  # type: ignore[arg-type,list-item]
    )
    odd.validate()
    assert odd.outputs == image.outputs
    assert type(odd.inputs[0].width) is type(odd.outputs[0].number) is int
    assert odd.sha256() == image.sha256()
