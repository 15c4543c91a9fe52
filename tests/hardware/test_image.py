"""Board images: their hash, and where their packets end: never nowhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tnemu.hardware import (
    BoardImage,
    InputConnector,
    OutputConnector,
    TnemuError,
    packet,
)
from tnemu.hardware.image import NOT_CONNECTED, TAP_DTYPE

Build = Callable[[], BoardImage]
ARRAYS = tuple("positions core_ids seeds axon_types crossbar neuron_types types targets".split())


def refusal(action: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(TnemuError) as caught:
        action(*arguments)
    return str(caught.value)


@pytest.mark.parametrize("name", ARRAYS)
def test_the_hash_follows_every_array(relay: Build, name: str) -> None:
    image = relay()
    before = image.sha256()
    getattr(image, name).reshape(-1).view(np.uint8)[-1] ^= 1
    assert image.sha256() != before


def test_the_hash_follows_board_and_connectors_but_not_origin_or_prose(relay: Build) -> None:
    image = relay()
    board = image.board
    same = dataclasses.replace(image, origin={}, board=board.override({"description": "x"}))
    assert same.sha256() == image.sha256()
    for change in (
        {"board": board.override({"chip.leak_zero_clamp": "false"})},
        {"inputs": (InputConnector("in", 2, image.inputs[0].taps),)},
        {"inputs": (InputConnector("in", 1, np.array([(0, 0, 0, 2)], TAP_DTYPE)),)},
        {"outputs": (dataclasses.replace(image.outputs[0], number=-33),)},
        {"outputs": (dataclasses.replace(image.outputs[0], exits=((0, 8, 2),)),)},
    ):
        assert dataclasses.replace(image, **change).sha256() != image.sha256()


def test_destinations_follow_packets_to_cores_and_pins(relay: Build) -> None:
    target, row = relay().destinations()
    assert target.dtype == row.dtype == np.int32
    assert (int(target[0, 0]), int(row[0, 0])) == (1, 0)
    assert (int(target[1, 0]), int(row[1, 0])) == (-2, 5)
    assert (target[:, 1:] == NOT_CONNECTED).all()


def test_a_pin_counts_through_the_exits_of_its_connector(relay: Build) -> None:
    image = relay()
    wide = OutputConnector("wide", 300, -33, ((0, -1, 0), (0, 8, 3)))
    other = OutputConnector("out", 6, -32, ((0, 8, 0),))
    target, row = dataclasses.replace(image, outputs=(other, wide)).destinations()
    assert (int(target[1, 0]), int(row[1, 0])) == (-3, 256 + 5)


@pytest.mark.parametrize("switched_off", ["type", "delay"])
def test_a_neuron_that_is_not_evaluated_or_has_no_delay_sends_nothing(
    relay: Build, switched_off: str
) -> None:
    image = relay()
    if switched_off == "type":
        image.types[1, 0] = 0
    else:
        image.targets[1, 0] &= ~np.uint32(15 << 2)
    assert int(image.destinations()[0][1, 0]) == NOT_CONNECTED


@pytest.mark.parametrize(
    ("dx", "dy", "x", "y"), [(1, 0, 1, 0), (-1, 0, -1, 0), (8, 0, 8, 0), (0, -200, 0, -200)]
)
def test_a_packet_that_ends_nowhere_is_refused(
    relay: Build, dx: int, dy: int, x: int, y: int
) -> None:
    image = relay()
    image.targets[0, 0] = packet.encode(dx, dy, 0, 1)
    assert refusal(image.destinations) == (
        f"core 70 neuron 0 sends to position x={x} y={y}, where no loaded core and no output "
        "connector is; wire it to a core of the image or disconnect it"
    )


def test_a_packet_never_crosses_from_unit_to_unit(relay: Build) -> None:
    image = relay()
    image.positions[1, 0] = 1
    outputs = (dataclasses.replace(image.outputs[0], exits=((1, 8, 3),)),)
    image = dataclasses.replace(image, board=image.board.override({"units": 2}), outputs=outputs)
    assert "core 70 neuron 0 sends to position x=4 y=3, where no loaded core" in refusal(
        image.destinations
    )


def test_a_pin_its_connector_does_not_have_is_refused(relay: Build) -> None:
    image = relay()
    image.targets[1, 0] = packet.encode(4, 0, 6, 1)
    assert refusal(image.validate) == (
        "core 71 neuron 0 sends to pin 6 of output 'out', which has pins 0..5; "
        "make the output wider or wire it elsewhere"
    )


def test_connectors_are_found_by_name_or_the_names_are_listed(relay: Build) -> None:
    image = relay()
    assert image.input("in") is image.inputs[0]
    assert image.output("out") is image.outputs[0]
    assert refusal(image.input, "frame") == (
        "the image has no input connector 'frame'; it has: 'in'"
    )
    assert refusal(dataclasses.replace(image, outputs=()).output, "x") == (
        "the image has no output connector 'x'; it has: none"
    )
