"""Compiled board models: every byte of IBM's, both ways, and each bit that is not understood refused."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from random_boards import random_kinds
from recordings import recording

from tnemu.formats.errors import FormatError
from tnemu.formats.model_file import read_model
from tnemu.formats.model_writer import write_model
from tnemu.formats.tnbm_rows import FIELDS, SYNAPSES, ZERO, unproven
from tnemu.formats.tnbm_writer import write_tnbm
from tnemu.hardware import neuron
from tnemu.networks.logical import LogicalCore, LogicalNetwork, LogicalOutput, wires_from

MODELS = ("patternMatch", "mnist_neil2", "spatioTemporalFilter")
ROW, CORE, HEAD, CORE_HEAD = 60, 15_472, 32, 112
ALL_ONES = 0xFFFFFFFF


def tame(seed: int = 0, cores: int = 3) -> LogicalNetwork:
    """A network that uses only what IBM's files prove: half of its neurons, ids out of order."""
    rng = np.random.default_rng(seed)
    made, rows = [], []
    for k, number in enumerate(rng.permutation(cores).tolist()):
        core = LogicalCore(f"core {number}", layer="cores", number=number, seed=ALL_ONES)
        core.used = rng.random(256) < 0.5
        core.axon_types = rng.integers(0, 4, 256).astype(np.uint8)
        core.crossbar = (rng.random((256, 256)) < 0.3) & core.used
        kinds = np.array([neuron(s=rng.integers(-172, 127, 4), alpha=int(rng.integers(0, 63)),
                                 beta=int(rng.integers(0, 17)), leak=int(rng.integers(-100, 101)),
                                 TM=int(rng.choice([0, 8])), gamma=int(rng.integers(3)),
                                 kappa=int(rng.integers(2)), epsilon=int(rng.integers(2)))
                          for _ in range(9)])  # fmt: skip
        core.neurons = kinds[rng.integers(0, 9, 256)]
        made.append(core)
        for j in np.flatnonzero(core.used & (rng.random(256) < 0.9)).tolist():
            rows.append((k, j, int(rng.integers(-2, cores)), int(rng.integers(256)), 1))
    outputs = {"-32": LogicalOutput(256, -32), "-40": LogicalOutput(256, -40)}
    return LogicalNetwork(made, wires_from(rows), outputs=outputs)


def wild(seed: int, cores: int = 2) -> LogicalNetwork:
    """Every parameter anywhere in its range."""
    rng = np.random.default_rng(seed)
    network = tame(seed, cores)
    for core in network.cores:
        core.seed = int(rng.integers(2**32))
        core.neurons = random_kinds(rng, 256, noise=True)
        core.neurons["sigma_VR"][core.neurons["VR"] == 0] = 1  # the sign of 0 says nothing
    network.wires["delay"] = rng.integers(1, 16, len(network.wires))
    return network


def in_order(network: LogicalNetwork) -> LogicalNetwork:
    """The same network with its cores in order of ids."""
    order = np.argsort([core.number for core in network.cores])
    wires = network.wires.copy()
    wires["core"] = np.argsort(order)[wires["core"]]
    inner = wires["target"] >= 0
    wires["target"][inner] = np.argsort(order)[wires["target"][inner]]
    wires = wires[np.lexsort((wires["neuron"], wires["core"]))]
    cores = [network.cores[k] for k in order]
    return LogicalNetwork(cores, wires, outputs=network.outputs)


def nameless(network: LogicalNetwork) -> LogicalNetwork:
    """The network without what a .tnbm has no place for."""
    cores = [replace(c, name=f"core {c.number}", layer="cores") for c in network.cores]
    return LogicalNetwork(cores, network.wires, outputs=network.outputs)


# --- IBM's own -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODELS)
def test_every_byte_of_ibms_compiled_models_follows_from_their_source(
    name: str, tmp_path: Path
) -> None:
    compiled = recording(f"{name}.tnbm")
    network = read_model(recording(f"{name}.json"))
    write_tnbm(network, tmp_path / "ours.tnbm")
    assert (tmp_path / "ours.tnbm").read_bytes() == compiled.read_bytes()


