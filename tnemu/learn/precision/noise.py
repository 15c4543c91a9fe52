"""How noisy gradients are, against bits and batch: the paper's argument for low rates and large batches.

    noise(batch)  = E | g - G |^2,   g: the gradient of one minibatch, G: their mean
    signal        = | mean g |^2 - noise / minibatches,   an estimate of | G |^2
    ratio         = noise / signal:  below 1 a step goes mostly where it should

Of all weights of convolutions and linear layers in one vector, at the network as it was quantised, before
it is trained on. Normalisation uses the minibatch's own means, as it does in training. Larger batches are
means of smaller ones' gradients only where nothing depends on the batch, so each is measured.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.learn.precision.tune import Order
from tnemu.tasks.classify.data import Part

BATCHES = (16, 64, 256)
_LEAST = 1e-12


def gradient(net: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Of the mean cross entropy, by all weights with two axes or more, float64 in one vector."""
    net.zero_grad(set_to_none=True)
    F.cross_entropy(net(images), labels).backward()
    grads = [p.grad for p in net.parameters() if p.dim() > 1 and p.grad is not None]
    return torch.cat([g.double().ravel() for g in grads])


def noise_of(net: nn.Module, data: Part, batch: int, count: int, seed: int) -> dict[str, float]:
    """``noise``, ``signal`` and ``ratio`` of ``count`` minibatches, 2 or more."""
    images, labels = torch.from_numpy(data.images), torch.from_numpy(data.labels)
    order = Order(len(images), batch, seed)
    total, squares = torch.zeros(1, dtype=torch.float64), 0.0
    for k in range(count):
        which = order(k)
        g = gradient(net, images[which], labels[which])
        total, squares = total + g, squares + float(g @ g)
    mean = float(total @ total) / count**2
    noise = max(0.0, (squares / count - mean) * count / (count - 1))
    signal = max(mean - noise / count, _LEAST * max(noise, _LEAST))
    return {"noise": noise, "signal": signal, "ratio": noise / signal}


def measure_noise(
    nets: Mapping[int, nn.Module], data: Part, count: int, seed: int
) -> list[dict[str, Any]]:
    """Rows of bits, batch and :func:`noise_of`, for networks by their bits."""
    rows = []
    for bits, net in nets.items():
        learning = copy.deepcopy(net).train()
        for batch in BATCHES:
            if batch <= len(data):
                found = noise_of(learning, data, batch, max(2, count), seed)
                rows.append({"bits": bits, "batch": batch, **found})
    return rows
