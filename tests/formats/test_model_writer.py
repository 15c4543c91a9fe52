"""What the writer writes reads back equal, looks like IBM's files, and holds nothing back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tnemu.formats.errors import FormatError
from tnemu.formats.model_file import parse_model, read_model
from tnemu.formats.model_writer import format_model, write_model
from tnemu.hardware.neuron import FIELDS, NEURON_DTYPE, neuron
from tnemu.networks.logical import (
    LogicalCore,
    LogicalInput,
    LogicalNetwork,
    LogicalOutput,
    taps_from,
    wires_from,
)

DATA = Path(__file__).parent / "data"


def small() -> LogicalNetwork:
    """Core 7 neuron 0 -> axon 1 of core 3; core 3 neuron 2 -> pin 3 of -32."""
    cores = []
    for number in (7, 3):
        core = LogicalCore(f"core {number}", number=number)
        core.used[:3] = True
        core.neurons[:3] = neuron(s=[1, -2], alpha=5)
        cores.append(core)
    wires = wires_from([(0, 0, 1, 1, 15), (1, 2, -1, 3, 1)])
    return LogicalNetwork(cores, wires, outputs={"-32": LogicalOutput(256, -32)})


@st.composite
def networks(draw: st.DrawFn) -> LogicalNetwork:
    """Any network that a model file can hold: every parameter, any wiring, any names."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.integers(1, 3))
    numbers = draw(st.lists(st.integers(0, 2**31 - 1), min_size=count, max_size=count, unique=True))
    outputs = sorted(draw(st.sets(st.integers(-40, -32), max_size=3)), reverse=True)
    kinds = np.zeros(4, NEURON_DTYPE)
    for name, field in FIELDS.items():
        values = rng.integers(field.low, field.high + 1, kinds[name].shape)
        kinds[name] = np.where(values == 0, 1, values) if name == "sigma_VR" else values
    cores, wires, reached = [], [], set()
    for index, number in enumerate(numbers):
        core = LogicalCore(
            draw(st.text()), draw(st.text()), number, draw(st.integers(0, 2**32 - 1))
        )
        core.axon_types[:] = rng.integers(0, 4, 256)
        core.crossbar[:] = rng.integers(0, 2, (256, 256)) > draw(st.integers(-1, 0))
        core.used[:] = rng.integers(0, 3, 256) > draw(st.integers(-1, 2))
        core.neurons[:] = kinds[rng.integers(0, 4, 256)]
        for j in np.flatnonzero(core.used)[:: draw(st.integers(1, 300))].tolist():
            target = int(rng.integers(-len(outputs), count))
            reached.add(target)
            wires.append((index, j, target, int(rng.integers(256)), int(rng.integers(1, 16))))
        cores.append(core)
    # A file has no output that nothing reaches: leave those out and count the others anew.
    kept = [n for index, n in enumerate(outputs) if ~index in reached]
    moved = {~outputs.index(n): ~kept.index(n) for n in kept}
    rows = [(c, j, moved.get(target, target), pin, d) for c, j, target, pin, d in wires]
    return LogicalNetwork(
        cores, wires_from(rows), outputs={str(n): LogicalOutput(256, n) for n in kept}
    )


@given(networks())
def test_a_written_network_reads_back_equal(network: LogicalNetwork) -> None:
    assert parse_model(format_model(network)) == network


def test_the_ibm_written_model_survives_reading_and_writing(tmp_path: Path) -> None:
    network = read_model(DATA / "ex1.json")
    write_model(network, tmp_path / "copy.json")
    assert read_model(tmp_path / "copy.json") == network


def test_a_written_core_has_the_lines_that_ibms_tool_wrote() -> None:
    written = format_model(read_model(DATA / "ex1.json")).splitlines()
    wanted = [line.strip() for line in (DATA / "ex1.json").read_text().splitlines()]
    for start in ('"sigma0"', '"types"', '"destCores"', '"destAxons"', '"id"', '"rngSeed"'):
        (line,) = (line for line in wanted if start in line)
        assert line.replace("true ", "true").rstrip(" ,") in [w.strip(" ,\t") for w in written]
    rows = [line.rstrip(" ,") for line in wanted if "synapses" in line]
    assert rows == [line.strip(" ,\t") for line in written if "synapses" in line]


def test_equal_crossbars_and_equal_types_are_written_once() -> None:
    text = format_model(small())
    assert text.count('"rows"') == 1
    assert text.count('"name":"N0000000') == 1


def rewired(*rows: tuple[int, int, int, int, int]) -> Callable[[LogicalNetwork], None]:
    def change(network: LogicalNetwork) -> None:
        network.wires = wires_from(rows)

    return change


def with_input(network: LogicalNetwork) -> None:
    network.inputs["frame"] = LogicalInput(1, taps_from([(0, 0, 0, 1)]))


def with_output(name: str, width: int, number: int) -> Callable[[LogicalNetwork], None]:
    def change(network: LogicalNetwork) -> None:
        network.outputs = {name: LogicalOutput(width, number)}

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_input, "the input connector 'frame'; remove it and address its axons by core and"),
        (
            lambda n: setattr(n.cores[1], "number", 7),
            "core 'core 3' with number 7, which core 'core 7' has too; number every core diff",
        ),
        (
            rewired((0, 0, 1, 1, 0), (1, 2, -1, 3, 1)),
            "core 'core 7' neuron 0, which has a delay of 0, left to the mapper; balance the delays",
        ),
        (
            rewired((0, 0, 1, 1, 1), (0, 0, -1, 1, 1)),
            "core 'core 7' neuron 0, which has more than one wire; fan out with splitters first",
        ),
        (
            rewired((1, 2, -1, 3, 1), (0, 0, 1, 1, 1)),
            "core 'core 7' neuron 0, which has its wire after that of a later neuron; sort the",
        ),
        (
            rewired((0, 9, -1, 3, 1)),
            "core 'core 7' neuron 9, which has a wire but is not used; remove the wire or use",
        ),
        (rewired(), "the output '-32' with no wire to it; remove it or send to it"),
        (with_output("vote", 256, -32), "the output 'vote' with number -32 and 256 pins; name it"),
        (with_output("-32", 300, -32), "the output '-32' with number -32 and 300 pins; name it"),
        (with_output("-31", 256, -31), "the output '-31' with number -31; number outputs -32, -33"),
        (lambda n: n.cores.clear() or rewired()(n) or n.outputs.clear(), "a network without cores"),
    ],
)
def test_what_a_model_file_cannot_hold_is_refused_not_lost(
    change: Callable[[LogicalNetwork], None], message: str, tmp_path: Path
) -> None:
    network = small()
    change(network)
    with pytest.raises(FormatError) as caught:
        write_model(network, tmp_path / "m.json")
    assert f"an IBM model file cannot hold {message}" in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        FormatError, match=r"cannot write .*m\.json: No such file or directory; give"
    ):
        write_model(small(), tmp_path / "absent" / "m.json")
