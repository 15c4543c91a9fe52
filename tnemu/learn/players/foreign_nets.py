"""The networks that other libraries play Atari with: raw outputs float[n, outputs] for screens uint8.

``Nature``: the network of the Nature paper, x / 255, convolutions of 32 8x8 stride 4, 64 4x4 stride 2 and
64 3x3 stride 1, 512, out. ``Impala``: three sequences of a convolution, a maximum and two residual blocks
(16, 32, 32 features), 256, out (Espeholt et al. 2018, as CleanRL's QDagger has it).

What outputs mean, values of actions or their logits:

    plain      outputs are one per action
    quantiles  mean over k of output[k, action]                                    (QR-DQN)
    atoms      sum over k of atom[k] softmax over k (output[action, k])            (C51)
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.errors import TnemuError

Shape = tuple[int, int, int]
Meaning = Callable[[Tensor], Tensor]


class Nature(nn.Module):
    """Raises TnemuError for screens that are too small for its layers."""

    def __init__(self, shape: Shape, outputs: int) -> None:
        super().__init__()
        stack, *sides = shape
        after = [((((side - 8) // 4 + 1) - 4) // 2 + 1) - 2 for side in sides]
        if min(after) < 1:
            raise TnemuError(
                f"screens of {sides[0]} x {sides[1]} are too small for the Nature network, which needs "
                "36 x 36 or more; choose another --view"
            )
        self.conv1 = nn.Conv2d(stack, 32, 8, 4)
        self.conv2 = nn.Conv2d(32, 64, 4, 2)
        self.conv3 = nn.Conv2d(64, 64, 3, 1)
        self.fc = nn.Linear(64 * after[0] * after[1], 512)
        self.out = nn.Linear(512, outputs)

    def forward(self, screens: Tensor) -> Tensor:
        """Raw outputs for uint8[n, stack, rows, columns]."""
        x = F.relu(self.conv1(screens.float() / 255))
        x = F.relu(self.conv3(F.relu(self.conv2(x)))).flatten(1)
        return self.out(F.relu(self.fc(x)))


class _Residual(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(features, features, 3, padding=1)
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv1(F.relu(self.conv0(F.relu(x))))


class _Sequence(nn.Module):
    def __init__(self, inputs: int, features: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, features, 3, padding=1)
        self.res_block0, self.res_block1 = _Residual(features), _Residual(features)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.conv(x), 3, stride=2, padding=1)
        return self.res_block1(self.res_block0(x))


class Impala(nn.Module):
    """Its layers have the names of CleanRL's."""

    def __init__(self, shape: Shape, outputs: int) -> None:
        super().__init__()
        stack, *sides = shape
        rows, columns = ((((n + 1) // 2 + 1) // 2 + 1) // 2 for n in sides)
        self.network = nn.Sequential(
            _Sequence(stack, 16), _Sequence(16, 32), _Sequence(32, 32), nn.Flatten(), nn.ReLU(),
            nn.Linear(32 * rows * columns, 256), nn.ReLU(), nn.Linear(256, outputs),
        )  # fmt: skip

    def forward(self, screens: Tensor) -> Tensor:
        """Raw outputs for uint8[n, stack, rows, columns]."""
        return self.network(screens.float() / 255)


def plain(outputs: Tensor) -> Tensor:
    """As they are: one per action."""
    return outputs


def quantiles(actions: int) -> Meaning:
    """The mean of each action's quantiles; outputs are [n, quantiles x actions]."""
    return lambda outputs: outputs.view(len(outputs), -1, actions).mean(1)


def atoms(values: Tensor) -> Meaning:
    """The mean of each action's distribution over ``values`` [k]; outputs are [n, actions x k]."""

    def mean(outputs: Tensor) -> Tensor:
        each = outputs.view(len(outputs), -1, len(values))
        return torch.softmax(each, 2) @ values.to(outputs.device)

    return mean