@pytest.mark.parametrize("name", MODELS)
def test_ibms_models_come_back_equal_through_both_kinds_of_file(name: str, tmp_path: Path) -> None:
    source, compiled = read_model(recording(f"{name}.json")), read_model(recording(f"{name}.tnbm"))
    assert compiled == nameless(source)
    assert "notes" not in compiled.origin
    write_model(compiled, tmp_path / "x.json")
    assert read_model(tmp_path / "x.json") == compiled
    write_tnbm(read_model(tmp_path / "x.json"), tmp_path / "x.tnbm")
    assert (tmp_path / "x.tnbm").read_bytes() == recording(f"{name}.tnbm").read_bytes()


# --- the layout, by hand -------------------------------------------------------------------------


def test_a_small_file_is_what_the_table_says(tmp_path: Path) -> None:
    """Written out by hand, bit by bit, without any code of the format's."""
    core = LogicalCore("a", number=0, seed=ALL_ONES)
    core.used[3] = True
    core.axon_types[[0, 255]] = 1, 2
    core.crossbar[[0, 9], 3] = True
    core.neurons[3] = neuron(s=(-172, 126, -1, 0), leak=-100, alpha=62, beta=16, TM=8, gamma=2,
                             kappa=1, epsilon=1)  # fmt: skip
    network = LogicalNetwork([core], wires_from([(0, 3, -1, 161, 1)]),
                             outputs={"-36": LogicalOutput(256, -36)})  # fmt: skip
    write_tnbm(network, tmp_path / "x.tnbm")
    data = (tmp_path / "x.tnbm").read_bytes()
    assert len(data) == HEAD + CORE
    assert data[:HEAD] == b"TNBM" + struct.pack("<4I", 6, 8, 3868, 1) + bytes(12)
    head = data[HEAD : HEAD + CORE_HEAD]
    assert head[:6] == b"TNCB\xff\xff"
    unused = int.from_bytes(head[6:38], "little")
    assert unused == (1 << 256) - 1 - (1 << 252)  # all but neuron 3, at bit 255 - 3
    assert (head[38:44], head[44:48]) == (bytes(6), b"\xff" * 4)
    assert int.from_bytes(head[48:], "little") == 2 | 1 << 2 * 255  # axon 255 first
    rows = [data[k : k + ROW] for k in range(HEAD + CORE_HEAD, len(data), ROW)]
    assert len(rows) == 256
    for j, row in enumerate(rows):
        value = int.from_bytes(row, "little")
        if j != 3:  # alpha 10, destination its own core, 0
            assert value == 10 << 33
            continue
        expected = 2 << 2 | 1 << 4 | 8 << 10 | 16 << 15 | 62 << 33 | 1 << 61
        expected |= (512 - 100) << 52  # two's complement in 9 bits
        expected |= (0 << 66) | (511 << 75) | (126 << 84) | ((512 - 172) << 93)  # s3, s2, s1, s0
        expected |= 1 << 102 | 1 << 102 + 9
        expected |= ((1 << 32) - 36) << 384 | 1 << 418 | 161 << 422
        assert value == expected


def test_a_neuron_without_a_destination_is_not_an_unused_one(tmp_path: Path) -> None:
    core = LogicalCore("a", number=0, seed=ALL_ONES)
    core.used[0] = True
    core.neurons[0] = neuron(alpha=1, beta=0)
    write_tnbm(LogicalNetwork([core]), tmp_path / "x.tnbm")
    row = int.from_bytes((tmp_path / "x.tnbm").read_bytes()[144:204], "little")
    assert row == 1 << 33 | ((1 << 32) - 2) << 384 | 1 << 418
    found = read_model(tmp_path / "x.tnbm")
    assert found.cores[0].used.sum() == 1 and not len(found.wires) and not found.outputs


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_what_is_written_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cores: int
) -> None:
    path = tmp_path_factory.mktemp("tnbm") / "x.tnbm"
    network = wild(seed, cores)
    for k in range(2):  # a connector that nothing is sent to is refused
        assume((network.wires["target"] == ~k).any())
    write_tnbm(network, path)
    found = read_model(path)
    assert found == in_order(network)
    write_tnbm(found, path.with_suffix(".again"))
    assert path.with_suffix(".again").read_bytes() == path.read_bytes()


# --- what is not proven is said ------------------------------------------------------------------


