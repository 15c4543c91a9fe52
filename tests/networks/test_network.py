"""The logical network: what is equal, what it prints, and the wires it refuses."""

from __future__ import annotations

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
