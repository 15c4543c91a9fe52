"""CONNPIN: blocks of pins, tick by tick, as IBM's run time writes what leaves the board."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import recording

from tnemu.formats import spike_pins
from tnemu.formats.errors import FormatError
from tnemu.formats.spike_file import iter_spikes, read_spikes, spikes
from tnemu.formats.spike_pins import END, PinHeader, pin_block, write_pin_spikes
from tnemu.lab.spike_diff import diff_spikes

HEADER = PinHeader(3, name="pattern detection").encode()
START = len(HEADER)


def block(tick: int, body: str = "") -> bytes:
    return bytes.fromhex(f"fefcfefc {tick:08x} 00000000 00000000 {body}")


def test_blocks_are_marker_tick_two_words_count_pins_and_delays(tmp_path: Path) -> None:
    path = tmp_path / "x.sfcp"
    body = block(0, "00000002 0200 0101") + block(1) + block(7, "00000001 01 0f")
    path.write_bytes(HEADER + body + block(0xFFFFFFFF))
    found = read_spikes(path)
    assert found.records.tolist() == [(0, -32, 2, 1), (0, -32, 0, 1), (7, -32, 1, 15)]
    assert found.lines.tolist() == [1, 2, 3]
    assert block(0xFFFFFFFF) == END


def test_pins_beyond_256_have_two_bytes_and_belong_to_the_next_connector(tmp_path: Path) -> None:
    path = tmp_path / "x.sfcp"
    path.write_bytes(PinHeader(600).encode() + block(4, "00000002 0257 00ff 0101") + END)
    assert read_spikes(path).records.tolist() == [(4, -34, 599 - 512, 1), (4, -32, 255, 1)]


@given(
    st.integers(1, 1000).flatmap(
        lambda size: st.tuples(
            st.just(size),
            st.lists(st.tuples(st.integers(0, 9), st.integers(0, size - 1)), max_size=40),
        )
    )
)
def test_what_is_written_reads_back_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, case: tuple[int, list[tuple[int, int]]]
) -> None:
    size, given_ = case
    rows = sorted(given_, key=lambda row: row[0])  # by tick alone
    tick, pin = np.array(rows, np.int64).reshape(-1, 2).T
    records = spikes(tick, -32 - pin // 256, pin % 256, 1 + pin % 15)
    path = tmp_path_factory.mktemp("pins") / "x.sfcp"
    write_pin_spikes(path, records, PinHeader(size), ticks=10)
    assert np.array_equal(read_spikes(path).records, records)
    assert path.read_bytes().count(spike_pins.MARKER) == 11


@pytest.mark.parametrize(
    ("name", "ticks", "count", "header"),
    [
        (
            "mnist_neil2",
            1000,
            118_086,
            PinHeader(
                250,
                "dsigitClass",
                "mnist_neil2_outMap.bin",
                "20170519T152747from_connector_B5AAA74150FF21DB3DC37C6E65FA3DBE25",
            ),
        ),
        (
            "patternMatch",
            48,
            24,
            PinHeader(
                3,
                "pattern detection",
                "patternMatch_outMap.bin",
                "20170417T192911from_connector_B5AAA74150FF21DB3DC37C6E65FA3DBE25",
            ),
        ),
    ],
)
def test_ibms_recordings_are_written_again_byte_for_byte(
    name: str, ticks: int, count: int, header: PinHeader, tmp_path: Path
) -> None:
    path = recording(f"{name}_out.sfcp")
    records = read_spikes(path).records
    assert len(records) == count
    write_pin_spikes(tmp_path / "again.sfcp", records, header, ticks=ticks)
    assert (tmp_path / "again.sfcp").read_bytes() == path.read_bytes()
    assert diff_spikes(path, tmp_path / "again.sfcp").equal


def test_a_long_file_is_read_in_blocks_without_a_seam(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spike_pins, "_BLOCK_SPIKES", 100)
    records = spikes(np.repeat(np.arange(90), 7), -32, np.tile(np.arange(7), 90))
    write_pin_spikes(tmp_path / "x.sfcp", records, PinHeader(7), ticks=95)
    blocks = list(iter_spikes(tmp_path / "x.sfcp"))
    assert len(blocks) == 6
    assert np.array_equal(np.concatenate([part.records for part in blocks]), records)
    assert np.concatenate([part.lines for part in blocks]).tolist() == list(range(1, 631))


ONE = block(0, "00000001 01 01")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (HEADER[:-1], "x.sfcp: no byte 0xFF ends the header; the file is cut off"),
        (HEADER, "its first block is cut off: 0 bytes are left of 4"),
        (HEADER + ONE, "its last block, of tick FFFFFFFF, is cut off: 0 bytes are left of 4"),
        (HEADER + ONE[:9], f"the block at byte {START} is cut off: 5 bytes are left of 12"),
        (
            HEADER + block(3, "00000014 01 01") + END,
            f"tick 3, which has 20 spikes at byte {START + 20}, is cut off: 18 bytes are left of 20",
        ),
        (
            HEADER + block(3, "ffffffff 01 01") + END,
            f"tick 3, which has 4,294,967,295 spikes at byte {START + 20}, is cut off",
        ),
        (
            HEADER + b"\0" + ONE + END,
            f"x.sfcp: byte {START}: a block begins with 00 FE FC FE; it must be FE FC FE FC",
        ),
        (
            HEADER + bytes.fromhex("fefcfefc 00000000 00000000 00000001") + END,
            f"x.sfcp: byte {START + 8}: the words after the tick are 00 00 00 00 00 00 00 01; only "
            "zeros are known",
        ),
        (
            HEADER + block(5) + block(4) + END,
            f"x.sfcp: byte {START + 20}: the block of tick 4 comes after that of tick 5; ticks do not "
            "fall",
        ),
        (
            HEADER + block(0, "00000002 0003 0101") + END,
            f"x.sfcp: byte {START + 21}: pin = 3 is not allowed; it must be 0..2",
        ),
        (
            HEADER + block(0, "00000002 0001 0100") + END,
            f"x.sfcp: byte {START + 23}: delay = 0 is not allowed; it must be 1..15",
        ),
        (
            HEADER + END + b"more",
            "x.sfcp: 4 bytes follow the last block, of tick FFFFFFFF; cut them",
        ),
        (HEADER.replace(b'"bpp" : 8', b'"bpp" : 9') + END, "x.sfcp:2: bpp = 9 for csize = 3 pins"),
        (
            HEADER.replace(b'"csize" : 3', b'"csize" : 257') + END,
            "x.sfcp:2: bpp = 8 for csize = 257",
        ),
        (
            HEADER.replace(b'"delayMode" : 1', b'"delayMode" : 0') + END,
            "x.sfcp:2: connectors[0].delayMode = 0: must be a whole number in 1..1; correct the value",
        ),
        (
            HEADER.replace(b"}\n     ]", b"}, {} ]") + END,
            "x.sfcp:2: connectors = ",
        ),
        (
            HEADER.replace(b'"ioMapFile" : ""', b'"ioMapFile" : 3') + END,
            "x.sfcp:2: ioMapFile = 3: must be text",
        ),
        (
            HEADER.replace(b'"maxBlockSize" : 1024', b'"colour" : 1') + END,
            "x.sfcp:2: key 'maxBlockSize' is missing; add it",
        ),
        (HEADER.replace(b'"csize"', b'"Csize"') + END, "x.sfcp:2: key 'connectors[0].csize' is"),
    ],
)
def test_a_broken_file_is_refused_with_its_offset(
    tmp_path: Path, data: bytes, message: str
) -> None:
    (tmp_path / "x.sfcp").write_bytes(data)
    with pytest.raises(FormatError) as caught:
        read_spikes(tmp_path / "x.sfcp")
    assert message in str(caught.value)
    assert "x.sfcp" in str(caught.value)


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (spikes([3, 2], -32, 0), "its spikes must be in order of ticks, 0..9"),
        (spikes(10, -32, 0), "its spikes must be in order of ticks, 0..9"),
        (spikes(0, 5, 0), "CONNPIN holds spikes to connectors from -32 down; write a text file"),
        (spikes(0, -33, 0), "pin = 256: must be a whole number in 0..255"),
    ],
)
def test_what_the_file_cannot_hold_is_not_written(tmp_path: Path, records, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        write_pin_spikes(tmp_path / "x.sfcp", records, PinHeader(256), ticks=10)
    assert message in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_connector_has_1_to_65536_pins_and_a_tick_32_bits() -> None:
    none = np.zeros(0, np.int64)
    for size in (0, 65_537):
        with pytest.raises(
            FormatError, match=f"csize = {size}: must be a whole number in 1..65536"
        ):
            PinHeader(size).encode()
    with pytest.raises(
        FormatError, match=r"tick = 4294967295: must be a whole number in 0\.\.4294967294"
    ):
        pin_block(0xFFFFFFFF, none, none, PinHeader(1))
