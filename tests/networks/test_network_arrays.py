"""No value of a network changes on its way to the board: it is stored as it is, or refused."""

from __future__ import annotations

import numpy as np
import pytest
import wirings

import tnemu
from tnemu.hardware.neuron import NEURON_DTYPE
from tnemu.mapping.build import build_image
from tnemu.mapping.errors import FitError
from tnemu.mapping.place import in_order
from tnemu.networks.errors import NetworkError
from tnemu.networks.logical import (
    LOGICAL_TAP_DTYPE,
    WIRE_DTYPE,
    LogicalNetwork,
    taps_from,
    wires_from,
)


def small():
    cores = [wirings.core("a"), wirings.core("b")]
    return wirings.network(cores, [(0, 0, 1, 0, 0), (1, 0, ~0, 1, 3)], [(0, 0, 0, 15)], 2, width=3)


def test_rows_become_wires_and_taps():
    wires = wires_from([(0, 255, -1, 70_000, 15)])
    assert (wires.dtype, wires.tolist()) == (WIRE_DTYPE, [(0, 255, -1, 70_000, 15, 0, 0)])
    taps = taps_from(np.array([[1, 2, 3, 4]], np.uint8))
    assert (taps.dtype, taps.tolist()) == (LOGICAL_TAP_DTYPE, [(1, 2, 3, 4, 0)])
    assert wires_from(np.zeros((0, 5))).dtype == wires_from([]).dtype == WIRE_DTYPE
    assert wires_from([(0.0, 1.0, 2.0, 3.0, 4.0)]).tolist() == [(0, 1, 2, 3, 4, 0, 0)]
    assert wires_from([(0, 1, 2, 3, 0, 400)]).tolist() == [(0, 1, 2, 3, 0, 400, 0)]
    assert wires_from([(0, 1, 2, 3, 0, 0, 99)]).tolist() == [(0, 1, 2, 3, 0, 0, 99)]
    assert taps_from([(1, 2, 3, 0, 40)]).tolist() == [(1, 2, 3, 0, 40)]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(0, 0, 1, 0, 2.5)], r"wires\[0, 4\] = 2.5: must be a whole number"),
        ([(0, 0, 1, 0, float("nan"))], r"wires\[0, 4\] = nan: must be a whole number"),
        (
            [(0, 0, 1, 0, 70_000)],
            r"wires delay\[0\] = 70000: must be a whole number in -32768..32767",
        ),
        ([(0, 0, 2**40, 0, 1)], r"wires target\[0\] = 1099511627776: must be a whole number"),
        (
            [(0, 0, 1, 0)],
            r"wires have shape \(1, 4\); a row is \(core, neuron, target, pin, delay\[, after\[, loop\]\]\)",
        ),
        ([(0, 0, 1, 0, 1), (1, 2)], "its rows have unequal lengths"),
        (["abcde"], "must be a whole number"),
        ([5], r"wires have shape \(1,\); a row is"),
    ],
)
def test_rows_that_are_no_whole_numbers_are_refused(rows, message):
    with pytest.raises(NetworkError, match=message):
        wires_from(rows)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        (
            "axon_types",
            np.full(256, 0.5),
            "axon_types of core 'b': <ndarray of float64, shape (256,)>",
        ),
        (
            "axon_types",
            np.full(256, 300),
            "axon_types of core 'b': <ndarray of int64, shape (256,)>",
        ),
        (
            "axon_types",
            np.zeros(8, np.uint8),
            "crossbar of core 'b': <ndarray of bool, shape (256, 256)> must be bool of shape (8, 256)",
        ),
        ("crossbar", np.eye(256), "crossbar of core 'b': <ndarray of float64, shape (256, 256)>"),
        ("used", np.ones(256, int), "used of core 'b': <ndarray of int64, shape (256,)>"),
        ("elements", [1] * 256, "elements of core 'b': [1, 1, 1, 1, 1, 1, 1, 1, ...]"),
        ("neurons", np.zeros(256), "neurons of core 'b': <ndarray of float64, shape (256,)>"),
        ("seed", -1, "seed of core 'b' = -1: must be a whole number in 0..4294967295"),
        ("seed", 1.5, "seed of core 'b' = 1.5: must be a whole number in 0..4294967295"),
        ("number", True, "number of core 'b' = True: must be a whole number in "),
        ("number", 2**63, "number of core 'b' = 9223372036854775808: must be a whole number in "),
    ],
)
def test_a_core_holds_what_its_class_names_or_is_refused(key, value, message):
    network = small()
    setattr(network.cores[1], key, value)
    with pytest.raises(NetworkError) as caught:
        tnemu.fit(network, "tiny")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda n: setattr(n, "wires", [(0, 0, 1, 0, 1)]),
            "wires: [(0, 0, 1, 0, 1)] must be records",
        ),
        (lambda n: setattr(n, "wires", n.wires.reshape(1, -1)), "wires: <ndarray of "),
        (lambda n: setattr(n.inputs["in"], "taps", np.zeros((1, 4))), "taps of input 'in': array("),
        (lambda n: setattr(n.inputs["in"], "width", 2.5), "width of 'in' = 2.5: must be a whole"),
        (
            lambda n: setattr(n.outputs["out"], "width", True),
            "width of 'out' = True: must be a whole",
        ),
    ],
)
def test_wires_taps_and_widths_of_other_types_are_refused(change, message):
    network = small()
    change(network)
    with pytest.raises(NetworkError) as caught:
        network.validate()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("axon_types", np.full(256, 0.5)),
        ("seed", 1.5),
        ("number", 0.5),
        ("crossbar", np.full((256, 256), 0.5)),
    ],
)
def test_an_image_is_built_of_nothing_that_would_have_to_change(key, value):
    network = small()
    for core in network.cores:
        setattr(core, key, value)
    board = tnemu.load_board("tiny")
    with pytest.raises(FitError, match="must be a whole number"):
        build_image(network, board, in_order(network, board), {})


def test_networks_print_in_one_line():
    network = small()
    assert repr(network) == "<LogicalNetwork: 2 cores, 2 wires>"
    assert repr(network.cores[0]) == "<LogicalCore 'a': 1 neurons>"
    assert repr(network.inputs["in"]) == "<LogicalInput: 3 pins, 1 taps>"
    assert repr(LogicalNetwork()) == "<LogicalNetwork: 0 cores, 0 wires>"
    assert network.cores[0].neurons.dtype == NEURON_DTYPE
