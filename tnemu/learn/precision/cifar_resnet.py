"""Residual networks for 32 x 32 pictures (He et al., CVPR 2016, section 4.2), by their depth 6n + 2.

    x_out = max( bn(w2 * max(bn(w1 * x), 0)) + shortcut(x), 0 )      two 3 x 3 convolutions to a block

3 x 3 convolution to 16 features, n blocks each of 16, 32 and 64 features, the mean over the picture, one
linear layer. Where features double, the shortcut takes every second pixel and adds features of 0
(option A of the paper). Layers have the names of the public checkpoints of
github.com/akamaster/pytorch_resnet_cifar10.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

DEPTHS = (20, 32, 44, 56, 110)


class Subsample(nn.Module):
    """Every ``stride``-th row and column, with ``more`` features of 0 before and as many behind."""

    def __init__(self, stride: int, more: int):
        super().__init__()
        self.stride, self.more = stride, more

    def forward(self, x: Tensor) -> Tensor:
        """[n, features, rows, columns] -> [n, features + 2 more, rows / stride, columns / stride]."""
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.more, self.more))


class Block(nn.Module):
    """Two convolutions beside a shortcut."""

    def __init__(self, inputs: int, features: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, features, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(features)
        self.conv2 = nn.Conv2d(features, features, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(features)
        same = stride == 1 and inputs == features
        self.shortcut = nn.Sequential() if same else Subsample(stride, (features - inputs) // 2)

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, rows, columns] -> [n, features, rows / stride, columns / stride]."""
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class CifarResNet(nn.Module):
    """Logits [n, classes] of normalised pictures [n, 3, 32, 32]; ``blocks`` in each of the three parts."""

    def __init__(self, blocks: int, classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self._part(16, 16, blocks, 1)
        self.layer2 = self._part(16, 32, blocks, 2)
        self.layer3 = self._part(32, 64, blocks, 2)
        self.linear = nn.Linear(64, classes)

    @staticmethod
    def _part(inputs: int, features: int, blocks: int, stride: int) -> nn.Sequential:
        first = Block(inputs, features, stride)
        return nn.Sequential(first, *(Block(features, features, 1) for _ in range(blocks - 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(F.adaptive_avg_pool2d(x, 1).flatten(1))


def cifar_resnet(depth: int) -> CifarResNet:
    """The network of ``depth`` layers that have weights, untrained."""
    return CifarResNet((depth - 2) // 6)
