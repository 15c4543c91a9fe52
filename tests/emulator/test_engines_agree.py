"""Every engine gives the same spikes, potentials and counters, however it is asked."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_boards import Case, Wires, cases

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines import registry
from tnemu.emulator.engines.compiled import engine as compiled

ENGINES = list(registry())
quick = settings(max_examples=25, suppress_health_check=list(HealthCheck))
thorough = settings(max_examples=600, suppress_health_check=list(HealthCheck))
OTHERS = [name for name in ENGINES if name != "reference"]
engines = st.sampled_from(sorted(ENGINES))


def result(emulator: Emulator, *runs: int) -> dict[str, Any]:
    """Everything that can be seen of some runs one after the other."""
    outputs, spikes = [], []
    for ticks in runs:
        outputs += emulator.run(ticks, record_spikes=True).records.tolist()
        spikes += emulator.last_spikes.records.tolist()
    return {
        "outputs": outputs,
        "spikes": spikes,
        "potentials": emulator.potentials.tolist(),
        "counters": emulator.counters,
        "firings": emulator.firings.tolist(),
        "in_flight": emulator.in_flight,
    }


def assert_engines_agree(case: Case) -> None:
    expected = result(case.load("reference"), case.length)
    for engine in OTHERS:
        assert result(case.load(engine), case.length) == expected


@settings(quick, max_examples=100)
@given(cases())
def test_engines_agree(case):
    assert_engines_agree(case)


@pytest.mark.slow
@thorough
@given(cases(max_cores=6, max_ticks=80))
def test_engines_agree_on_many_boards(case):
    assert_engines_agree(case)


@quick
@given(cases(max_cores=2), engines, st.data())
def test_cutting_a_run_into_pieces_changes_nothing(case, engine, data):
    expected = result(case.load(engine), case.length)
    cuts = sorted(data.draw(st.lists(st.integers(0, case.length), max_size=6)))
    pieces = np.diff([0, *cuts, case.length]).tolist()
    assert result(case.load(engine), *pieces) == expected


@quick
@given(cases(max_cores=2), engines, engines, st.data())
def test_a_snapshot_at_any_tick_changes_nothing(case, before, after, data):
    """Taken by one engine and restored by another; the spikes before it are those of the first."""
    expected = result(case.load(after), case.length)
    cut = data.draw(st.integers(0, case.length))
    first = case.load(before)
    head = result(first, cut)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "board.npz"
        first.snapshot(path)
        second = Emulator.restore(case.image, path, engine=after)
    assert second.tick == cut
    tail = result(second, case.length - cut)
    for kind in ("outputs", "spikes"):
        tail[kind] = head[kind] + tail[kind]
    assert tail == expected


@quick
@given(cases(), engines, st.randoms())
def test_another_placement_changes_nothing_but_the_ways(case, engine, random):
    """Noise is keyed by the core's seed and outputs by pin: only hops and crossings may differ."""
    places = case.image.board.alive_positions().tolist()
    random.shuffle(places)
    moved = replace(case.image, positions=np.array(places[: case.image.core_count], np.int32))
    expected = result(case.load(engine), case.length)
    found = result(replace(case, image=case.wires.laid(moved)).load(engine), case.length)
    for run in (expected, found):
        run["counters"] = replace(run["counters"], hops=0, chip_crossings=0)
    assert found == expected


@quick
@given(cases(), engines, st.randoms())
def test_another_order_of_the_cores_changes_nothing(case, engine, random):
    n = case.image.core_count
    order = list(range(n))
    random.shuffle(order)
    rank = np.argsort(order)  # core order[i] becomes core i
    per_core = ("positions", "core_ids", "seeds", "axon_types", "crossbar", "types", "targets")
    image = replace(case.image, **{name: getattr(case.image, name)[order] for name in per_core})
    shuffled = replace(case, image=image, cores=rank[case.cores])
    expected, found = case.load(engine), shuffled.load(engine)
    spikes_out = [emulator.run(case.length).records.tolist() for emulator in (expected, found)]
    assert spikes_out[1] == spikes_out[0]
    assert np.array_equal(found.potentials, expected.potentials[order])
    assert found.counters == expected.counters


@quick
@given(cases(max_cores=2), engines, st.integers(0, 2**32 - 1))
def test_what_unused_neurons_hold_does_not_matter(case, engine, seed):
    """Their crossbar columns and packets may be anything, even packets that end nowhere."""
    rng = np.random.default_rng(seed)
    unused = case.image.types == 0
    column = np.packbits(unused, axis=1, bitorder="little").view(np.uint64)[:, None]
    noise = rng.integers(0, 2**64, case.image.crossbar.shape, dtype=np.uint64)
    words = rng.integers(0, 2**32, unused.shape, dtype=np.uint32)
    other = replace(
        case.image,
        crossbar=case.image.crossbar & ~column | noise & column,
        targets=np.where(unused, words, case.image.targets),
    )
    expected = result(case.load(engine), case.length)
    assert result(replace(case, image=other).load(engine), case.length) == expected


@quick
@given(case=cases(max_cores=2))
def test_a_full_spike_buffer_loses_nothing(case):
    """The compiled loop returns at a tick boundary, is emptied, and goes on."""
    expected = result(case.load("compiled"), case.length)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "BUFFER_ROWS", 1)
        assert result(case.load("compiled"), case.length) == expected


@quick
@given(cases(max_cores=2), engines, st.integers(0, 300))
def test_a_spike_limit_keeps_the_first_spikes(case, engine, limit):
    every = result(case.load(engine), case.length)["spikes"]
    emulator = case.load(engine)
    emulator.run(case.length, record_spikes=True, spike_limit=limit)
    assert emulator.last_spikes.records.tolist() == every[:limit]
    assert emulator.last_spikes.truncated == (len(every) > limit)


def test_wires_find_their_exits():
    """The exits behind the cores are in the order that ~k asks for (a check of the test's own tool)."""
    rng = np.random.default_rng(0)
    wires = Wires.random(rng, 1, feedback=0.0)
    assert set((~wires.ends).ravel().tolist()) == {0, 1, 2}
