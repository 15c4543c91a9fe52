"""No value of a user's is changed on its way into a corelet: it is kept, or refused by name."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import corelets
from corelets import (
    RELAY_NEURON,
    Conv2d,
    Corelet,
    CoreletError,
    Dense,
    Input,
    Output,
    Student,
    catalogue,
)
from tnemu.errors import TnemuError
from tnemu.hardware import NEURON_DTYPE, neuron
from tnemu.networks import integer

# What is refused is never used.
pytestmark = pytest.mark.filterwarnings("ignore::corelets.UnusedCorelet")

LIF = neuron(s=[1], alpha=3, leak=-1)
NAN = float("nan")


class Wired(Corelet):
    """Ports x in and z out of 4 pins; what else it does is given."""

    def __init__(self, body):
        self.x, self.z = Input(4), Output(4)
        self.result = body(self)


def core(**changes):
    """A core of relays in a new corelet, with some arguments changed."""

    def body(self):
        arguments = {"axons": [self.x], "neurons": RELAY_NEURON, "crossbar": np.eye(4)}
        arguments |= {k: v(self) if callable(v) else v for k, v in changes.items()}
        return self.core(**arguments)

    return Wired(body).result


def refused(make, message):
    with pytest.raises(CoreletError, match=re.escape(message)):
        make()


# -- wiring ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("delay", [2.5, 2.0, True, "2", NAN, np.array([2, 3]), 0, 16, -1, [2]])
def test_a_delay_is_a_whole_number_of_ticks(delay):
    with pytest.raises(
        CoreletError, match=r"connect\(\) at .*: delay = .*whole number in 1\.\.15; l"
    ):
        Wired(lambda self: self.connect(self.x, self.z, delay=delay))


@pytest.mark.parametrize("delay", [1, 15, np.int8(3), np.uint64(7)])
def test_a_delay_of_any_integer_type_is_kept(delay):
    def body(self):
        made = self.core([2], RELAY_NEURON, np.eye(2))
        self.connect(self.x[:2], made.axons, delay=delay)
        self.connect(made.neurons + made.neurons, self.z)

    taps = Wired(body).build().inputs["x"].taps
    assert taps["delay"].tolist() == [int(delay)] * 2


KEYS = [1.5, "a", None, True, False, np.True_, [0.0, 1.0], [0.5], slice(0.5, 2), (0, 1), ..., {0}]
KEYS += [NAN, [[0], [1, 2]], 4, -5, [0, 4], np.array([True]), np.array([1j]), [None], object()]


@pytest.mark.parametrize("key", KEYS)
def test_pins_are_chosen_by_whole_numbers_slices_and_arrays_of_them(key):
    if key is ...:
        assert Wired(lambda self: self.x[...].width).result == 4
        return
    with pytest.raises(CoreletError, match=r"^input 'x' of Wired \(.*\) has pins 0\.\.3, not "):
        Wired(lambda self: self.x[key])


@given(st.lists(st.integers(-4, 3)))
def test_pins_are_those_of_a_list(places):
    pins = Wired(lambda self: self.x[places]).result
    assert pins.index.tolist() == [range(4)[place] for place in places]


def test_pins_can_be_gone_through_one_by_one():
    pins = Wired(lambda self: list(self.x[1:3])).result
    assert [pin.index.tolist() for pin in pins] == [[1], [2]]


@pytest.mark.parametrize(("name", "shown"), [("", "''"), (3, "3"), (None, "None")])
def test_a_part_has_a_name(name, shown):
    refused(
        lambda: Wired(lambda self: self.add(name, corelets.Relay(1))),
        f"is to be called {shown}; give it a name",
    )


# -- cores -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("axons", "message"),
    [
        (lambda s: [(s.x, 1.5)], "core 'core0' of Wired"),
        (lambda s: [(s.x, 1.5)], "axon type = 1.5: must be a whole number in 0..3"),
        (lambda s: [(s.x, [0, 1, 2, -1])], "axon type[3] = -1: must"),
        (lambda s: [(s.x, [0, 1, 2, 260])], "axon type[3] = 260: must"),
        (lambda s: [(s.x, "1")], "axon type = '1': must"),
        (lambda s: [(s.x, None)], "axon type = None: must"),
        (lambda s: [(s.x, NAN)], "axon type = nan: must"),
        (lambda s: [2.5], "axons has the entry 2.5; list what drives them, such as [self.x, (self"),
        (lambda s: [True], "axons without a source = True: must be a whole number in 1..256"),
        (lambda s: [0], "axons without a source = 0: must"),
        (lambda s: [-1], "axons without a source = -1: must"),
        (lambda s: [10**9], "axons without a source = 1000000000: must"),
        (lambda s: ["x"], "axons has the entry 'x'"),
        (lambda s: [(s.x, 0, 1)], "axons has the entry"),
        (lambda s: (s.x, 0), "axons without a source = 0: must"),
        (lambda s: 4, "axons = 4; list what drives them"),
        (lambda s: "abc", "axons = 'abc'; list"),
        (lambda s: RELAY_NEURON, "axons = "),
        (lambda s: None, "axons = None; list"),
    ],
)
def test_axons_are_pins_types_and_whole_numbers(axons, message):
    refused(lambda: core(axons=axons), message)


@pytest.mark.parametrize(
    "neurons",
    [
        [LIF],
        [LIF, LIF, LIF, LIF],
        [(LIF, 2, 2)],
        [(4, LIF)],
        [{"alpha": 1}],
        {"alpha": 1},
        "relay",
        None,
        4,
        np.zeros(4),
        np.zeros((2, 2), NEURON_DTYPE),
        np.zeros((), NEURON_DTYPE),
        np.zeros(4, np.dtype([("alpha", np.int32)])),
        # the same fields in another order would be copied by position
        np.zeros(4, np.dtype(NEURON_DTYPE.descr[::-1])),
    ],
)
def test_neurons_that_are_no_records_are_told_what_is_expected(neurons):
    with pytest.raises(CoreletError, match=r"^core 'core0' of Wired \(.*\): neurons ") as caught:
        core(neurons=neurons)
    assert str(caught.value).endswith(
        "; give one template for all, such as tnemu.hardware.neuron(alpha=1), a list of (template, "
        "count), or an array of records (tnemu.hardware.NEURON_DTYPE)"
    )


@pytest.mark.parametrize("count", [2.5, 4.0, True, "4", None, -1, 257])
def test_a_template_is_counted_in_whole_numbers(count):
    refused(lambda: core(neurons=[(LIF, count)]), "count of a neuron template = ")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(2, "2"), (-1, "-1"), (0.5, "0.5"), (NAN, "nan"), ("1", "'1'"), ("", "''"), (None, "None")],
)
def test_a_crossbar_holds_zeros_and_ones(value, shown):
    table = np.eye(4).astype(object)
    table[1, 2] = value
    refused(
        lambda: core(crossbar=table), f"crossbar[1, 2] = {shown}: must be a whole number in 0..1"
    )


@pytest.mark.parametrize("kind", [bool, int, float, object])
def test_a_crossbar_of_any_type_is_kept(kind):
    assert core(crossbar=np.eye(4).astype(kind)).logical.crossbar[:4, :4].tolist() == (
        np.eye(4).astype(bool).tolist()
    )


def test_a_crossbar_of_rows_of_unequal_lengths_is_refused():
    refused(lambda: core(crossbar=[[1], [1, 0]]), "crossbar = [[1], [1, 0]]: its rows have unequal")


@pytest.mark.parametrize("seed", [1.5, True, -1, 2**32, "1", NAN])
def test_a_seed_has_32_bits(seed):
    refused(lambda: core(seed=seed), "core 'core0' of Wired")
    refused(lambda: core(seed=seed), "whole number in 0..4294967295")
    assert core(seed=np.uint32(2**32 - 1)).seed == 2**32 - 1


@pytest.mark.parametrize(
    ("elements", "message"),
    [
        ([0, 1, 2, 2.5], "elements[3] = 2.5: must"),
        ([0, 1, 2, -2], "elements[3] = -2: must"),
        ([0, 1, 2, 2**31], "elements[3] = 2147483648: must"),
        ([0, 1, 2], "elements has shape (3,) for 4 neurons; give one for each"),
        (5, "elements has shape () for 4 neurons"),
        ("abcd", "elements = 'abcd': must"),
    ],
)
def test_elements_are_whole_numbers_one_for_each_neuron(elements, message):
    refused(lambda: core(elements=elements), message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": 5}, "a core of Wired"),
        ({"name": 5}, "name = 5 is no text; quote it"),
        ({"layer": None}, "layer = None is no text; quote it"),
    ],
)
def test_names_are_text(changes, message):
    refused(lambda: core(**changes), message)


def test_arguments_in_the_wrong_order_are_refused_by_name():
    refused(lambda: Wired(lambda s: s.core(np.eye(4), [s.x], RELAY_NEURON)), "axons has the entry")
    refused(lambda: Wired(lambda s: s.core([s.x], np.eye(4), RELAY_NEURON)), "crossbar = ")
    refused(lambda: Wired(lambda s: s.core([s.x], RELAY_NEURON, s.x)), "crossbar = ")


# -- layers ----------------------------------------------------------------------------------------

ONES = np.ones((1, 2, 3), np.int8)
KERNEL = np.ones((4, 2, 2, 2), np.int8)
WHOLE = "must be a whole number in"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (np.full((1, 2, 3), 300), [1, 1]),
            f"weights[0, 0, 0] = 300: {WHOLE} -1..1; quantise them",
        ),
        ((ONES * 0.7, [1, 1]), f"weights[0, 0, 0] = 0.7: {WHOLE} -1..1"),
        ((ONES * NAN, [1, 1]), "weights[0, 0, 0] = nan: must"),
        ((ONES.astype(str), [1, 1]), "weights[0, 0, 0] = '1': must"),
        (("weights", [1, 1]), "weights = 'weights': must"),
        ((np.full((1, 2, 3), 257), [1, 1]), "weights[0, 0, 0] = 257: must"),
        ((ONES[0], [1, 1]), "weights have shape (2, 3), expected (groups, out, in)"),
        (
            (ONES[:, :, :0], [1, 1]),
            "weights have shape (1, 2, 0), expected (groups, out, in), none",
        ),
        ((ONES, [0.5, 1]), f"thresholds[0] = 0.5: {WHOLE} -2147483648..2147483647; a sum is whole"),
        ((ONES, [1, 2**31]), "thresholds[1] = 2147483648: must"),
        ((ONES, [1, NAN]), "thresholds[1] = nan: must"),
        ((ONES, [1, 1], [0, 1, 1.5]), f"order[2] = 1.5: {WHOLE} 0..2"),
        ((ONES, [1, 1], [0, 1, 2**32 + 2]), "order[2] = 4294967298: must"),
        ((ONES, [1, 1], [0, 1, -1]), "order[2] = -1: must"),
    ],
)
def test_a_dense_layer_keeps_its_numbers_or_refuses_them(arguments, message):
    refused(lambda: Dense(*arguments), message)


@pytest.mark.parametrize("count", [2.5, True, 0, 257, "8", None])
def test_neurons_per_core_is_a_whole_number(count):
    message = f"neurons_per_core = {count!r}: {WHOLE} 1..256"
    refused(lambda: Dense(ONES, [1, 1], neurons_per_core=count), message)
    refused(lambda: Conv2d(KERNEL, [1] * 4, (2, 4, 4), neurons_per_core=count), message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": KERNEL * 0.5}, "weights[0, 0, 0, 0] = 0.5: must"),
        ({"weights": KERNEL[0]}, "weights have shape (2, 2, 2), expected (out, in / groups, k, k)"),
        ({"thresholds": [1, 1, 1, 1.5]}, "thresholds[3] = 1.5: must"),
        ({"order": [0.5, 1]}, "order[0] = 0.5: must"),
        ({"order": [0, 2]}, f"order[1] = 2: {WHOLE} 0..1"),
        ({"shape": (2, 4.5, 4)}, f"height of shape = 4.5: {WHOLE} 1.."),
        ({"shape": (2, 4, True)}, "width of shape = True: must"),
        ({"shape": (2, 4)}, "shape = (2, 4), expected (channels, height, width)"),
        ({"shape": 32}, "shape = 32, expected (channels, height, width)"),
        ({"shape": "244"}, "channels of shape = '2': must"),
        ({"stride": 1.5}, "stride = 1.5: must"),
        ({"stride": 0}, "stride = 0: must"),
        ({"groups": 1.0}, "groups = 1.0: must"),
        ({"groups": True}, "groups = True: must"),
        ({"tile": (1.5, 1)}, "rows of tile = 1.5: must"),
        ({"tile": (0, 1)}, f"rows of tile = 0: {WHOLE} 1.."),
        ({"tile": 2}, "tile = 2, expected (rows, columns)"),
    ],
)
def test_a_convolution_keeps_its_numbers_or_refuses_them(changes, message):
    arguments = {"weights": KERNEL, "thresholds": [1] * 4, "shape": (2, 4, 4)} | changes
    refused(lambda: Conv2d(**arguments), message)


def test_whole_weights_of_any_type_are_kept():
    drawn = np.random.default_rng(0).integers(-1, 2, (2, 3, 4))
    layers = [Dense(drawn.astype(kind), np.arange(6)).layer for kind in (int, float, np.float16)]
    layers.append(Dense(drawn.tolist(), list(range(6))).layer)
    for layer in layers:
        assert layer.weights.dtype == np.int8
        np.testing.assert_array_equal(layer.weights, drawn)
        assert layer.thresholds.tolist() == list(range(6))


def dense_layer(weights=ONES, thresholds=(1, 1), order=(0, 1, 2)):
    return integer.Dense("d", weights, np.array(thresholds, np.int32), np.array(order, np.int32))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Dense.of(ONES),
            "is no Dense of tnemu.networks.integer; construct the corelet from",
        ),
        (
            lambda: Dense.of(integer.Conv("c", KERNEL, *[np.arange(4, dtype=np.int32)] * 2)),
            "is no Dense of tnemu.networks.integer",
        ),
        (lambda: Conv2d.of(dense_layer(), (3, 1, 1)), "is no Conv of tnemu.networks.integer"),
        (
            lambda: Dense.of(dense_layer(ONES * 0.7)),
            "[0.7, 0.7, 0.7]]]), expected an array of int8; give the layer whole numbers of that type",
        ),
        (
            lambda: Dense.of(dense_layer(ONES.tolist())),
            "weights of layer 'd' are [[[1, 1, 1], [1, 1",
        ),
        (
            lambda: Conv2d.of(
                integer.Conv("c", KERNEL, *[np.arange(4, dtype=np.int32)] * 2, stride=1.5),
                (2, 4, 4),
            ),
            "stride = 1.5: must",
        ),
    ],
)
def test_a_layer_made_by_hand_is_checked(make, message):
    refused(make, message)


def test_a_layer_made_by_hand_with_other_values_is_refused():
    for layer in (dense_layer(ONES * 7), dense_layer(order=(0, 1, 1)), dense_layer(order=(0, 1))):
        with pytest.raises(TnemuError, match="layer 'd'"):
            Dense.of(layer)


def test_a_layer_goes_into_its_corelet_as_it_is():
    layer = dense_layer()
    assert Dense.of(layer).layer is layer
    kernel = integer.Conv("c", KERNEL, np.ones(4, np.int32), np.arange(2, dtype=np.int32))
    assert Conv2d.of(kernel, (2, 4, 4)).layer is kernel
    student = catalogue.entries()["Student"].examples[0]()
    student.build()
    inner = student.weights.layers[1:-1]
    assert all(
        part.layer is layer for part, layer in zip(student.parts.values(), inner, strict=True)
    )


@pytest.mark.parametrize("weights", ["krull", None, 3])
def test_a_student_is_made_of_a_trained_network(weights):
    refused(
        lambda: Student(weights),
        f"Student({weights!r}): expected a TrainedNetwork; corelets.load(path) makes the student of",
    )
