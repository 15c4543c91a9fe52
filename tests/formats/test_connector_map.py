"""Connector maps: what IBM's say of their models, and refusals with their offsets."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recordings import recording

from tnemu.formats.connector_map import ConnectorMap, read_connectors
from tnemu.formats.errors import FormatError
from tnemu.formats.model_file import read_model


def record(cores: list[int], lines: list[int], name: str = "a", **head: Any) -> bytes:
    said = {"number": 4, "direction": 0, "n": len(cores), "shape": (len(cores), 1, 1)} | head
    text = name.encode("utf-16-le")
    start = struct.pack("<3I", said["number"], said["direction"], said["n"])
    start += struct.pack("<4I", *said["shape"], said.get("length", len(text) // 2)) + text
    return start + struct.pack(f"<{len(cores)}i{len(lines)}H", *cores, *lines)


def read(folder: Path, data: bytes) -> list[ConnectorMap]:
    (folder / "x_inpMap.bin").write_bytes(data)
    return read_connectors(folder / "x_inpMap.bin")


def test_a_record_is_a_head_a_name_cores_and_lines(tmp_path: Path) -> None:
    data = record([0, 3, -2], [7, 255, 65535], "Bild 1") + record([5], [0], "zwei", direction=1)
    first, second = read(tmp_path, data)
    assert (first.number, first.name, first.is_input, len(first)) == (4, "Bild 1", True, 3)
    assert (first.cores.tolist(), first.lines.tolist()) == ([0, 3, -2], [7, 255, -1])
    assert (second.name, second.is_input) == ("zwei", False)
    assert repr(second) == "<ConnectorMap: output 4 'zwei', 1 pins>"


@pytest.mark.parametrize(
    ("name", "outputs", "pins"),
    [("patternMatch", 1, 3), ("mnist_neil2", 1, 250), ("spatioTemporalFilter", 2, 1200)],
)
def test_pin_k_of_ibms_outputs_is_where_the_model_sends_that_neuron(
    name: str, outputs: int, pins: int
) -> None:
    found = read_connectors(recording(f"{name}_outMap.bin"))
    assert (len(found), len(found[0])) == (outputs, pins)
    network = read_model(recording(f"{name}.json"))
    numbers = [output.number for output in network.outputs.values()]
    sent = {(w["core"], w["neuron"]): (numbers[~w["target"]], w["pin"])
            for w in network.wires[network.wires["target"] < 0]}  # fmt: skip
    ends = [sent[at] for at in zip(found[0].cores.tolist(), found[0].lines.tolist(), strict=True)]
    assert ends == [(-32 - k // 256, k % 256) for k in range(pins)]


@pytest.mark.parametrize(
    ("name", "widths"),
    [("patternMatch", [8]), ("mnist_neil2", [256] * 4), ("spatioTemporalFilter", [1200])],
)
def test_ibms_inputs_reach_each_axon_once(name: str, widths: list[int]) -> None:
    found = read_connectors(recording(f"{name}_inpMap.bin"))
    assert [len(one) for one in found] == widths
    ends = [np.stack([c.cores, c.lines], axis=1) for c in found if c.is_input]
    assert len(np.unique(np.concatenate(ends), axis=0)) == sum(widths)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "connector 0 at byte 0 is cut off: 0 bytes are left of 28"),
        (record([1], [2]) + b"\0", "connector 1 at byte 36 is cut off: 1 bytes are left of 28"),
        (record([1], [2])[:-1], "the axons or neurons of connector 0 is cut off: 1 bytes"),
        (
            record([1], [2], direction=2),
            "x_inpMap.bin: byte 4: direction of connector 0 = 2 is not known; it must be 0 (in) or 1 "
            "(out)",
        ),
        (
            record([], []),
            "x_inpMap.bin: byte 8: pins of connector 0 = 0 is not known; it must be 1..",
        ),
        (
            record([1, 2], [3, 4], shape=(1, 2, 1)),
            "x_inpMap.bin: byte 12: dimensions of connector 0 = (1, 2, 1) is not known; it must be "
            "(2, 1, 1)",
        ),
        (
            record([1], [2], length=2**31),
            "x_inpMap.bin: byte 24: length of the name of connector 0 = 2147483648 is not known",
        ),
        (
            record([1], [2]) + record([0], [0]).replace(b"a\0", b"\0\xdc"),
            "x_inpMap.bin: byte 64: the name of connector 1 is no UTF-16",
        ),
        (
            record([1, -3], [2, 3]),
            "x_inpMap.bin: byte 34: pin 1 of connector 0 is axon or neuron 3 of core -3; it must be "
            "0..255 of 0..2147483647, or 65535 of -2",
        ),
        (record([1], [256]), "pin 0 of connector 0 is axon or neuron 256 of core 1; it must be"),
        (record([-2], [0]), "pin 0 of connector 0 is axon or neuron 0 of core -2; it must be"),
    ],
)
def test_a_broken_map_is_refused_with_its_offset(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        read(tmp_path, data)
    assert message in str(caught.value)
    assert "x_inpMap.bin" in str(caught.value)