def changed(**parameters: int) -> Callable[[LogicalNetwork], None]:
    def change(network: LogicalNetwork) -> None:
        core = network.cores[0]
        for name, value in parameters.items():
            core.neurons[name][np.flatnonzero(core.used)[0]] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed(), []),
        (changed(b=1), ["stochastic synapses (b)"]),
        (changed(c=1), ["stochastic leak (c)"]),
        (changed(TM=7), ["TM other than 0 and 8"]),
        (changed(VR=1), ["reset potentials (VR, sigma_VR)"]),
        (changed(V0=-1), ["initial potentials (V)"]),
        (changed(alpha=63), ["alpha above 62"]),
        (changed(beta=17), ["beta above 16"]),
        (changed(leak=-101), ["leak beyond 100"]),
        (changed(s=127), ["weights beyond -172..126"]),
        (lambda n: n.wires["delay"].put(0, 2), ["delays above 1"]),
        (lambda n: setattr(n.cores[0], "seed", 1), ["seeds other than FFFFFFFF"]),
    ],
)
def test_what_no_file_proves_is_said_when_it_is_read(
    change: Callable[[LogicalNetwork], None], words: list[str], tmp_path: Path
) -> None:
    network = tame()
    change(network)
    assert unproven(network) == words
    write_tnbm(network, tmp_path / "x.tnbm")
    said = f"x.tnbm has {', '.join(words)}: that a .tnbm keeps them where they were read is not "
    notes = read_model(tmp_path / "x.tnbm").origin.get("notes", [])
    assert notes == ([said + "proven by any known file"] if words else [])


def test_parameters_of_unused_neurons_are_dropped_with_a_note(tmp_path: Path) -> None:
    write_tnbm(tame(), tmp_path / "x.tnbm")
    data = bytearray((tmp_path / "x.tnbm").read_bytes())
    unused = np.flatnonzero(~read_model(tmp_path / "x.tnbm").cores[1].used)[:2]
    for j in unused.tolist():
        data[HEAD + CORE + CORE_HEAD + j * ROW + 20] ^= 1  # a synapse
    (tmp_path / "x.tnbm").write_bytes(data)
    found = read_model(tmp_path / "x.tnbm")
    assert found.origin["notes"] == [
        "x.tnbm has 2 unused neurons with parameters, which were dropped"
    ]
    assert found == in_order(tame())


# --- what is not understood is refused -----------------------------------------------------------


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, npt.NDArray[np.uint8]]:
    """A file of :func:`tame`, and its bytes to change."""
    write_tnbm(tame(), tmp_path / "x.tnbm")
    return tmp_path / "x.tnbm", np.fromfile(tmp_path / "x.tnbm", np.uint8)


def refusal(path: Path, data: npt.NDArray[np.uint8] | bytes) -> str:
    path.write_bytes(bytes(data))
    with pytest.raises(FormatError) as caught:
        read_model(path)
    return str(caught.value)


def test_the_fields_the_synapses_and_the_zeros_are_every_bit_of_a_row_once() -> None:
    spans = [range(f.bit, f.bit + f.width) for f in FIELDS.values()]
    spans += [range(SYNAPSES, SYNAPSES + 256), ZERO.tolist()]
    assert sorted(itertools.chain(*spans)) == list(range(480))


@pytest.mark.parametrize("bit", ZERO.tolist())
def test_every_bit_that_is_zero_in_all_files_is_refused(
    bit: int, written: tuple[Path, npt.NDArray[np.uint8]]
) -> None:
    path, data = written
    at = HEAD + CORE + CORE_HEAD + 200 * ROW + bit // 8
    data[at] |= 1 << bit % 8
    assert refusal(path, data) == (
        f"x.tnbm: core 1 neuron 200 (byte {at}): bit {bit} is set; no known file sets it, so what it "
        "says is not known"
    )


