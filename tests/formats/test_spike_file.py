"""Spike files: what a line means, at what speed it is read, and what is refused with which words."""

from __future__ import annotations

import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tnemu.formats.errors import FormatError
from tnemu.formats.spike_file import (
    format_spikes,
    iter_spikes,
    read_spikes,
    spikes,
    write_raw_spikes,
    write_spikes,
)

DATA = Path(__file__).parent / "data"
HEADER = (
    '{"class":"SpikeWriter","encoding":"TEXT","nscsVersion":"1.4.0"}\n'
    '{"version":"sfti1.0", "defaultDestinationDelay" : 1}\n'
)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 2**32 - 1),
        st.integers(-(2**31) + 1, 2**31 - 1),
        st.integers(0, 255),
        st.integers(1, 15),
    ),
    max_size=30,
)


def table(rows: list[tuple[int, ...]]) -> npt.NDArray[np.void]:
    time_, core, axon, delay = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return spikes(time_, core, axon, delay)


def read_text(tmp_path: Path, text: str) -> Any:
    path = tmp_path / "in.sfti"
    path.write_bytes(text.encode())
    return read_spikes(path)


def test_the_ibm_written_spikes_read_as_their_text_says() -> None:
    found = read_spikes(DATA / "ex1_spikes.sfti")
    assert len(found) == 1324
    assert found.records[:3].tolist() == [(0, 0, 0, 1), (0, 0, 1, 1), (0, 0, 2, 1)]
    assert found.records[-1].tolist() == (26, 0, 198, 1)
    assert found.where(0) == "ex1_spikes.sfti:3"


def test_ibms_spikes_are_written_as_ibm_wrote_them(tmp_path: Path) -> None:
    records = read_spikes(DATA / "ex1_spikes.sfti").records
    write_spikes(tmp_path / "copy.sfti", records, version="sfti1.0")
    assert (tmp_path / "copy.sfti").read_bytes() == (DATA / "ex1_spikes.sfti").read_bytes()


@given(ROWS, st.integers(1, 15))
def test_text_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, ...]], delay: int
) -> None:
    path = tmp_path_factory.mktemp("text") / "spikes.sfto"
    write_spikes(path, table(rows), default_delay=delay)
    found = read_spikes(path)
    assert np.array_equal(found.records, table(rows))
    assert found.lines.tolist() == list(range(3, 3 + len(rows)))


@given(ROWS)
def test_binary_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, ...]]
) -> None:
    path = tmp_path_factory.mktemp("raw") / "spikes.sfri"
    records = table([(t, abs(core), axon, 2) for t, core, axon, _ in rows])
    write_raw_spikes(path, records, default_delay=2)
    assert np.array_equal(read_spikes(path).records, records)


def test_the_default_delay_holds_where_a_spike_has_none(tmp_path: Path) -> None:
    text = HEADER.replace(": 1", ": 4") + (
        '{"spike":{"srcTime":7,"destCore":2,"destAxon":3}}\n'
        '{"spike":{"srcTime":7,"destCore":2,"destAxon":3,"destDelay":15}}\n'
    )
    assert read_text(tmp_path, text).records.tolist() == [(7, 2, 3, 4), (7, 2, 3, 15)]


def test_records_of_a_simulators_inner_spikes_are_read_too(tmp_path: Path) -> None:
    line = (
        '{"spike":{"srcTime":0,"srcCore":0,"srcNeuron":4,"destCore":9,"destAxon":1,"destDelay":2}}'
    )
    assert read_text(tmp_path, HEADER + line).records.tolist() == [(0, 9, 1, 2)]


def test_layout_order_and_blank_lines_are_free_and_lines_are_counted(tmp_path: Path) -> None:
    canonical = '{"spike":{"srcTime":1,"destCore":-33,"destAxon":3}}\n'
    other = '  { "spike" : {"destAxon":5,\t"destCore": 0, "srcTime":2} }\r\n'
    found = read_text(tmp_path, HEADER + canonical + "\n" + other + canonical.strip())
    assert found.records.tolist() == [(1, -33, 3, 1), (2, 0, 5, 1), (1, -33, 3, 1)]
    assert found.lines.tolist() == [3, 5, 6]


