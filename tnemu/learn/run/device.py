"""Where a training computes: ``cpu``, ``cuda`` (an NVIDIA GPU), or ``auto``, cuda where torch sees one.

Worlds, replay and random draws stay with the CPU on every device, so a GPU sees the same data in the
same order; its sums round differently, so its weights are not those of a CPU run to the bit.
"""

from __future__ import annotations

import torch

from tnemu.errors import TnemuError

DEVICES = ("auto", "cpu", "cuda")


class DeviceError(TnemuError, ValueError):
    """A device that is not there."""


def find_device(name: str) -> torch.device:
    """The device of that name; raises DeviceError if torch cannot use it."""
    if name not in DEVICES:
        raise DeviceError(f"device {name!r} is unknown; choose among {', '.join(DEVICES)}")
    there = torch.cuda.is_available()
    if name == "cuda" and not there:
        raise DeviceError(
            f"device 'cuda': torch {torch.__version__} sees no CUDA GPU; choose cpu or auto, or "
            "install a torch built for CUDA and see whether nvidia-smi lists the GPU"
        )
    return torch.device("cuda" if name != "cpu" and there else "cpu")


def device_name(device: torch.device) -> str:
    """For the record: "cpu", or "cuda" with the GPU's name."""
    if device.type != "cuda":
        return device.type
    return f"cuda ({torch.cuda.get_device_name(device)})"
