"""Spike files: what a line means, at what speed it is read, and what is refused with which words."""

from __future__ import annotations

import itertools
import os
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tnemu.formats import spike_file
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


def test_a_file_is_read_in_blocks_and_what_we_write_takes_the_fast_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 200_000
    rng = np.random.default_rng(0)
    records = spikes(np.arange(count), rng.integers(0, 4096, count), rng.integers(0, 256, count))
    path = tmp_path / "in.sfti"
    write_spikes(path, records)
    monkeypatch.setattr(spike_file, "_any_layout", None)  # every block takes the fast way
    blocks = list(iter_spikes(path))
    assert len(blocks) > 20
    assert np.array_equal(np.concatenate([block.records for block in blocks]), records)
    assert blocks[-1].where(-1) == f"in.sfti:{count + 2}"


SPIKE = '{"spike":{"srcTime":1,"destCore":2,"destAxon":3}}\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "in.sfti:1:1: is not JSON: expecting value; correct it there"),
        ("[1]\n", "in.sfti:1: this is no JSON object, but [1]"),
        (
            HEADER.replace("SpikeWriter", "Spikes"),
            'in.sfti:1: the header is \'{"class":"Spikes","encoding":"TEXT","nscsVersion":"1.4.0"}\''
            '; a spike file starts with {"class":"SpikeWriter","encoding":"TEXT",...} and the keys '
            "class, encoding, nscsVersion (encodings read: TEXT, RAWI3, RAWO6, CONNPIN)",
        ),
        (HEADER.replace("TEXT", "RAWX9"), "(encodings read: TEXT, RAWI3, RAWO6, CONNPIN)"),
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
            "in.sfti:2: the second header line has the keys ['Version', 'defaultDestinationDelay']; "
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
        (HEADER + SPIKE.replace(":1", ":"), "in.sfti:3:21: is not JSON: expecting value"),
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
            "in.sfti:3:50: is not JSON: extra data; correct it there",
        ),
        (
            HEADER + '{"spike":7}\n',
            'in.sfti:3: a line of a spike file is one object {"spike":{...}}; '
            "found '{\"spike\":7}'",
        ),
        (HEADER + SPIKE[:30], "in.sfti:3:23: is not JSON: unterminated string starting at"),
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
        (RAW.replace(b'"1"', b'"1","x":1') + b"\xff", "in.sfri:1: the header is"),
        (b'"RAWI3"\xff', "in.sfri:1: this is no JSON object, but 'RAWI3'"),
        (b"{RAWI3\xff", "in.sfri:1:2: is not JSON: expecting property name"),
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


# --- what may not be said twice, or in other words -------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (SPIKE.replace(":1,", ':1,"srcTime":7,'), "in.sfti:4:23: key 'srcTime' is repeated; keep"),
        (SPIKE.strip()[:-1] + ',"spike":{}}\n', "in.sfti:4:50: key 'spike' is repeated; keep one"),
        (SPIKE.replace(":2", ":02"), "in.sfti:4:35: is not JSON: "),
        (SPIKE.replace(":2", ":00"), "in.sfti:4:35: is not JSON: "),
        (SPIKE.replace(":2", ":" + "9" * 5000), "in.sfti:4:34: a whole number has 5,000 digits"),
        ("[" * 3000 + "\n", "in.sfti:4:"),
        (SPIKE.replace("destCore", "\\ux"), "in.sfti:4:"),
        ('{"spike":{' + " " * 300_000 + "}}\n", "in.sfti:4: the line is longer than 4,096 bytes"),
        ("\0" * 100 + "\n", "in.sfti:4 is not a text file: byte 0 is a NUL; give a text file in"),
        ("\xff\n", "in.sfti:4:1: is not JSON"),
    ],
)
def test_a_line_is_strict_json_with_every_key_once(tmp_path: Path, line: str, message: str) -> None:
    """On a line of its own, and among many that are read at once."""
    for rest in ("", 3000 * SPIKE):
        with pytest.raises(FormatError) as caught:
            read_text(tmp_path, HEADER + SPIKE + line + rest)
        assert str(caught.value).startswith(message)
        assert len(str(caught.value)) < 400


def test_messages_are_short_whatever_a_file_holds(tmp_path: Path) -> None:
    for text in (
        HEADER.replace("sfti1.0", "x" * 3000),
        HEADER.replace('"version"', '"' + "v" * 3000 + '"'),
        HEADER + SPIKE.replace("srcTime", "s" * 4000),
    ):
        with pytest.raises(FormatError) as caught:
            read_text(tmp_path, text)
        assert len(str(caught.value)) < 400


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "pipe"), (tmp_path, "folder")):
        with pytest.raises(FormatError, match=f"it is a {kind}, not a regular file; give the path"):
            read_spikes(path)
    with pytest.raises(FormatError, match="holds a NUL character; check the path"):
        read_spikes("a\0b")


def test_a_device_is_not_read(tmp_path: Path) -> None:
    if not Path("/dev/zero").is_char_device():
        pytest.skip("/dev/zero is no device here")
    (tmp_path / "link").symlink_to("/dev/zero")
    for path in ("/dev/zero", tmp_path / "link"):
        with pytest.raises(FormatError, match="it is a device, not a regular file"):
            read_spikes(path)


def test_a_sparse_file_is_refused_by_its_first_line_or_by_the_number_of_its_spikes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sparse"
    path.touch()
    os.truncate(path, 40 << 30)
    with pytest.raises(FormatError, match=r"sparse:1 is not a text file: byte 0 is a NUL"):
        read_spikes(path)
    path.write_bytes(RAW + b"\xff")
    os.truncate(path, len(RAW) + 1 + 12 * (1 << 20))
    with pytest.raises(
        FormatError, match=r"sparse has more than 999,999 spikes, the limit; read it in blocks"
    ):
        read_spikes(path, most_spikes=999_999)
    assert len(read_spikes(path)) == 1 << 20


def test_a_large_binary_file_is_read_in_bounded_memory(tmp_path: Path) -> None:
    """A file of 2 GB: no more than a few blocks are held at once."""
    path = tmp_path / "large.sfri"
    path.write_bytes(RAW + b"\xff")
    os.truncate(path, len(RAW) + 1 + 12 * 180_000_000)
    tracemalloc.start()
    try:
        seen = sum(len(block) for block in itertools.islice(iter_spikes(path), 30))
        assert seen > 1_000_000
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ((2.5, 0, 0), "srcTime = 2.5 is not allowed; give whole numbers (an array of integers)"),
        (([0, 1.0], 0, 0), "srcTime = [0, 1.0] is not allowed; give whole numbers"),
        ((0, True, 0), "destCore = True is not allowed; give whole numbers"),
        ((np.uint64(2**64 - 1), 0, 0), "srcTime = "),
        ((0, 0, 2**31), "destAxon = "),
        ((0, [[0], [1, 2]], 0), "destCore = [[0], [1, 2]] is not allowed"),
        (([0, 1], [0, 1, 2], 0), "do not belong together; give arrays of one length"),
        (("1", 0, 0), "srcTime = '1' is not allowed"),
    ],
)
def test_no_value_is_changed_to_fit_a_record(columns: tuple[Any, ...], message: str) -> None:
    with pytest.raises(FormatError) as caught:
        spikes(*columns)
    assert message in str(caught.value)
