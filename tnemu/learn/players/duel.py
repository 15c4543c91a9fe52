"""The teacher's network: a small duelling convolutional net that gives one Q-value per action.

    x      = (screens - background) / 100             uint8[n, stack, 42, 42], float[42, 42]
    h      = relu(fc(relu(conv2(relu(conv1(x))))))    16 of 6x6 stride 3, 32 of 4x4 stride 2, 256
    Q(x,a) = V(h) + A(h,a) - mean over a of A(h,a)    float[n, actions], discounted clipped points

The background is the mean screen of the first steps, frozen and kept with the weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.tasks.atari.spec import AtariSpec


class DuelNet(nn.Module):
    background: Tensor
    spec: AtariSpec
    """Set when loaded from a file, like ``metadata``."""
    metadata: Mapping[str, str]

    def __init__(self, shape: tuple[int, int, int], actions: int):
        super().__init__()
        stack, rows, columns = shape
        self.register_buffer("background", torch.zeros(rows, columns))
        self.conv1 = nn.Conv2d(stack, 16, 6, 3)
        self.conv2 = nn.Conv2d(16, 32, 4, 2)
        with torch.no_grad():
            features = self.conv2(self.conv1(torch.zeros(1, *shape))).numel()
        self.fc = nn.Linear(features, 256)
        self.value = nn.Linear(256, 1)
        self.advantage = nn.Linear(256, actions)

    def forward(self, screens: Tensor) -> Tensor:
        x = (
            (screens.float() - self.background)
            .mul_(0.01)
            .contiguous(memory_format=torch.channels_last)
        )
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x)).flatten(1)
        x = F.relu(self.fc(x))
        advantage = self.advantage(x)
        return self.value(x) + advantage - advantage.mean(1, keepdim=True)
