"""The spike packet: every legal word survives the round trip, every illegal field is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tnemu.hardware import RangeError, packet

HOPS = st.integers(-packet.REACH, packet.REACH)


@given(dx=HOPS, dy=HOPS, axon=st.integers(0, 255), delay=st.integers(1, 15))
@example(dx=255, dy=255, axon=255, delay=15)
@example(dx=-255, dy=-255, axon=0, delay=1)
@example(dx=-1, dy=1, axon=255, delay=1)
def test_decode_undoes_encode(dx: int, dy: int, axon: int, delay: int) -> None:
    assert tuple(int(v) for v in packet.decode(packet.encode(dx, dy, axon, delay))) == (
        dx,
        dy,
        axon,
        delay,
    )


@given(word=st.integers(0, 2**32 - 1))
def test_a_word_decodes_into_fields_that_hold_all_its_used_bits(word: int) -> None:
    dx, dy, axon, delay = (int(v) for v in packet.decode(word))
    again = (dx & 511) << 23 | (dy & 511) << 14 | axon << 6 | delay << 2
    assert again == word & ~3


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ((1, 0, 0, 1), 1 << 23 | 1 << 2),
        ((0, 1, 0, 1), 1 << 14 | 1 << 2),
        ((-1, 0, 3, 15), 511 << 23 | 3 << 6 | 15 << 2),
        ((0, -2, 255, 7), 510 << 14 | 255 << 6 | 7 << 2),
    ],
)
def test_fields_lie_where_the_spike_buffers_of_the_chip_have_them(
    fields: tuple[int, int, int, int], word: int
) -> None:
    assert int(packet.encode(*fields)) == word


def test_arrays_broadcast() -> None:
    words = packet.encode(np.array([1, 2, 3]), 0, np.array([[7], [8]]), 1)
    dx, _, axon, _ = packet.decode(words)
    assert words.shape == (2, 3)
    assert dx.tolist() == [[1, 2, 3]] * 2
    assert axon.tolist() == [[7] * 3, [8] * 3]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("dx", 256, "packet field dx = 256 is outside -255..255; place the two cores closer"),
        ("dy", -256, "packet field dy = -256 is outside -255..255; place the two cores closer"),
        ("axon", 256, "packet field axon = 256 is outside 0..255; a core has 256 axons"),
        ("delay", 0, "packet field delay = 0 is outside 1..15; a delay of 0 or 16 would land"),
        ("delay", 16, "packet field delay = 16 is outside 1..15; a delay of 0 or 16 would land"),
        ("dx", 1.5, "packet field dx = 1.5 is not a whole number"),
    ],
)
def test_a_field_out_of_its_bits_is_refused(field: str, value: float, message: str) -> None:
    fields: dict[str, float] = {"dx": 0, "dy": 0, "axon": 0, "delay": 1, field: value}
    with pytest.raises(RangeError) as caught:
        packet.encode(**fields)
    assert str(caught.value).startswith(message)


def test_the_one_bad_value_of_many_is_named() -> None:
    with pytest.raises(RangeError, match="axon = 300"):
        packet.encode(0, 0, np.array([[1, 2], [300, 4]]), 1)
