import numpy as np
import pytest

pytest.importorskip("torch")

from tnemu.errors import TnemuError
from tnemu.learn.teachers.replay import Replay, SumTree


def test_sum_tree_against_a_running_sum():
    rng = np.random.default_rng(0)
    tree, weights = SumTree(37), np.zeros(37)
    for _ in range(50):
        at = rng.integers(37, size=5)
        at = np.unique(at)
        weights[at] = rng.random(len(at)) * (rng.random(len(at)) < 0.7)
        tree[at] = weights[at]
        assert tree.total == pytest.approx(weights.sum())
        np.testing.assert_array_equal(tree[np.arange(37)], weights)
        mass = rng.random(20) * weights.sum()
        np.testing.assert_array_equal(
            tree.find(mass), np.searchsorted(np.cumsum(weights), mass, side="right")
        )


def test_sum_tree_with_an_index_given_twice_keeps_its_sums():
    tree = SumTree(8)
    tree[np.array([3, 3, 5])] = np.array([1.0, 2.0, 4.0])
    assert tree.total == tree[np.array([3])][0] + 4


def test_sum_tree_never_finds_weight_zero():
    tree = SumTree(6)
    tree[np.array([1, 3])] = np.array([0.1, 0.2])
    mass = np.array(
        [0.0, 0.1, np.nextafter(tree.total, 0), tree.total]
    )  # the last by rounding only
    assert set(tree.find(mass)) <= {1, 3}


WORLDS, ROWS, N_MAX, GAMMA = 3, 24, 5, 0.9


def filled(rows_added, seed=0, alpha=0.5):
    """A replay and the plain list of what was put in; observation = (row number, world)."""
    rng = np.random.default_rng(seed)
    replay = Replay(ROWS * WORLDS, WORLDS, (2,), N_MAX, GAMMA, alpha, 0.4, seed=1)
    history = []
    for row in range(rows_added):
        observations = np.array([[row, world] for world in range(WORLDS)], np.uint8)
        actions, rewards, ends = (
            rng.integers(9, size=WORLDS),
            rng.normal(size=WORLDS).astype(np.float32),
            rng.random(WORLDS) < 0.15,
        )
        replay.add(observations, actions, rewards, ends)
        history.append((actions, rewards, ends))
    return replay, history


@pytest.mark.parametrize("n", [1, 3, N_MAX])
@pytest.mark.parametrize("rows_added", [15, ROWS, 61])
def test_n_step_returns_against_brute_force(rows_added, n):
    replay, history = filled(rows_added)
    batch = replay.draw(200, n)
    drawn = set()
    for k in range(200):
        row, world = map(int, batch.observations[k])
        drawn.add((row, world))
        total, discount = 0.0, 1.0
        for later in range(row, row + n):
            _, rewards, ends = history[later]
            total += discount * rewards[world]
            if ends[world]:
                discount = 0.0
                break
            discount *= GAMMA
        assert batch.actions[k] == history[row][0][world]
        assert batch.returns[k] == pytest.approx(total, abs=1e-5)
        assert batch.bootstrap[k] == pytest.approx(discount, abs=1e-6)
        if discount:
            assert tuple(batch.next_observations[k]) == (row + n, world)
    oldest = max(0, rows_added - ROWS)
    assert drawn == {
        (row, world) for row in range(oldest, rows_added - N_MAX) for world in range(WORLDS)
    }
    assert len(replay) == len(drawn)


def test_priorities_and_weights_against_the_formulas():
    replay, _ = filled(40)
    rng = np.random.default_rng(5)
    valid = np.flatnonzero(replay.tree[np.arange(ROWS * WORLDS)])
    errors = rng.normal(size=len(valid))
    replay.set_errors(valid, errors)
    priority = (np.abs(errors) + 1e-6) ** 0.5
    np.testing.assert_allclose(replay.tree[valid], priority)
    counts = np.zeros(ROWS * WORLDS)
    for _ in range(400):
        np.add.at(counts, replay.draw(50, 2).index, 1)
    share = priority / priority.sum()
    np.testing.assert_allclose(
        counts[valid] / 20_000, share, atol=5 * np.sqrt(share.max() / 20_000)
    )
    batch = replay.draw(50, 2)
    weights = (len(replay) * replay.tree[batch.index] / priority.sum()) ** -0.4
    np.testing.assert_allclose(batch.weights, weights / weights.max(), rtol=1e-5)


def test_new_steps_get_the_largest_priority():
    replay, _ = filled(20)
    replay.set_errors(np.array([0]), np.array([49.0]))
    _, row = replay.largest, replay.added
    for _ in range(N_MAX + 1):
        replay.add(
            np.zeros((WORLDS, 2), np.uint8),
            np.zeros(WORLDS, int),
            np.zeros(WORLDS, np.float32),
            np.zeros(WORLDS, bool),
        )
    assert replay.tree[np.array([row % ROWS * WORLDS])][0] == pytest.approx(7.0, rel=1e-6)


def test_too_small_a_replay_is_refused():
    with pytest.raises(
        TnemuError, match=r"replay = 30: with 3 worlds and n_max = 5 it must exceed 33; choose"
    ):
        Replay(30, 3, (1,), 5, 0.9, 0.5, 0.4, 0)
