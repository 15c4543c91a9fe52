"""RAWO6, IBM's output with senders: six big-endian words a spike, read, written, refused by offset."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import recording

from tnemu.formats.errors import FormatError
from tnemu.formats.spike_file import read_spikes
from tnemu.formats.spike_records import SENT_DTYPE
from tnemu.formats.spike_words import iter_sent, write_sent_spikes

HEADER = (
    b'{"class":"SpikeWriter","encoding":"RAWO6","nscsVersion":"1.4.0"}\n'
    b'{ "defaultDestinationDelay" : 1 }\xff'
)
START = len(HEADER)
CORES = st.integers(-(2**31) + 1, 2**31 - 1)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 2**32 - 1),
        CORES,
        st.integers(-1, 255),
        CORES,
        st.integers(0, 255),
        st.integers(1, 15),
    ),
    max_size=30,
)


def table(rows: list[tuple[int, ...]]) -> npt.NDArray[np.void]:
    return np.array(rows, dtype=SENT_DTYPE)


def read_sent(path: Path) -> list[Any]:
    return [row for block in iter_sent(path) for row in block.tolist()]


def test_a_record_is_tick_sender_target_and_delay_in_big_endian_words(tmp_path: Path) -> None:
    path = tmp_path / "out.sfro"
    rows = [(11, 3, 177, 17, 41, 1), (4294967295, 25, 255, -36, 161, 15)]
    path.write_bytes(HEADER + struct.pack(">Iiiiii", *rows[0]) + struct.pack(">Iiiiii", *rows[1]))
    assert read_sent(path) == rows
    found = read_spikes(path)
    assert found.records.tolist() == [(11, 17, 41, 1), (4294967295, -36, 161, 15)]
    assert found.where(1) == "out.sfro:2"


@given(ROWS)
def test_what_is_written_is_the_layout_and_reads_back_equal(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, ...]]
) -> None:
    path = tmp_path_factory.mktemp("sent") / "out.sfro"
    write_sent_spikes(path, table(rows))
    assert path.read_bytes() == HEADER + b"".join(struct.pack(">Iiiiii", *row) for row in rows)
    assert read_sent(path) == rows


def test_ibms_recording_is_written_again_byte_for_byte(tmp_path: Path) -> None:
    path = recording("spatioTemporalFilter_out.sfro")
    records = np.concatenate(list(iter_sent(path)))
    assert len(records) == 10_278
    write_sent_spikes(tmp_path / "again.sfro", records)
    assert (tmp_path / "again.sfro").read_bytes() == path.read_bytes()


def test_a_long_file_is_read_in_blocks_without_a_seam(tmp_path: Path) -> None:
    rows = np.zeros(200_000, SENT_DTYPE)
    rows["time"], rows["delay"] = np.arange(len(rows)), 1
    write_sent_spikes(tmp_path / "long.sfro", rows)
    blocks = list(iter_sent(tmp_path / "long.sfro"))
    assert len(blocks) > 3
    assert np.array_equal(np.concatenate(blocks), rows)
    assert read_spikes(tmp_path / "long.sfro").lines[-1] == 200_000


GOOD = struct.pack(">6i", 1, 2, 3, 4, 5, 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (HEADER[:-1], "x.sfro: no byte 0xFF ends the header; the file is cut off"),
        (
            HEADER + GOOD + bytes(23),
            "x.sfro: 23 bytes follow the last whole spike of 24 bytes; the",
        ),
        (
            HEADER + GOOD + struct.pack(">6i", 1, 2, 256, 4, 5, 1),
            f"x.sfro: byte {START + 32}: srcNeuron = 256 is not allowed; it must be a whole number, "
            "-1..255",
        ),
        (
            HEADER + struct.pack(">6i", 1, -(2**31), 0, 4, 5, 1),
            f"x.sfro: byte {START + 4}: srcCore = -2147483648 is not allowed",
        ),
        (
            HEADER + struct.pack(">6i", 1, 0, 0, 4, 256, 1),
            f"x.sfro: byte {START + 16}: destAxon = 256 is not allowed",
        ),
        (
            HEADER + struct.pack(">6i", 1, 0, 0, 4, -1, 1),
            f"x.sfro: byte {START + 16}: destAxon = -1 is not allowed",
        ),
        (
            HEADER + struct.pack(">6i", 1, 0, 0, 4, 5, 0),
            f"x.sfro: byte {START + 20}: destDelay = 0 is not allowed",
        ),
        (HEADER.replace(b": 1", b": 16"), "x.sfro: defaultDestinationDelay = 16 is not allowed"),
        (
            HEADER.replace(b'"default', b'"other" : 2, "default'),
            "x.sfro:2: the second header object has the keys ['other', 'defaultDestinationDelay']; it "
            "has exactly defaultDestinationDelay",
        ),
        (HEADER.replace(b" : 1 }", b""), "x.sfro:2:28: is not JSON"),
        (HEADER.replace(b'"1.4.0"', b'"1.4.0","x":1'), "x.sfro:1: the header is"),
    ],
)
def test_a_broken_file_is_refused_with_its_offset(
    tmp_path: Path, data: bytes, message: str
) -> None:
    (tmp_path / "x.sfro").write_bytes(data)
    with pytest.raises(FormatError) as caught:
        read_spikes(tmp_path / "x.sfro")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((0, 0, 256, 0, 0, 1), "spike 1: srcNeuron = 256 is not allowed"),
        ((2**32, 0, 0, 0, 0, 1), "spike 1: srcTime = 4294967296 is not allowed"),
        ((0, 0, 0, 0, 0, 16), "spike 1: destDelay = 16 is not allowed"),
    ],
)
def test_what_the_file_cannot_hold_is_not_written(
    tmp_path: Path, row: tuple[int, ...], message: str
) -> None:
    with pytest.raises(FormatError, match=message):
        write_sent_spikes(tmp_path / "out.sfro", table([(0, 0, 0, 0, 0, 1), row]))
    assert not list(tmp_path.iterdir())


def test_the_header_may_be_one_object_as_in_raw_input(tmp_path: Path) -> None:
    one = (
        b'{"class":"SpikeWriter","nscsVersion":"1","encoding":"RAWO6","defaultDestinationDelay":1}'
    )
    (tmp_path / "x.sfro").write_bytes(one + b"\xff" + GOOD)
    assert read_sent(tmp_path / "x.sfro") == [(1, 2, 3, 4, 5, 1)]
