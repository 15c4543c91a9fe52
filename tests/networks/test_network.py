"""The logical network: what is equal, what it prints, and the wires it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import wirings as networks

from corelets import Relay
from tnemu.networks.logical import LogicalNetwork, NetworkError


def small():
    cores = [networks.core("a"), networks.core("b")]
    return networks.network(
        cores, [(0, 0, 1, 0, 0), (1, 0, ~0, 1, 3)], [(0, 0, 0, 15)], outputs=2, width=3
    )


def test_networks_are_equal_when_cores_wires_and_connectors_are():
    assert small() == small()
    assert small() != "a network"
    for change in (
        lambda n: n.cores[0].crossbar.__setitem__((3, 0), True),
        lambda n: n.cores[0].neurons["alpha"].__setitem__(0, 2),
        lambda n: n.cores[1].axon_types.__setitem__(9, 1),
        lambda n: setattr(n.cores[0], "seed", 9),
        lambda n: n.wires["delay"].__setitem__(0, 4),
        lambda n: n.inputs["in"].taps["axon"].__setitem__(0, 4),
        lambda n: setattr(n.inputs["in"], "width", 4),
        lambda n: setattr(n.outputs["out"], "number", -40),
        lambda n: n.cores.pop(),
    ):
        changed = small()
        change(changed)
        assert changed != small()


def test_parameters_of_unused_neurons_do_not_count():
    changed = small()
    changed.cores[0].neurons["alpha"][5] = 9
    assert changed == small()


def test_it_prints_its_layers_and_connectors():
    assert str(Relay(300).build()) == (
        "LogicalNetwork: 2 cores, 300 wires\n"
        "  input  input: 300 pins\n"
        "  Relay: 2 cores\n"
        "  output output: 300 pins"
    )
    assert str(LogicalNetwork()) == "LogicalNetwork: 0 cores, 0 wires"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("core", 2, "wire source core = 2 is outside 0..1"),
        ("neuron", 256, "wire source neuron = 256 is outside 0..255"),
        ("neuron", -1, "wire source neuron = -1 is outside 0..255"),
        ("target", 2, "wire target core = 2 is outside -1..1"),
        ("target", -2, "wire target core = -2 is outside -1..1"),
        ("pin", 256, "wire target axon = 256 is outside 0..255"),
        ("delay", 16, "wire delay = 16 is outside 0..15"),
        ("delay", -1, "wire delay = -1 is outside 0..15"),
    ],
)
def test_a_wire_to_or_from_nowhere_is_refused(field, value, message):
    network = small()
    network.wires[field][0] = value
    with pytest.raises(NetworkError) as caught:
        network.validate()
    assert str(caught.value) == f"{message}; wire it to something that exists"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("pin", 3, "pin of input 'in' = 3 is outside 0..2"),
        ("core", -1, "core of input 'in' = -1 is outside 0..1"),
        ("axon", 256, "axon of input 'in' = 256 is outside 0..255"),
        ("delay", 16, "delay of input 'in' = 16 is outside 0..15"),
    ],
)
def test_a_tap_to_or_from_nowhere_is_refused(field, value, message):
    network = small()
    network.inputs["in"].taps[field][0] = value
    with pytest.raises(NetworkError, match=message):
        network.validate()


def test_output_pins_and_axon_types_are_checked():
    network = small()
    network.wires["pin"][1] = 2
    with pytest.raises(NetworkError, match=r"pin of output 'out' = 2 is outside 0..1"):
        network.validate()
    network = small()
    network.cores[1].axon_types[0] = 4
    with pytest.raises(NetworkError, match=r"axon type of core 'b' = 4 is outside 0..3"):
        network.validate()


@pytest.mark.parametrize(
    ("times", "message"),
    [
        (
            (3, 1, 0),
            "wire delay = 3, after = 1, loop = 0: a spike arrives in one of these ways only",
        ),
        (
            (3, 0, 2),
            "wire delay = 3, after = 0, loop = 2: a spike arrives in one of these ways only",
        ),
        (
            (0, 1, 2),
            "wire delay = 0, after = 1, loop = 2: a spike arrives in one of these ways only",
        ),
        ((0, -1, 0), "wire after = -1 is outside 0..1048576"),
        ((0, 0, 1 << 21), "wire loop = 2097152 is outside 0..1048576"),
    ],
)
def test_a_wire_says_in_one_way_when_its_spike_arrives(times, message):
    network = small()
    for name, value in zip(("delay", "after", "loop"), times, strict=True):
        network.wires[name][0] = value
    with pytest.raises(NetworkError) as caught:
        network.validate()
    assert str(caught.value).startswith(message)
    network = small()
    network.inputs["in"].taps["after"][0] = 1
    with pytest.raises(
        NetworkError, match="delay of input 'in' = 15, after = 1, loop = 0: a spike"
    ):
        network.validate()


def test_no_loop_leads_to_an_output():
    network = small()
    network.wires["delay"][1], network.wires["loop"][1] = 0, 4
    with pytest.raises(NetworkError, match="wire loop = 4 leads to an output, from which nothing"):
        network.validate()


def test_a_core_has_the_axons_and_neurons_of_its_arrays():
    network = small()
    network.cores[0] = networks.sized("a", np.ones((300, 20), bool))
    network.validate()
    network.inputs["in"].taps["axon"][0] = 299
    network.wires["neuron"][0] = 19
    network.validate()
    network.inputs["in"].taps["axon"][0] = 300
    with pytest.raises(NetworkError, match=r"axon of input 'in' = 300 is outside 0..299"):
        network.validate()
    network.inputs["in"].taps["axon"][0] = 0
    network.wires["neuron"][0] = 20
    with pytest.raises(NetworkError, match=r"wire source neuron = 20 is outside 0..19"):
        network.validate()
    network.cores[0].crossbar = network.cores[0].crossbar.T
    with pytest.raises(NetworkError, match=r"must be bool of shape \(300, 20\)"):
        network.validate()


def test_a_line_is_known_for_each_wire_or_for_none():
    network = small()
    network.lines, network.line_of = ("a.py:1",), np.array([0, -1], np.int32)
    network.validate()
    network.line_of[1] = 1
    with pytest.raises(NetworkError, match=r"line_of = 1 is outside -1..0"):
        network.validate()
    network.line_of = network.line_of[:1]
    with pytest.raises(NetworkError, match="line_of: "):
        network.validate()