def test_one_flipped_bit_of_a_row_is_one_changed_neuron(
    written: tuple[Path, npt.NDArray[np.uint8]],
) -> None:
    path, data = written
    before = read_model(path)
    j = int(np.flatnonzero(before.cores[2].used)[5])
    at = HEAD + 2 * CORE + CORE_HEAD + j * ROW
    data[at + (SYNAPSES + 7) // 8] ^= 1 << (SYNAPSES + 7) % 8
    path.write_bytes(data)
    after = read_model(path)
    changes = np.argwhere(before.cores[2].crossbar != after.cores[2].crossbar)
    assert changes.tolist() == [[7, j]]


def set_field(data: npt.NDArray[np.uint8], at: int, name: str, value: int) -> None:
    field = FIELDS[name]
    row = int.from_bytes(data[at : at + ROW].tobytes(), "little")
    mask = (1 << field.width) - 1
    row = row & ~(mask << field.bit) | (value & mask) << field.bit
    data[at : at + ROW] = np.frombuffer(row.to_bytes(ROW, "little"), np.uint8)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("gamma", 3, "gamma = 3 is not allowed; it must be 0..2"),
        ("TM", 19, "TM = 19 is not allowed; it must be 0..18"),
        ("VR", 31, "VR = 31 is not allowed; it must be 0..18"),
        ("s2", -256, "s2 = -256 is not allowed; it must be -255..255"),
        ("leak", -256, "leak = -256 is not allowed; it must be -255..255"),
        ("delay", 0, "delay = 0 is not allowed; it must be 1..15"),
        *(
            ("core", core, f"destination core {core} is not allowed; it must be 0..2, a connector "
             "from -32 down, or -2 for nowhere")
            for core in (3, 2**31 - 1, -1, -3, -31)
        ),
        ("core", -(2**31), "core = -2147483648 is not allowed; it must be -2147483647..2147483647"),
    ],
)  # fmt: skip
def test_a_value_that_no_neuron_has_is_refused_with_its_place(
    name: str, value: int, words: str, written: tuple[Path, npt.NDArray[np.uint8]]
) -> None:
    path, data = written
    network = read_model(path)
    j = int(network.wires["neuron"][network.wires["core"] == 1][0])
    at = HEAD + CORE + CORE_HEAD + j * ROW
    set_field(data, at, name, value)
    place = at + FIELDS[name].bit // 8
    assert refusal(path, data) == f"x.tnbm: core 1 neuron {j} (byte {place}): {words}"


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (4, "x.tnbm: byte 4: the first word = 7 is not known; it must be 6"),
        (8, "x.tnbm: byte 8: words of the header = 9 is not known; it must be 8"),
        (12, "x.tnbm: byte 12: words of a core = 3869 is not known; it must be 3868"),
        (
            16,
            "x.tnbm: byte 16: 2 cores take 30,976 bytes, and at least one is needed; the file has",
        ),
        (31, "x.tnbm: byte 20: the end of the header = "),
        (
            32,
            "x.tnbm: core 0: its header at byte 32 is b'UNCB\\xff\\xff' and, from byte 70, b'\\x00",
        ),
        (
            36,
            "x.tnbm: core 0: its header at byte 32 is b'TNCB\\xfe\\xff' and, from byte 70, b'\\x00",
        ),
        (
            70,
            "x.tnbm: core 0: its header at byte 32 is b'TNCB\\xff\\xff' and, from byte 70, b'\\x01",
        ),
    ],
)
def test_a_header_that_is_not_understood_is_refused_with_its_place(
    at: int, message: str, written: tuple[Path, npt.NDArray[np.uint8]]
) -> None:
    path, data = written
    data[at] ^= 1
    assert refusal(path, data).startswith(message)


def test_a_file_of_another_length_is_refused(written: tuple[Path, npt.NDArray[np.uint8]]) -> None:
    path, data = written
    for found in (data[:-1], np.append(data, data[:1]), data[: HEAD + CORE]):
        assert (
            f"3 cores take 46,448 bytes, and at least one is needed; the file has {len(found):,}"
            in (refusal(path, found))
        )
    assert refusal(path, data[:20]) == "x.tnbm: the header is cut off: 20 bytes are there of 32"
    data[16] = 0
    assert "byte 16: 0 cores take 32 bytes, and at least one is needed" in refusal(
        path, data[:HEAD]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda n: setattr(n.cores[0], "number", 7),
            "a .tnbm file cannot hold the core number ",
        ),
        (
            lambda n: n.wires["delay"].put(0, 0),
            "a .tnbm file cannot hold core 'core 2' neuron ",
        ),
        (
            lambda n: n.outputs.update({"-50": LogicalOutput(256, -50)}),
            "a .tnbm file cannot hold the output '-50' with no wire to it; remove it or send to it",
        ),
        (lambda n: n.cores.clear() or n.outputs.clear() or setattr(n, "wires", n.wires[:0]),
         "a .tnbm file cannot hold a network without cores; add a core"),
    ],
)  # fmt: skip
def test_what_the_file_cannot_hold_is_not_written(
    change: Callable[[LogicalNetwork], None], message: str, tmp_path: Path
) -> None:
    network = tame()
    change(network)
    with pytest.raises(FormatError) as caught:
        write_tnbm(network, tmp_path / "x.tnbm")
    assert str(caught.value).startswith(message)
    assert not list(tmp_path.iterdir())