def test_the_binary_layout_is_header_ff_and_big_endian_triples(tmp_path: Path) -> None:
    path = tmp_path / "in.sfri"
    header = b'{"class":"SpikeWriter","nscsVersion":"1.4.0","encoding":"RAWI3",'
    header += b'"defaultDestinationDelay":3}\xff'
    path.write_bytes(header + struct.pack(">6I", 255, 4095, 255, 2**32 - 1, 0, 0))
    assert read_spikes(path).records.tolist() == [(255, 4095, 255, 3), (2**32 - 1, 0, 0, 3)]
    write_raw_spikes(tmp_path / "out.sfri", read_spikes(path).records, default_delay=3)
    assert (tmp_path / "out.sfri").read_bytes() == path.read_bytes()


def test_a_file_is_read_in_blocks_and_a_million_spikes_in_seconds(tmp_path: Path) -> None:
    count = 1_000_000
    rng = np.random.default_rng(0)
    records = spikes(np.arange(count), rng.integers(0, 4096, count), rng.integers(0, 256, count))
    path = tmp_path / "in.sfti"
    started = time.perf_counter()
    write_spikes(path, records)
    blocks = list(iter_spikes(path))
    # Measured at about 1 s together; the limit only catches a fall to Python speed.
    assert time.perf_counter() - started < 30
    assert len(blocks) > 100
    assert np.array_equal(np.concatenate([block.records for block in blocks]), records)
    assert blocks[-1].where(-1) == f"in.sfti:{count + 2}"


