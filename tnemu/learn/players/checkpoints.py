"""Weights in files of other libraries, read so that no code in a file can run.

``.zip`` of stable-baselines3: its policy.pth, and of ``data`` what is plain JSON; what is pickled in there
stays closed. ``.cleanrl_model``, ``.pth``, ``.pt``: a state_dict, or a dictionary that holds one beside
plain settings, as CleanRL's C51 is saved. torch unpickles tensors and plain values only.
"""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tnemu.errors import TnemuError, shown
from tnemu.files import parse_json, place, read_bytes
from tnemu.formats.errors import FormatError

LARGEST = 64 << 20
"""Bytes of the weights, packed and unpacked; a network of this kind has 4 to 40 million of them."""
LARGEST_FILE = 256 << 20
"""Bytes of a checkpoint, which may hold an optimiser and more."""
LARGEST_FACTS = 4 << 20
"""Bytes of the settings in a .zip."""
NESTED = ("model_weights", "model_state_dict", "state_dict")
"""Where the weights are in a dictionary that holds more."""
PREFIXES = {"module.": "DataParallel", "_orig_mod.": "torch.compile"}
"""What wrappers put before the names of a module's weights."""


@dataclass(frozen=True)
class Checkpoint:
    """Weights by name, without the prefixes of wrappers, and what the file says of them."""

    path: str | Path
    weights: Mapping[str, Tensor]
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Settings beside the weights: of stable-baselines3, or CleanRL's ``args``."""
    wrapped_by: tuple[str, ...] = ()
    """The wrappers whose prefixes were taken away."""

    def numbers(self, name: str) -> Tensor:
        """Weights as float32, all of them finite. Raises FormatError for others."""
        tensor = self.weights[name]
        plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
        if not plain or tensor.is_quantized or not tensor.is_floating_point():
            raise FormatError(
                f"{place(self.path)}: layer {name} is {shown(tensor)}, needs plain numbers; save the "
                "state_dict() of the network itself"
            )
        values = tensor.float()
        if not values.isfinite().all():
            raise FormatError(
                f"{place(self.path)}: layer {name} holds NaN or infinity; the network in it is of no "
                "use, give a file of an earlier checkpoint or train it again"
            )
        return values


def read_checkpoint(path: str | Path, largest: int | None = None) -> Checkpoint:
    """The weights in a file of another library, of ``largest`` bytes (LARGEST) at most. Raises FormatError.

    What torch says of a file is not passed on: it advises to load it in another, unsafe way.
    """
    largest = LARGEST if largest is None else largest
    most = max(LARGEST_FILE, largest)
    data = read_bytes(path, error=FormatError, what="checkpoint", most_bytes=most)
    facts: dict[str, Any] = {}
    if Path(path).suffix == ".zip":
        facts = _facts(data)
        data = _member(data, "policy.pth", path)
    if zipfile.is_zipfile(io.BytesIO(data)):
        _check_unpacked(data, path, largest)
    loaded = _tensors(data, path)
    nested = next((loaded[name] for name in NESTED if isinstance(loaded.get(name), dict)), None)
    if nested is not None:
        args = loaded.get("args")
        facts, loaded = (args if isinstance(args, dict) else {}), nested
    if not all(isinstance(v, Tensor) for v in loaded.values()):
        raise FormatError(f"{place(path)} holds more than weights; save its state_dict() alone")
    if not all(isinstance(name, str) for name in loaded):
        raise _refused(path, "its weights have no names")
    return _unwrapped(Checkpoint(path, loaded, facts))


def _unwrapped(found: Checkpoint) -> Checkpoint:
    """Without the prefixes that all its names have."""
    weights, wrappers = dict(found.weights), []
    while prefix := next(
        (p for p in PREFIXES if weights and all(n.startswith(p) for n in weights)), ""
    ):
        weights = {name.removeprefix(prefix): value for name, value in weights.items()}
        wrappers.append(PREFIXES[prefix])
    return Checkpoint(found.path, weights, found.facts, tuple(wrappers))


def _tensors(data: bytes, path: str | Path) -> dict[Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # a parser of another library, which promises nothing
        text = str(error).lower()
        if "torchscript" in text:
            raise _refused(path, "it is a program of TorchScript, and would run") from None
        more = "weights only" in text or "unsupported" in text
        what = "it holds other objects than tensors" if more else "it is damaged, or no such file"
        raise _refused(path, what) from None
    if not isinstance(loaded, dict):
        raise FormatError(f"{place(path)} holds more than weights; save its state_dict() alone")
    return loaded


def _facts(data: bytes) -> dict[str, Any]:
    """What a stable-baselines3 .zip says in plain JSON; nothing where it does not."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, archive.open("data") as member:
            text = member.read(LARGEST_FACTS + 1)
        facts = parse_json(text[:LARGEST_FACTS].decode(), "data", error=FormatError)
    except (TnemuError, Exception):  # it is not needed; zipfile and zlib raise a dozen kinds
        return {}
    return facts if isinstance(facts, dict) else {}


def _member(data: bytes, name: str, path: str | Path) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = archive.getinfo(name).file_size
            if size > LARGEST:
                raise _too_large(path, name, size, LARGEST)
            with archive.open(name) as member:
                return member.read(LARGEST)
    except FormatError:
        raise
    except KeyError:
        raise _refused(path, f"there is no {name} in it") from None
    except Exception:  # zipfile and zlib raise a dozen kinds for damaged files
        raise _refused(path, "it is damaged, or no such file") from None


def _check_unpacked(data: bytes, path: str | Path, largest: int) -> None:
    """Weights are an archive too: small files must not become large ones in memory."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except Exception:
        raise _refused(path, "it is damaged, or no such file") from None
    if size > largest:
        raise _too_large(path, "its weights", size, largest)


def _too_large(path: str | Path, part: str, size: int, largest: int) -> FormatError:
    return FormatError(
        f"{place(path)}: {part} of {size:,} bytes, the limit is {largest:,}; pass the checkpoint of a "
        "network for Atari screens"
    )


def _refused(path: str | Path, why: str) -> FormatError:
    return FormatError(
        f"{place(path)} cannot be read as a checkpoint of weights ({why}); pass a stable-baselines3 "
        ".zip or a file of the module's state_dict()"
    )
