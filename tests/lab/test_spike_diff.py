"""Two files of spikes: where they part first, whatever kind they are, in bounded memory."""

from __future__ import annotations

import os
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tnemu.formats import spike_file
from tnemu.formats.errors import FormatError
from tnemu.formats.probe_file import FIRING_DTYPE, write_firings
from tnemu.formats.spike_file import spikes, write_raw_spikes, write_spikes
from tnemu.lab import spike_diff, spike_sources
from tnemu.lab.spike_diff import diff_spikes
from tnemu.lab.spike_sources import SpikeSourceError

Row = tuple[int, int, int, int]
ROWS = st.lists(
    st.tuples(
        st.integers(0, 6) | st.sampled_from([0, 2**32 - 1]),
        st.sampled_from([-(2**31) + 1, -33, -32, 0, 1, 2**31 - 1]),
        st.sampled_from([0, 1, 255]),
        st.integers(1, 2),
    ),
    max_size=30,
)


def write(path: Path, rows: list[Row]) -> Path:
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    write_spikes(path, spikes(*columns), version="sfti1.0")
    return path


def firings(path: Path, rows: list[tuple[int, int, int]]) -> Path:
    write_firings(path, np.array(rows, FIRING_DTYPE), False)
    return path


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two or three spikes a block."""
    monkeypatch.setattr(spike_file, "_BLOCK_BYTES", 100)


@pytest.mark.usefixtures("small_blocks")
@given(ROWS, ROWS, st.booleans(), st.booleans())
def test_it_finds_what_python_finds_with_sets(
    tmp_path_factory: pytest.TempPathFactory, a: list[Row], b: list[Row], same: bool, order: bool
) -> None:
    """Sets of rows, in which a spike to a connector has no delay; the least of the difference."""
    folder = tmp_path_factory.mktemp("diff")
    if same:
        b = a + b[:3]
    if order:
        a, b = sorted(a), sorted(b)
    found = diff_spikes(write(folder / "a", a), write(folder / "b", b))

    one, other = (Counter((t, c, x, d if c >= 0 else 0) for t, c, x, d in rows) for rows in (a, b))
    only_a, only_b = set(one) - set(other), set(other) - set(one)
    assert (found.only_a, found.only_b) == (len(only_a), len(only_b))
    assert found.common == len(set(one) & set(other))
    assert found.repeated_a == sum(one.values()) - len(one)
    assert found.repeated_b == sum(other.values()) - len(other)
    first = min(only_a | only_b, default=None)
    assert found.equal == (first is None)
    expected = [first] + [
        min((row for row in rows if row >= first), default=None) if first else None
        for rows in (one, other)
    ]
    told = [s and (s.tick, s.core, s.axon, s.delay) for s in (found.first, found.a, found.b)]
    assert told == expected
    if order:
        assert found.held == ()


def test_binary_and_text_of_the_same_spikes_are_equal(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    records = spikes(np.arange(500), rng.integers(0, 9, 500), rng.integers(0, 256, 500))
    write_spikes(tmp_path / "a.sfti", records, version="sfti1.0")
    write_raw_spikes(tmp_path / "a.sfri", records)
    found = diff_spikes(tmp_path / "a.sfti", tmp_path / "a.sfri")
    assert (found.equal, found.common) == (True, 500)


def test_recordings_of_both_kinds_are_compared(tmp_path: Path) -> None:
    rows = [(0, 3, 7), (1, 3, 7), (1, 4, 255)]
    lines = firings(tmp_path / "a.csv", rows)
    assert diff_spikes(lines, firings(tmp_path / "a.npz", rows)).equal
    found = diff_spikes(lines, firings(tmp_path / "b.npz", rows[:2]))
    assert (str(found.first), found.a, found.b) == (
        "tick 1, core 4, neuron 255",
        found.first,
        None,
    )


def test_files_of_different_things_are_not_compared(tmp_path: Path) -> None:
    a, b = firings(tmp_path / "a.npz", [(0, 3, 7)]), write(tmp_path / "b", [(0, 3, 7, 1)])
    with pytest.raises(
        SpikeSourceError, match=r"a\.npz holds firings of neurons and .*b holds spik"
    ):
        diff_spikes(a, b)
    (tmp_path / "c").write_text("hello")
    with pytest.raises(
        SpikeSourceError, match=r"c is no file of spikes; read are: IBM spike file: t"
    ):
        diff_spikes(a, tmp_path / "c")


def test_a_further_kind_of_file_is_one_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blocks(path: Path):
        for line in path.read_text().splitlines()[1:]:
            tick, core, axon = map(int, line.split())
            place = spike_sources.places(np.array([core]), axon, 1)
            yield np.array([(tick, int(place[0]))], spike_sources.RECORD_DTYPE)

    kind = spike_sources.Kind("columns", spike_sources.SPIKES, (b"# tick",), blocks)
    monkeypatch.setattr(spike_sources, "KINDS", (*spike_sources.KINDS, kind))
    (tmp_path / "a").write_text("# tick core axon\n1 2 3\n4 5 6\n")
    assert diff_spikes(tmp_path / "a", write(tmp_path / "b", [(1, 2, 3, 1), (4, 5, 6, 1)])).equal


def test_a_file_out_of_order_is_held_and_named_and_one_that_is_too_long_refused(
    tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(tick, 1, 2, 3) for tick in range(20)]
    a, b = write(tmp_path / "a", rows), write(tmp_path / "b", rows[::-1])
    found = diff_spikes(a, b)
    assert (found.equal, found.held) == (True, (str(b),))
    monkeypatch.setattr(spike_diff, "MOST_HELD", 19)
    with pytest.raises(
        SpikeSourceError, match="b is not in the order of ticks and has more than 19"
    ):
        diff_spikes(a, b)


@pytest.mark.slow
def test_files_in_order_take_no_more_memory_the_longer_they_are(tmp_path: Path) -> None:
    """Two files of 8 million spikes, 96 MB each; the second has one spike less."""
    ticks = np.arange(8_000_000, dtype=">u4")
    table = np.zeros((len(ticks), 3), ">u4")
    table[:, 0] = ticks // 100
    table[:, 1] = ticks % 100
    write_raw_spikes(tmp_path / "a", spikes([], [], []))
    head = (tmp_path / "a").read_bytes()
    (tmp_path / "a").write_bytes(head + table.tobytes())
    (tmp_path / "b").write_bytes(head + table[:-1].tobytes())
    del table, ticks
    tracemalloc.start()
    try:
        found = diff_spikes(tmp_path / "a", tmp_path / "b")
        assert tracemalloc.get_traced_memory()[1] < 60_000_000
    finally:
        tracemalloc.stop()
    assert (found.only_a, found.only_b, found.common) == (1, 0, 7_999_999)
    assert str(found.first) == "tick 79999, core 99, axon 0, delay 1"


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    a = write(tmp_path / "a", [])
    with pytest.raises(SpikeSourceError, match="it is a pipe, not a regular file"):
        diff_spikes(a, tmp_path / "pipe")
    with pytest.raises((SpikeSourceError, FormatError), match="No such file"):
        diff_spikes(a, tmp_path / "absent")