SPIKE = '{"spike":{"srcTime":1,"destCore":2,"destAxon":3}}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "in.sfti:1: this is no JSON object (Expecting value, column 1)"),
        ("[1]\n", "in.sfti:1: this is no JSON object, but '[1]'"),
        (
            HEADER.replace("SpikeWriter", "Spikes"),
            'in.sfti:1: the header is \'{"class":"Spikes","encoding":"TEXT","nscsVersion":"1.4.0"}\''
            '; a spike file starts with {"class":"SpikeWriter","encoding":"TEXT",...} and the keys '
            "class, encoding, nscsVersion (encodings read: TEXT, RAWI3)",
        ),
        (HEADER.replace("TEXT", "RAWO6"), "(encodings read: TEXT, RAWI3)"),
        (
            HEADER.replace("sfti1.0", "sfti2.0"),
            "in.sfti:2: version = 'sfti2.0' is not known; known: sfti1.0, sfto1.0, sfci1.0",
        ),
        (
            HEADER.replace(": 1", ": 16"),
            "in.sfti:2: defaultDestinationDelay = 16 is not allowed; "
            "it must be a whole number, 1..15",
        ),
        (HEADER.replace(": 1", ": 0"), "in.sfti:2: defaultDestinationDelay = 0 is not allowed"),
        (
            HEADER.replace('"version"', '"Version"'),
            "in.sfti:2: the second header line has the keys Version, defaultDestinationDelay; "
            "it has exactly version and defaultDestinationDelay",
        ),
        (
            HEADER + SPIKE + SPIKE.replace("destAxon", "axon"),
            "in.sfti:4: the spike has no destAxon; add it",
        ),
        (
            HEADER + SPIKE + SPIKE.replace('"destAxon":3', '"destAxon":3,"colour":1'),
            "in.sfti:4: the spike has the unknown key 'colour'; known: srcTime, destCore, destAxon, "
            "destDelay, srcCore, srcNeuron",
        ),
        (
            HEADER + SPIKE + SPIKE.replace(":3", ":256"),
            "in.sfti:4: destAxon = 256 is not allowed; it must be a whole number, 0..255",
        ),
        (HEADER + SPIKE + SPIKE.replace(":1", ":-1"), "in.sfti:4: srcTime = -1 is not allowed"),
        (HEADER + SPIKE.replace(":1", ":1e3"), "in.sfti:3: srcTime = 1000.0 is not allowed"),
        (HEADER + SPIKE.replace(":1", ":true"), "in.sfti:3: srcTime = True is not allowed"),
        (HEADER + SPIKE.replace(":1", ":"), "in.sfti:3: this is no JSON object (Expecting value"),
        (
            HEADER + SPIKE.replace(":2", ":99999999999999999999"),
            "in.sfti:3: destCore = 99999999999999999999 is not allowed; it must be a whole number, "
            "-2147483647..2147483647",
        ),
        (
            HEADER + SPIKE + SPIKE.replace(":3", ':3,"destDelay":16'),
            "in.sfti:4: destDelay = 16 is not allowed; it must be a whole number, 1..15",
        ),
        (HEADER + SPIKE.replace(":3", ':3,"destDelay":null'), "destDelay = None is not allowed"),
        (
            HEADER + SPIKE.strip() + "," + SPIKE,
            "in.sfti:3: this is no JSON object (Extra data, column 50)",
        ),
        (
            HEADER + '{"spike":7}\n',
            'in.sfti:3: a line of a spike file is one object {"spike":{...}}; '
            "found '{\"spike\":7}'",
        ),
        (HEADER + SPIKE[:30], "in.sfti:3: this is no JSON object (Unterminated string starting"),
    ],
)
def test_a_wrong_line_is_refused_by_its_number(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_text(tmp_path, text)
    assert message in str(caught.value)


RAW = b'{"class":"SpikeWriter","nscsVersion":"1","encoding":"RAWI3","defaultDestinationDelay":1}'


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (RAW, "in.sfri: no byte 0xFF ends the header; the file is cut off"),
        (
            RAW + b"\xff" + bytes(13),
            "in.sfri: 1 bytes follow the last whole spike of 12 bytes; the",
        ),
        (
            RAW + b"\xff" + struct.pack(">6I", 0, 0, 0, 0, 0, 256),
            "in.sfri:2: destAxon = 256 is not allowed; it must be a whole number, 0..255",
        ),
        (
            RAW + b"\xff" + struct.pack(">3I", 0, 2**31, 0),
            "in.sfri:1: destCore = 2147483648 is not allowed; it must be a whole number, ",
        ),
        (
            RAW.replace(b":1}", b":0}") + b"\xff",
            "in.sfri: defaultDestinationDelay = 0 is not allowed",
        ),
        (RAW.replace(b'"1"', b'"1","x":1') + b"\xff", "in.sfri: the header is"),
        (b'"RAWI3"\xff', "in.sfri: this is no JSON object, but 'RAWI3'"),
        (b"{RAWI3\xff", "in.sfri: this is no JSON object (Expecting property name"),
    ],
)
def test_a_broken_binary_file_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "in.sfri").write_bytes(data)
    with pytest.raises(FormatError) as caught:
        read_spikes(tmp_path / "in.sfri")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((0, 0, 256), "spike 1: destAxon = 256 is not allowed; it must be a whole number, 0..255"),
        ((-1, 0, 0), "spike 1: srcTime = -1 is not allowed"),
        ((0, 0, 0, 0), "spike 1: destDelay = 0 is not allowed; it must be a whole number, 1..15"),
    ],
)
def test_what_a_file_cannot_hold_is_not_written(
    tmp_path: Path, row: tuple[int, ...], message: str
) -> None:
    records = np.concatenate([spikes(0, 0, 0), spikes(*row)])
    with pytest.raises(FormatError) as caught:
        write_spikes(tmp_path / "out.sfto", records)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("row", [(0, -32, 0, 1), (0, 0, 0, 2)])
def test_binary_files_have_no_room_for_connectors_and_own_delays(
    tmp_path: Path, row: tuple[int, ...]
) -> None:
    with pytest.raises(
        FormatError, match="RAWI3 holds core ids from 0 and the delay 1 only; write"
    ):
        write_raw_spikes(tmp_path / "out.sfri", spikes(*row))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"cannot read spike file .*absent: No such file"):
        read_spikes(tmp_path / "absent")


def test_an_interrupted_write_leaves_the_older_file(tmp_path: Path) -> None:
    path = tmp_path / "out.sfto"
    path.write_text("older")
    with pytest.raises(FormatError):
        write_spikes(path, spikes(0, 0, 300))
    assert path.read_text() == "older"
    assert [p.name for p in tmp_path.iterdir()] == ["out.sfto"]


def test_pieces_of_a_long_file_join_without_a_seam() -> None:
    pieces = b"".join(format_spikes(spikes(np.arange(70_000), 1, 2))).splitlines()
    assert len(pieces) == 70_002
    assert pieces[65_538] == b'{"spike":{"srcTime":65536,"destCore":1,"destAxon":2}}'
