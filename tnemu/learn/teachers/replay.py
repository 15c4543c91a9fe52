"""Prioritised n-step replay of several worlds that are stepped together.

    return_n(t) = r[t] + gamma r[t+1] + ... + gamma^(m-1) r[t+m-1],   m <= n (it may end)
    bootstrap   = gamma^m x (next observation's value) if it did not end, else 0
    P(i)        = p_i / sum p,   p_i = (|TD error of i| + 1e-6)^alpha,   new: the largest p so far
    weight(i)   = (size x P(i))^-beta / max over the batch

Observations are kept stacked (7 KB each), so there is no logic at episode borders. A step can be
drawn ``n_max`` steps after it happened: then everything that its longest return needs is there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tnemu.errors import TnemuError


class ReplayError(TnemuError, ValueError):
    """A replay too small for the returns it is to give."""


class SumTree:
    """Non-negative weights; draws an index with probability weight / total in O(log size), many at
    a time.
    """

    def __init__(self, size: int):
        self.levels = max(1, (size - 1).bit_length())
        self.leaves = 1 << self.levels
        self.nodes = np.zeros(2 * self.leaves)

    @property
    def total(self) -> float:
        """Of all weights."""
        return float(self.nodes[1])

    def __getitem__(self, index: np.ndarray) -> np.ndarray:
        return self.nodes[index + self.leaves]

    def __setitem__(self, index: np.ndarray, weight: np.ndarray | float) -> None:
        node = index + self.leaves
        self.nodes[node] = weight
        for _ in range(self.levels):
            node = node >> 1
            self.nodes[node] = self.nodes[2 * node] + self.nodes[2 * node + 1]

    def find(self, mass: np.ndarray) -> np.ndarray:
        """For each mass in [0, total): the index whose interval of the running sum contains it."""
        mass, node = mass.copy(), np.ones(len(mass), np.int64)
        for _ in range(self.levels):
            left = self.nodes[2 * node]
            # Rounding may leave a mass just past the last weight; never step into an empty half.
            right = (mass >= left) & (self.nodes[2 * node + 1] > 0)
            mass -= left * right
            node = 2 * node + right
        return node - self.leaves


@dataclass
class Batch:
    """What an update learns from; one row for each of its steps."""

    index: np.ndarray  # int[batch], to give back to set_errors
    observations: np.ndarray  # uint8[batch, stack, rows, columns]
    actions: np.ndarray  # int[batch]
    returns: np.ndarray  # float32[batch]
    bootstrap: np.ndarray  # float32[batch]
    next_observations: np.ndarray  # uint8[batch, stack, rows, columns]
    weights: np.ndarray  # float32[batch]


class Replay:
    """The last steps of all worlds, drawn by priority."""

    def __init__(
        self,
        steps: int,
        worlds: int,
        shape: tuple[int, ...],
        n_max: int,
        gamma: float,
        alpha: float,
        beta: float,
        seed: int,
    ):
        """steps: how many to keep, over all worlds. Raises ReplayError for too few."""
        self.rows, self.worlds, self.n_max = steps // worlds, worlds, n_max
        if self.rows <= 2 * n_max:
            raise ReplayError(
                f"replay = {steps}: with {worlds} worlds and n_max = {n_max} it must "
                f"exceed {2 * n_max * worlds + worlds}; choose a larger --replay"
            )
        self.gamma, self.alpha, self.beta = gamma, alpha, beta
        self.observations = np.zeros((self.rows, worlds, *shape), np.uint8)
        self.actions = np.zeros((self.rows, worlds), np.int64)
        self.rewards = np.zeros((self.rows, worlds), np.float32)
        self.ends = np.zeros((self.rows, worlds), bool)
        self.tree = SumTree(self.rows * worlds)
        self.largest = 1.0
        self.rng = np.random.default_rng(seed)
        self.added = 0
        """Calls of add; each adds one step of every world."""

    def __len__(self) -> int:
        """Steps that can be drawn now."""
        return max(0, min(self.added, self.rows) - self.n_max) * self.worlds

    def add(
        self, observations: np.ndarray, actions: np.ndarray, rewards: np.ndarray, ends: np.ndarray
    ) -> None:
        """One step of every world: uint8[worlds, *shape], int[worlds], float[worlds], bool[worlds]."""
        row, every = self.added % self.rows, np.arange(self.worlds)
        self.observations[row], self.actions[row], self.rewards[row], self.ends[row] = (
            observations,
            actions,
            rewards,
            ends,
        )
        self.tree[row * self.worlds + every] = 0.0
        if self.added >= self.n_max:
            self.tree[(row - self.n_max) % self.rows * self.worlds + every] = self.largest
        self.added += 1

    def draw(self, size: int, n: int) -> Batch:
        """size steps with n-step returns, n <= n_max."""
        total = self.tree.total
        index = self.tree.find(
            (np.arange(size) + self.rng.random(size)) * (total / size)
        )  # stratified
        row, world = np.divmod(index, self.worlds)
        returns, discount = np.zeros(size, np.float32), np.ones(size, np.float32)
        for k in range(n):
            at = (row + k) % self.rows
            returns += discount * self.rewards[at, world]
            discount *= np.where(self.ends[at, world], 0, self.gamma).astype(np.float32)
        weights = (len(self) * self.tree[index] / total) ** -self.beta
        return Batch(
            index,
            self.observations[row, world],
            self.actions[row, world],
            returns,
            discount,
            self.observations[(row + n) % self.rows, world],
            (weights / weights.max()).astype(np.float32),
        )

    def set_errors(self, index: np.ndarray, errors: np.ndarray) -> None:
        """The TD errors of the steps that were drawn; their priorities follow."""
        priority = (np.abs(errors) + 1e-6) ** self.alpha
        self.largest = max(self.largest, float(priority.max()))
        self.tree[index] = priority
