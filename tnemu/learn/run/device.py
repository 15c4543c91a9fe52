"""Where and how a training computes, and nothing of it left behind for the rest of the process.

``cpu``, ``cuda`` (an NVIDIA GPU), or ``auto``, cuda where torch sees one. Worlds, replay and random
draws stay with the CPU on every device, so a GPU sees the same data in the same order; its sums round
differently, so its weights are not those of a CPU run to the bit. One thread computes: sums of several
threads round in an order of their own. torch is imported by what needs it, not by this module.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tnemu.errors import TnemuError

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")


class DeviceError(TnemuError, ValueError):
    """A device that this computer does not have."""


def check_device(name: str) -> None:
    """Raises DeviceError for a name that no device has, here or elsewhere."""
    if name not in DEVICES:
        raise DeviceError(f"device {name!r} is unknown; choose among {', '.join(DEVICES)}")


def find_device(name: str) -> torch.device:
    """The device of that name; raises DeviceError if torch cannot use it."""
    import torch

    check_device(name)
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise DeviceError(
            f"device 'cuda': torch {torch.__version__} sees no CUDA GPU; choose cpu or auto, or "
            "install a torch built for CUDA and see whether nvidia-smi lists the GPU"
        )
    return torch.device("cuda" if name != "cpu" and has_cuda else "cpu")


def device_name(device: torch.device) -> str:
    """For the record: "cpu", or "cuda" with the GPU's name."""
    import torch

    if device.type != "cuda":
        return device.type
    return f"cuda ({torch.cuda.get_device_name(device)})"


@contextmanager
def one_thread() -> Iterator[None]:
    """torch computes with one thread inside of the block, and as before after it.

    Where nobody has imported torch there is nothing to do, and it is not imported.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """torch's own random stream begins with ``seed`` inside of the block, and goes on after it as if
    nothing had been drawn. For weights of new networks, which are drawn on the CPU.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
