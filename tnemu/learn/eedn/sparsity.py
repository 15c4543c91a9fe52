"""Pressure to fire less: fewer spikes cost less energy and less traffic between cores.

    loss + S/2  sum over hidden neurons i of rate_i^2,      rate_i = mean over the batch of bit_i

    bit   what the neurons of every layer but the last fire, in {0, 1}; the last layer's are the answer
    S     >= 0, per neuron; its gradient passes through the neurons' triangle, as that of the loss

A neuron that fires at half of the screens costs S/8, so the 36,416 hidden neurons of a student on
42 x 42 screens begin near 4,552 S. Rates are squared so that busy neurons are pressed most and rare
ones, which may be what matters, hardly.

Source: Esser et al. (2016) with S = 1e-4; that each place of a convolution counts as a neuron of its
own is our reading, because each is one on the chip.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor


class Counts(Protocol):
    """A student, or its head for one game."""

    background: Tensor

    def count(self, screens: Tensor, seen: list[Tensor] | None = None) -> Tensor:
        """Votes per action; the output of each layer goes to ``seen``."""
        ...


def spike_pressure(bits: Sequence[Tensor], sparsity: float) -> Tensor:
    """The term to add to the loss; ``bits`` are [states, ...], one for each hidden layer."""
    squares = torch.stack([layer.mean(0).square().sum() for layer in bits])
    return sparsity / 2 * squares.sum()


@torch.no_grad()
def firing_rate(student: Counts, screens: Iterable[Tensor]) -> float:
    """Share of the hidden neurons' bits that are 1, over all neurons and all batches of screens. In
    eval mode this is what the board will fire.
    """
    fired, count = 0.0, 0
    for part in screens:
        bits: list[Tensor] = []
        student.count(part.to(student.background.device), bits)
        fired += sum(float(layer.double().sum()) for layer in bits[:-1])
        count += sum(layer.numel() for layer in bits[:-1])
    return fired / count
