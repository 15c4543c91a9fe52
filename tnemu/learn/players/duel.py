"""The teacher's network: a small duelling convolutional net that gives one Q-value per action.

    x      = (screens - background) / 100             uint8[n, stack, 42, 42], float[42, 42]
    h      = relu(fc(relu(conv2(relu(conv1(x))))))    16 of 6x6 stride 3, 32 of 4x4 stride 2, 256
    Q(x,a) = V(h) + A(h,a) - mean over a of A(h,a)    float[n, actions], discounted clipped points

The background is the mean screen of the first steps, frozen and kept with the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tnemu.errors import TnemuError
from tnemu.tasks.atari.spec import AtariSpec

NOTHING: Mapping[str, str] = MappingProxyType({})


class DuelNet(nn.Module):
    """The teacher of a spec's game; ``metadata`` is what the file says that it was read from.

    Raises TnemuError for screens that are too small for its layers.
    """

    background: Tensor

    def __init__(self, spec: AtariSpec, metadata: Mapping[str, str] = NOTHING):
        super().__init__()
        self.spec, self.metadata = spec, metadata
        stack, rows, columns = spec.shape
        if min(rows, columns) < 15:
            raise TnemuError(
                f"screens of {rows} x {columns} are too small for a teacher, which needs 15 x 15 or "
                "more; choose a spec with more rows, or a smaller block"
            )
        self.register_buffer("background", torch.zeros(rows, columns))
        self.conv1 = nn.Conv2d(stack, 16, 6, 3)
        self.conv2 = nn.Conv2d(16, 32, 4, 2)
        with torch.no_grad():
            features = self.conv2(self.conv1(torch.zeros(1, *spec.shape))).numel()
        self.fc = nn.Linear(features, 256)
        self.value = nn.Linear(256, 1)
        self.advantage = nn.Linear(256, len(spec.actions))

    def forward(self, screens: Tensor) -> Tensor:
        """Q-values float[n, actions] for uint8[n, stack, rows, columns]."""
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
