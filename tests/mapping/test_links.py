"""Loads of the borders between chips: counted as packets walk, and what they do to a tick."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import wirings as networks
from hypothesis import given, settings
from hypothesis import strategies as st

import tnemu
from tnemu.emulator.emulator import Emulator
from tnemu.hardware import load_board, packet
from tnemu.mapping.errors import FitError
from tnemu.mapping.links import Links, links

TINY = load_board("tiny")
MESH = TINY.override({"units": 2, "chips_x": 3, "chips_y": 3, "chip.cores_x": 2, "chip.cores_y": 2})


def scattered(seed, board=MESH, used=3):
    """A plan of cores in any order on all positions, each neuron wired somewhere in its unit."""
    rng = np.random.default_rng(seed)
    unit = board.alive_positions()[:, 0]
    cores = [networks.core(f"c{k}", used=used) for k in range(len(unit))]
    rows = []
    for k in range(len(unit)):
        for j in range(used):
            if rng.random() < 0.1:
                rows.append((k, j, -1 - int(unit[k]), k % (len(unit) // board.units), 1))
            else:
                rows.append((k, j, int(rng.choice(np.flatnonzero(unit == unit[k]))), j, 1))
    network = networks.network(
        cores, rows, [(0, k, j, 1) for k in range(len(unit)) for j in range(used)]
    )
    for u in range(board.units):
        network.outputs[f"out{u}"] = type(networks.network([], [], outputs=1).outputs["out"])(
            64, -32 - u
        )
    return tnemu.fit(network, board, keep_order=True)


def walked(image, rates):
    """{(unit, chip, next chip): spikes} of every packet, hop by hop, x first; exits are not between chips."""
    chip = image.board.chip.cores_x, image.board.chip.cores_y
    loads = Counter()
    for (core, neuron), word in np.ndenumerate(image.targets):
        dx, dy, _, delay = (int(field) for field in packet.decode(word))
        if not delay:
            continue
        unit, *here = image.positions[core].tolist()
        for axis, way in ((0, dx), (1, dy)):
            for _ in range(abs(way)):
                before = (here[0] // chip[0], here[1] // chip[1])
                here[axis] += 1 if way > 0 else -1
                after = (here[0] // chip[0], here[1] // chip[1])
                if after != before and 0 <= here[1] < image.board.height:
                    loads[unit, *sorted([before, after])] += float(rates[core, neuron])
    return loads


@settings(max_examples=5)
@given(st.integers(0, 2**32 - 1))
def test_loads_are_those_of_packets_that_walk_hop_by_hop(seed):
    image = scattered(seed).image
    rates = np.random.default_rng(seed).random(image.targets.shape)
    found = links(image, rates)
    assert found.east.shape == (2, 5, 6)
    assert found.north.shape == (2, 6, 5)
    meant = walked(image, rates)
    borders = found.borders()
    assert len(borders) == 24
    for border in borders:
        key = border.unit, border.chip, border.next_chip
        np.testing.assert_allclose(border.spikes_per_tick, meant.pop(key, 0.0), atol=1e-9)
    assert not meant
    assert found.busiest == borders[0].spikes_per_tick
    np.testing.assert_allclose(links(image, 0.25).busiest * 4, links(image).busiest)


def test_all_borders_and_exits_are_what_the_emulator_counts():
    plan = scattered(3)
    with Emulator(plan.image) as chip:
        chip.run(2, spikes={"in": [0]})
        crossings = chip.counters.chip_crossings
    exits = int((plan.network.wires["target"] < 0).sum())
    total = sum(border.spikes_per_tick for border in plan.links().borders())
    assert crossings - exits == total == plan.resources["chip_crossings"] - exits
    assert total > 200


def test_all_links_together_are_the_hops_but_for_the_last_of_each_that_leaves():
    plan = scattered(4)
    with Emulator(plan.image) as chip:
        chip.run(2, spikes={"in": [0]})
        hops = chip.counters.hops
    exits = int((plan.network.wires["target"] < 0).sum())
    assert plan.links().east.sum() + plan.links().north.sum() == hops - exits


def test_a_border_that_70000_spikes_cross_needs_the_published_tick():
    """Shukla et al. 2019: 16 chips at 1.75 ms, 571 Hz; a border carries 40,000 spikes a millisecond."""
    board = load_board("ns16e")
    east, north = np.zeros((1, 255, 256)), np.zeros((1, 256, 255))
    north[0, 128:192, 127] = 70_000 / 64
    found = Links(board, east, north)
    assert found.room == 40_000
    assert found.tick_us == pytest.approx(1750)
    assert round(1e6 / found.tick_us) == 571
    first = found.borders()[0]
    assert (str(first), first.spikes_per_tick) == ("chip (2, 1) to (2, 2)", 70_000)
    north *= 4 / 7
    assert Links(board, east, north).tick_us == 1000


def two_chips(spikes_per_s, count=40):
    """Neurons of a core on the first of two chips that send to one on the second."""
    link = [{"kind": "merge-split", "bits": 34, "spikes_per_s": spikes_per_s}]
    board = TINY.override({"links": link, "chip.cores_x": 1, "chip.cores_y": 1})
    cores = [networks.core("a", used=count), networks.core("b", used=1)]
    rows = [(0, j, 1, j, 1) for j in range(count)] + [(1, 0, ~0, 0, 0)]
    network = networks.network(cores, rows, [(0, 0, j, 1) for j in range(count)], outputs=1)
    return tnemu.fit(network, board, keep_order=True)


def test_a_plan_says_what_its_busiest_border_carries_and_when_it_stretches_the_tick():
    plan = two_chips(20_000)
    assert plan.resources["busiest_border"] == 40
    assert plan.resources["tick_us"] == 2000
    assert plan.notes()[-1] == (
        "the busiest chip border, chip (0, 0) to (1, 0), carries 20 spikes in a tick of 1,000 us, and 40 "
        "packets cross it if every neuron fires: then the tick is 2,000 us (500 Hz); it is not stretched "
        "while at most 50.0 % of them fire"
    )
    assert plan.links(0.5).tick_us == 1000
    assert plan.links(0.75).tick_us == 1500


def test_a_plan_says_that_no_border_is_too_busy_or_that_it_is_not_known():
    assert two_chips(40_000).notes()[-1] == (
        "the busiest chip border, chip (0, 0) to (1, 0), carries 40 spikes in a tick of 1,000 us, and 40 "
        "packets cross it if every neuron fires: no tick is stretched"
    )
    unknown = two_chips(None)
    assert unknown.resources["tick_us"] == 1000
    assert unknown.notes()[-1] == (
        "40 packets cross the busiest chip border, chip (0, 0) to (1, 0), if every neuron fires; how many "
        "it carries is not known"
    )


def test_a_plan_on_one_chip_says_nothing_of_borders():
    plan = tnemu.fit(networks.network([networks.core("a")], [(0, 0, ~0, 0, 0)], outputs=1), "ns1e")
    assert not [note for note in plan.notes() if "busiest" in note]
    assert (plan.resources["busiest_border"], plan.resources["tick_us"]) == (0, 1000)


@pytest.mark.parametrize(
    ("rates", "says"),
    [
        (1.5, "spikes_per_tick = 1.5: a neuron fires at most once in a tick; give values in 0..1"),
        (
            float("nan"),
            "spikes_per_tick = nan: a neuron fires at most once in a tick; give values in 0..1",
        ),
        (
            [0.5, 0.5],
            "spikes_per_tick = [0.5, 0.5]: give one number, or one for each neuron in an array of shape "
            "(2, 256)",
        ),
        (
            "0.5",
            "spikes_per_tick = '0.5': give one number, or one for each neuron in an array of shape (2, 256)",
        ),
    ],
)
def test_rates_that_no_neuron_has_are_refused(rates, says):
    with pytest.raises(FitError) as caught:
        two_chips(1000).links(rates)
    assert str(caught.value) == says
