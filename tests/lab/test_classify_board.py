"""Pictures streamed through a board are answered as in numpy, however they are dealt; links are counted."""

import dataclasses

import numpy as np
import pytest
from small_classifiers import small_classifier

from corelets import Student
from tnemu.emulator.spikes import SPIKE_DTYPE
from tnemu.hardware import load_board, packet
from tnemu.lab import classify as lab
from tnemu.lab.links import link_load
from tnemu.mapping.fit import fit
from tnemu.tasks.classify.catalogue import load


@pytest.fixture(scope="module")
def placed():
    network = small_classifier()
    return network, fit(Student(network), load_board("tiny"))


@pytest.mark.parametrize("lanes", [1, 3, 64])
@pytest.mark.parametrize(("count", "block"), [(1, 1024), (70, 1024), (70, 7), (64, 64)])
def test_every_answer_is_numpys(placed, monkeypatch, lanes, count, block):
    monkeypatch.setattr(lab, "BLOCK", block)
    monkeypatch.setattr(lab, "NUMPY_BLOCK", 9)
    network, plan = placed
    images = load("digits", None).test.images[:count]
    found = lab.on_board(network, plan, images, lanes=lanes)
    np.testing.assert_array_equal(found.votes, network.scores(images))
    assert len(np.unique(found.votes, axis=0)) > count // 2  # the answers tell pictures apart


def test_rates_are_shares_of_ones(placed):
    network, _ = placed
    images = load("digits", None).test.images[:30]
    rates = lab.in_numpy(network, images).rates
    activations = network.activations(images)[:-1]
    assert list(rates) == ["eye", "S1", "predict"]
    assert list(rates.values()) == pytest.approx([layer.mean() for layer in activations])


def test_confusions_count_labels_by_row():
    votes = np.array([[1, 3, 0], [2, 2, 0], [0, 0, 5]], np.int32)
    table = lab.confusion(votes, np.array([0, 1, 2]), 3)
    assert table.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]


def test_power_is_the_static_part_and_operations_at_the_nominal_tick(placed):
    network, plan = placed
    data = load("digits", None).test
    images, labels = data.images[:50], data.labels[:50]
    found = lab.facts(
        network,
        plan,
        labels,
        lab.in_numpy(network, images),
        streamed := lab.on_board(network, plan, images),
        1,
    )
    per_second = streamed.operations / (streamed.ticks * 1e-3)
    assert found["estimated_power_mw"] == pytest.approx(64.4 + per_second * 2.297e-9)
    assert found["chip_frames_per_second"] == 1000
    assert found["agrees_with_numpy"] is True
    assert found["samples"] == 50


def test_a_network_over_chips_answers_as_numpy_and_its_links_carry_what_was_sent():
    """Chips of one core: the network lies on several."""
    board = load_board("ns16e")
    small = board.model_dump() | {"name": "small-chips", "published": ()}
    small["chip"] |= {"cores_x": 1, "cores_y": 1}
    board = type(board).model_validate(small)
    network = small_classifier(features=40)
    plan = fit(Student(network), board)
    assert plan.resources["chips"] > 1
    images = load("digits", None).test.images[:40]
    found = lab.on_board(network, plan, images)
    np.testing.assert_array_equal(found.votes, network.scores(images))
    load_of = lab.links(network, plan, images)
    assert load_of["packets"] > 0
    assert load_of["capacity"] == 40_000
    assert load_of["stretch"] == 1


def test_packets_are_counted_on_every_border_that_they_pass(placed):
    """By walking each packet core by core, x first and then y, as the router does."""
    board = load_board("ns16e")
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (2, 40))
    to_x, to_y = (np.clip(a + rng.integers(-200, 200, 40), 0, 255) for a in (x, y))
    targets = np.zeros((40, 256), np.uint32)
    targets[:, 0] = packet.encode(to_x - x, to_y - y, 0, 1)
    image = _Image(board, np.stack([np.zeros(40, int), x, y], axis=1), targets)
    spikes = np.zeros(120, SPIKE_DTYPE)
    spikes["tick"], spikes["core"] = np.repeat([3, 4, 9], 40), np.tile(np.arange(40), 3)
    spikes = spikes[rng.random(120) < 0.7]
    counts: dict = {}
    for tick, core in zip(spikes["tick"], spikes["core"], strict=True):
        at = [x[core] // 64, y[core] // 64]
        for axis, end in ((0, to_x[core] // 64), (1, to_y[core] // 64)):
            while at[axis] != end:
                origin = tuple(at)
                at[axis] += np.sign(end - at[axis])
                key = (tick, origin, tuple(at))
                counts[key] = counts.get(key, 0) + 1
    found = link_load(image, spikes)
    assert found.packets == max(counts.values())
    assert found.links == len({key[1:] for key in counts})
    busiest = [key[1:] for key, count in counts.items() if count == found.packets]
    assert (found.origin, found.to) in busiest
    assert found.stretch == 1


def test_a_link_that_is_given_more_than_it_carries_stretches_the_tick(placed):
    board = load_board("ns16e")
    positions = np.stack([np.zeros(200, int), np.full(200, 10), np.arange(200) % 64], axis=1)
    targets = np.full((200, 256), packet.encode(60, 0, 0, 1), np.uint32)
    spikes = np.zeros(200 * 256, SPIKE_DTYPE)
    spikes["core"], spikes["neuron"] = np.divmod(np.arange(200 * 256), 256)
    found = link_load(_Image(board, positions, targets), spikes)
    assert found.packets == 51_200
    assert found.stretch == pytest.approx(1.28)


@dataclasses.dataclass
class _Image:
    """What link_load asks of an image."""

    board: object
    positions: np.ndarray
    targets: np.ndarray
