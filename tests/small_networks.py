"""Networks of a few channels with every kind of layer that can be quantised, for tests."""

import torch
from torch import nn
from torch.nn import functional as F

from tnemu.learn.precision.named import Network

SHAPE = (3, 12, 12)


class Everything(nn.Module):
    """Shortcuts, groups, concatenation, pools with ragged edges, ReLU6, dropout and two linear layers."""

    shape = SHAPE
    mean = (0.4, 0.5, 0.6)
    deviation = (0.2, 0.3, 0.25)

    def __init__(self):
        super().__init__()
        self.pad = nn.ZeroPad2d((0, 1, 0, 1))
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.deep = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.deep_norm = nn.BatchNorm2d(8)
        self.project = nn.Conv2d(8, 8, 1)
        self.left, self.right = nn.Conv2d(8, 4, 1), nn.Conv2d(8, 6, 3, padding=2, dilation=2)
        self.join_norm = nn.BatchNorm2d(10)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.down = nn.Conv2d(10, 6, 3, stride=2, padding=1)
        self.fc1, self.fc2 = nn.Linear(24, 12), nn.Linear(12, 5)
        self.drop, self.relu6 = nn.Dropout(0.3), nn.ReLU6()

    def forward(self, x):
        x = F.relu(self.norm(self.stem(self.pad(x))))
        y = self.relu6(self.deep_norm(self.deep(x)))
        x = self.project(y) + x
        x = torch.cat([F.relu(self.left(x)), torch.relu(self.right(x))], 1)
        x = F.relu(self.join_norm(x))
        x = self.pool(x)
        x = F.relu(self.down(F.avg_pool2d(x, 2, 1, 1)))
        x = F.adaptive_avg_pool2d(x, 2)
        x = torch.flatten(x, 1)
        return self.fc2(self.drop(F.relu(self.fc1(x))))


def everything() -> nn.Module:
    """With means and gains that no network has at its birth; a gain may be negative."""
    torch.manual_seed(5)
    net = Everything()
    for each in net.modules():
        if isinstance(each, nn.BatchNorm2d):
            each.running_mean.normal_(0, 0.3)
            each.running_var.uniform_(0.5, 2)
            with torch.no_grad():
                each.weight.normal_(1, 0.3)
                each.weight[0] *= -1
                each.bias.normal_(0, 0.3)
    return net.eval()


def network_of(module: nn.Module, shape=SHAPE) -> Network:
    """As the ladder holds it."""
    channels = shape[0]
    mean = getattr(module, "mean", (0.5,) * channels)
    deviation = getattr(module, "deviation", (0.25,) * channels)
    return Network("test", module.eval(), shape, tuple(mean), tuple(deviation))


def pictures(count: int, shape=SHAPE, seed: int = 1) -> torch.Tensor:
    """uint8, smooth enough to have something to see."""
    draws = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, shape[0], 4, 4, generator=draws)
    smooth = F.interpolate(coarse, shape[1:], mode="bilinear")
    return (255 * smooth).round().to(torch.uint8)


def pictures_none() -> None:
    """No network at all."""
