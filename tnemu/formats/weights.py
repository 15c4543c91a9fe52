"""Weight files: a trained network on its way from training to hardware.

A weight file is a safetensors file whose metadata entry ``tnemu`` is a JSON manifest::

    {"format": "tnemu-weights-2", "name": "krull", "input_shape": [4, 42, 42],
     "answers": ["NOOP", ...],
     "task": {"kind": "atari", "name": "krull", "spec": {...}, "sha256": "..."},
     "provenance": {...},
     "layers": [{"kind": "transduction", "name": "retina", "stride": 3, "weights_shape": [...]},
                {"kind": "conv", "name": "conv1", "stride": 2, "groups": 8, "weights_shape": [...]},
                {"kind": "dense", "name": "block1", "weights_shape": [...]},
                {"kind": "vote", "name": "vote"}]}

``task`` is null for a network of no known task. Layer L's tensors are named ``L.weights`` (trinary,
packed four to a byte: 0 -> 00, +1 -> 01, -1 -> 11, lowest bits first), ``L.thresholds`` (int32),
``L.order`` (int32 permutation), ``L.background`` (int16) and ``L.classes`` (int32). What the layers
compute: tnemu.networks.integer.

Format 1 is read as well: it has ``game``, ``actions``, ``spec`` and ``spec_sha256`` in place of
``answers`` and ``task``, for Atari was the only kind of task.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.formats.errors import FormatError
from tnemu.formats.whole_file import whole_file
from tnemu.networks.errors import NetworkError
from tnemu.networks.integer import LAYER_KINDS, Layer, Vote, Weights
from tnemu.networks.trained import TaskReference, TrainedNetwork

FORMAT, FORMAT_1 = "tnemu-weights-2", "tnemu-weights-1"
_TENSORS = {"thresholds": np.int32, "order": np.int32, "background": np.int16, "classes": np.int32}
_INTEGERS = ("stride", "groups")
_COMMON: dict[str, tuple[type | tuple[type, ...], type]] = {
    "format": (str, object),
    "name": (str, object),
    "input_shape": (list, int),
    "provenance": (dict, object),
    "layers": (list, dict),
}
_KEYS: dict[str, dict[str, tuple[type | tuple[type, ...], type]]] = {
    FORMAT: _COMMON | {"answers": (list, str), "task": ((dict, type(None)), object)},
    FORMAT_1: _COMMON
    | {
        "game": (str, object),
        "actions": (list, str),
        "spec": (dict, object),
        "spec_sha256": (str, object),
    },
}
"""Of each format: manifest key -> its type, and the type of its items if it is a list."""


def write_weights(network: TrainedNetwork, path: str | Path) -> str:
    """Write the file in format 2 (whole or not at all) and return its SHA-256."""
    from safetensors.numpy import save

    tensors: dict[str, npt.NDArray[Any]] = {}
    entries = [_entry(layer, tensors) for layer in network.layers]
    task = network.task
    manifest = {
        "format": FORMAT,
        "name": network.name,
        "input_shape": list(network.input_shape),
        "answers": list(network.answers),
        "task": task
        and {
            "kind": task.kind,
            "name": task.name,
            "spec": dict(task.spec),
            "sha256": task.sha256,
        },
        "provenance": dict(network.provenance),
        "layers": entries,
    }
    data = save(tensors, metadata={"tnemu": json.dumps(manifest, sort_keys=True)})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write(data)
    return hashlib.sha256(data).hexdigest()


def read_weights(path: str | Path) -> TrainedNetwork:
    """Read and check a weight file of either format; FormatError says what is wrong, and where."""
    path = Path(path)
    manifest, tensors, sha256 = _read(path)
    try:
        task, answers = _task(manifest)
        return TrainedNetwork(
            name=manifest["name"],
            input_shape=tuple(manifest["input_shape"]),
            answers=answers,
            layers=_layers(manifest["layers"], tensors),
            task=task,
            provenance=manifest["provenance"],
            sha256=sha256,
        )
    except (FormatError, NetworkError) as error:
        raise FormatError(f"{path}: {error}") from error


def _task(manifest: Mapping[str, Any]) -> tuple[TaskReference | None, tuple[str, ...]]:
    """The task of a manifest of either format, and its answers."""
    if manifest["format"] == FORMAT_1:
        spec, sha256 = manifest["spec"], manifest["spec_sha256"]
        task = TaskReference("atari", manifest["game"], spec, sha256) if spec else None
        return task, tuple(manifest["actions"])
    said, kinds = manifest["task"], {"kind": str, "name": str, "spec": dict, "sha256": str}
    if said is None:
        return None, tuple(manifest["answers"])
    if set(said) != set(kinds) or not all(isinstance(said[k], kinds[k]) for k in kinds):
        raise FormatError(
            f"task is {said!r:.60}; expected {', '.join(kinds)}, the spec an object: export it again"
        )
    return TaskReference(**said), tuple(manifest["answers"])


def _read(path: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]], str]:
    """Manifest with all its keys and their types, tensors, and the file's hash."""
    from safetensors import SafetensorError, safe_open
    from safetensors.numpy import load

    try:
        data = path.read_bytes()
        with safe_open(str(path), framework="numpy") as opened:
            metadata = opened.metadata() or {}
        tensors = load(data)
    except OSError as error:
        raise FormatError(
            f"cannot read weight file {path}: {error.strerror or error}; check the path"
        ) from error
    except SafetensorError as error:
        raise FormatError(
            f"{path} is not a safetensors file ({error}); it may be cut short, fetch it again"
        ) from error
    try:
        manifest = json.loads(metadata["tnemu"])
    except (KeyError, ValueError) as error:
        raise FormatError(
            f"{path} has no 'tnemu' manifest in its metadata; it is a safetensors file of "
            "another kind. Export a student with tnemu to get one"
        ) from error
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(found, str) or found not in _KEYS:
        raise FormatError(
            f"{path} has format {found!r:.60}, this version reads {FORMAT!r} and {FORMAT_1!r}; "
            "export it again"
        )
    keys = _KEYS[found]
    if set(manifest) != set(keys):
        odd = sorted(set(manifest) ^ set(keys))
        raise FormatError(
            f"{path}: manifest keys missing or unknown: {', '.join(odd)}; export it again"
        )
    for key, (kind, each) in keys.items():
        value = manifest[key]
        if not isinstance(value, kind) or not all(isinstance(v, each) for v in _items(value)):
            raise FormatError(f"{path}: manifest key {key!r} is {value!r:.60}; export it again")
    return manifest, tensors, hashlib.sha256(data).hexdigest()


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _entry(layer: Layer, tensors: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    """The manifest entry of one layer; its arrays go to ``tensors``."""
    entry: dict[str, Any] = {"kind": layer.kind, "name": layer.name}
    for key in _INTEGERS:
        if key in layer.__dataclass_fields__:
            entry[key] = int(getattr(layer, key))
    if not isinstance(layer, Vote):
        entry["weights_shape"] = list(layer.weights.shape)
        tensors[f"{layer.name}.weights"] = pack_trinary(layer.weights)
    for key, dtype in _TENSORS.items():
        if key in layer.__dataclass_fields__:
            array = np.ascontiguousarray(getattr(layer, key), dtype=dtype)
            tensors[f"{layer.name}.{key}"] = array
    return entry


def _layers(
    entries: list[dict[str, Any]], tensors: Mapping[str, npt.NDArray[Any]]
) -> tuple[Layer, ...]:
    unread = set(tensors)
    layers = tuple(_layer(entry, tensors, unread) for entry in entries)
    if unread:
        raise FormatError(
            f"tensors that belong to no layer: {', '.join(sorted(unread))}; export the file again"
        )
    return layers


def _layer(
    entry: dict[str, Any], tensors: Mapping[str, npt.NDArray[Any]], unread: set[str]
) -> Layer:
    kind, name = entry.get("kind"), entry.get("name")
    if kind not in LAYER_KINDS or not isinstance(name, str):
        raise FormatError(
            f"layer {name!r} has kind {kind!r}; known kinds: {', '.join(LAYER_KINDS)}"
        )
    cls = LAYER_KINDS[kind]
    integers = [key for key in _INTEGERS if key in cls.__dataclass_fields__]
    expected = {"kind", "name", *integers, *({"weights_shape"} if cls is not Vote else ())}
    if set(entry) != expected:
        odd = ", ".join(sorted(set(entry) ^ expected))
        raise FormatError(f"layer {name!r}: keys missing or unknown: {odd}; export the file again")
    fields: dict[str, Any] = {"name": name}
    for key in integers:
        if type(entry[key]) is not int:
            raise FormatError(f"layer {name!r}: {key} is {entry[key]!r}, expected an integer")
        fields[key] = entry[key]
    if "weights_shape" in entry:
        packed = _tensor(tensors, f"{name}.weights", np.uint8, unread)
        fields["weights"] = unpack_trinary(packed, _shape(name, entry["weights_shape"]))
    for key, dtype in _TENSORS.items():
        if key in cls.__dataclass_fields__:
            fields[key] = _tensor(tensors, f"{name}.{key}", dtype, unread)
    return cls(**fields)


def _shape(name: str, sizes: Any) -> tuple[int, ...]:
    good = isinstance(sizes, list) and all(type(size) is int and size > 0 for size in sizes)
    if not good or not 3 <= len(sizes) <= 4:
        raise FormatError(
            f"layer {name!r}: weights_shape is {sizes!r}; expected three or four positive integers"
        )
    return tuple(sizes)


def _tensor(
    tensors: Mapping[str, npt.NDArray[Any]], name: str, dtype: Any, unread: set[str]
) -> npt.NDArray[Any]:
    if name not in tensors:
        raise FormatError(f"tensor {name!r} is missing; export the file again")
    if tensors[name].dtype != dtype:
        raise FormatError(
            f"tensor {name!r} is {tensors[name].dtype}, expected {np.dtype(dtype)}; export the file "
            "again"
        )
    unread.discard(name)
    return tensors[name]


def pack_trinary(weights: Weights) -> npt.NDArray[np.uint8]:
    """Four trinary weights to a byte, lowest bits first: 0 -> 00, +1 -> 01, -1 -> 11."""
    codes = (weights.ravel() & 3).astype(np.uint8)
    codes = np.pad(codes, (0, -len(codes) % 4)).reshape(-1, 4)
    return np.asarray(
        codes[:, 0] | codes[:, 1] << 2 | codes[:, 2] << 4 | codes[:, 3] << 6, dtype=np.uint8
    )


def unpack_trinary(packed: npt.NDArray[np.uint8], shape: tuple[int, ...]) -> Weights:
    """The inverse of :func:`pack_trinary`; FormatError for a wrong length or the unused code 10."""
    count = int(np.prod(shape))
    if packed.dtype != np.uint8 or packed.shape != ((count + 3) // 4,):
        raise FormatError(
            f"packed weights are {packed.dtype} {packed.shape}; {count} weights need "
            f"uint8 ({(count + 3) // 4},)"
        )
    codes = np.stack([packed >> shift & 3 for shift in (0, 2, 4, 6)], axis=1).ravel()[:count]
    if (codes == 2).any():
        raise FormatError(
            f"weight {int(np.flatnonzero(codes == 2)[0])} has the unused code 10; the file is "
            "damaged, export it again"
        )
    return np.array([0, 1, 0, -1], dtype=np.int8)[codes].reshape(shape)
