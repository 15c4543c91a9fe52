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
``answers`` and ``task``, for Atari was the only kind of task. Format 3 holds one network with heads for
several tasks (tnemu.formats.heads): in place of ``answers`` and ``task`` it has

    "heads": [{"answers": ["NOOP", ...], "task": {...}}, ...]
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.errors import did_you_mean, shown
from tnemu.files import Fields, PathLike
from tnemu.formats.errors import FormatError
from tnemu.formats.heads import apart, check_tasks, joined
from tnemu.networks.errors import NetworkError
from tnemu.networks.integer import LAYER_KINDS, Layer, Vote, Weights
from tnemu.networks.trained import TaskReference, TrainedNetwork

FORMAT, FORMAT_1, FORMAT_3 = "tnemu-weights-2", "tnemu-weights-1", "tnemu-weights-3"
_TENSORS = {"thresholds": np.int32, "order": np.int32, "background": np.int16, "classes": np.int32}
_INTEGERS = ("stride", "groups")
_MOST_SIZE = (1 << 31) - 1
_MOST_NAME = 200
_MOST_LAYERS = 1000
_MOST_ANSWERS = 1 << 16
_MOST_HEADS = 1000
_Head = tuple[tuple[str, ...], TaskReference | None]
_Said = tuple[type[Layer], dict[str, Any], tuple[int, ...]]


def write_weights(network: TrainedNetwork | Sequence[TrainedNetwork], path: PathLike) -> str:
    """Write the file (whole or not at all) and return its SHA-256.

    Several networks are the heads of one: they differ in their task, what is subtracted and which
    voters are read, and in nothing else. Folders on the way are made. Raises FormatError when it
    cannot be written, holds provenance that JSON cannot, or the networks are not one.
    """
    from safetensors.numpy import save

    networks = [network] if isinstance(network, TrainedNetwork) else list(network)
    layers = joined(networks)
    network = networks[0]
    tensors: dict[str, npt.NDArray[Any]] = {}
    entries = [_entry(layer, tensors) for layer in layers]
    heads = [_head(each) for each in networks]
    manifest = {
        "format": FORMAT if len(heads) == 1 else FORMAT_3,
        "name": network.name,
        "input_shape": list(network.input_shape),
        **(heads[0] if len(heads) == 1 else {"heads": heads}),
        "provenance": dict(network.provenance),
        "layers": entries,
    }
    text = files.json_text(manifest, "the manifest", error=FormatError, sort_keys=True)
    data = save(tensors, metadata={"tnemu": text})
    files.make_folder(os.path.dirname(os.path.abspath(path)), error=FormatError)
    files.write_bytes(path, data, error=FormatError, what="weight file")
    return hashlib.sha256(data).hexdigest()


def read_weights(path: PathLike, task: str | None = None) -> TrainedNetwork:
    """The network of a weight file; of one with several heads, that for ``task``.

    Raises FormatError that says what is wrong, and where: also for another task than the file is for,
    and where none of several is named.
    """
    networks = read_heads(path)
    if task is None and len(networks) == 1:
        return networks[0]
    return network_for(networks, task, path)


def network_for(
    networks: Sequence[TrainedNetwork], task: str | None, path: PathLike
) -> TrainedNetwork:
    """Of the networks that were read from ``path``, that for ``task``; raises FormatError as
    :func:`read_weights`.
    """
    names = [network.task.name if network.task else "nothing" for network in networks]
    if task in names:
        return networks[names.index(task)]
    if task is None:
        raise FormatError(f"{files.place(path)} was trained for {', '.join(names)}; say for which")
    near = did_you_mean(task, names) or "choose its task, or another file"
    raise FormatError(
        f"{files.place(path)} was trained for {', '.join(names)}, not for {shown(task)}; {near}"
    )


def read_heads(path: PathLike) -> tuple[TrainedNetwork, ...]:
    """Read and check a weight file of any format: a network for each of its heads, or its only one.

    They share the arrays of all layers but the first and the last. FormatError says what is wrong,
    and where.
    """
    from safetensors.numpy import load

    header, data = files.read_safetensors(path, error=FormatError, what="weight file")
    where = files.place(path)
    if "tnemu" not in header.metadata:
        raise FormatError(
            f"{where} has no 'tnemu' manifest in its metadata; it is a safetensors file of "
            "another kind. Export a student with tnemu to get one"
        )
    text = header.metadata["tnemu"]
    with files.parse_fields(text, f"{where} (manifest)", error=FormatError) as manifest:
        network, heads, said = _network(manifest)
    tensors: dict[str, npt.NDArray[Any]] = load(data)
    try:
        layers = _layers(said, tensors, sum(len(answers) for answers, _ in heads))
        network["sha256"] = hashlib.sha256(data).hexdigest()
        each = apart(layers, [len(answers) for answers, _ in heads])
        return tuple(
            TrainedNetwork(layers=own, answers=answers, task=task, **network)
            for own, (answers, task) in zip(each, heads, strict=True)
        )
    except (FormatError, NetworkError) as error:
        raise FormatError(f"{where}: {error}") from error


def _head(network: TrainedNetwork) -> dict[str, Any]:
    """What a manifest says of a network that is its task's alone."""
    task = network.task
    return {
        "answers": list(network.answers),
        "task": task
        and {
            "kind": task.kind,
            "name": task.name,
            "spec": dict(task.spec),
            "sha256": task.sha256,
        },
    }


def _network(manifest: Fields) -> tuple[dict[str, Any], list[_Head], list[_Said]]:
    """What a manifest of any format says: of the network, of each head, and of the layers."""
    found = manifest.text("format", "")
    if found not in (FORMAT_1, FORMAT, FORMAT_3):
        raise FormatError(
            f"{manifest.where}: format {shown(found)} is not known, this version reads "
            f"{FORMAT_1!r}, {FORMAT!r} and {FORMAT_3!r}; export it again"
        )
    said_of_heads = (
        manifest.mappings("heads", most=_MOST_HEADS) if found == FORMAT_3 else [manifest]
    )
    heads = []
    for head in said_of_heads:
        task = _task_1(head) if found == FORMAT_1 else _task(head)
        answers = head.texts("actions" if found == FORMAT_1 else "answers", most=_MOST_ANSWERS)
        heads.append((tuple(answers), task))
    check_tasks([task for _, task in heads], manifest.where)
    network = {
        "name": manifest.text("name", most=_MOST_NAME),
        "input_shape": tuple(manifest.wholes("input_shape", 1, _MOST_SIZE, most=8)),
        "provenance": _object(manifest, "provenance"),
    }
    layers = manifest.mappings("layers", most=_MOST_LAYERS)
    return network, heads, [_said(layer) for layer in layers]


def _task(manifest: Fields) -> TaskReference | None:
    if manifest.absent("task"):
        manifest.json("task")  # null is said, not left out
        return None
    task = manifest.mapping("task")
    kind, name = task.text("kind", most=_MOST_NAME), task.text("name", most=_MOST_NAME)
    return TaskReference(kind, name, _object(task, "spec"), task.text("sha256", most=_MOST_NAME))


def _task_1(manifest: Fields) -> TaskReference | None:
    """The task of format 1: always Atari; an empty spec is none."""
    game, sha256 = manifest.text("game", most=_MOST_NAME), manifest.text("spec_sha256", most=200)
    spec = _object(manifest, "spec")
    return TaskReference("atari", game, spec, sha256) if spec else None


def _object(manifest: Fields, key: str) -> dict[str, Any]:
    """A JSON object that is kept and handed on, not looked into."""
    value = manifest.json(key)
    if not isinstance(value, dict):
        raise manifest.refused(key, "must be an object of named values")
    return value


def _said(entry: Fields) -> _Said:
    """(class, values, shape of the weights) that a manifest says of one layer."""
    cls = LAYER_KINDS[entry.one_of("kind", LAYER_KINDS)]
    known = {field.name for field in fields(cls)}
    values: dict[str, Any] = {"name": entry.text("name", most=_MOST_NAME)}
    values |= {key: entry.whole(key, 1, _MOST_SIZE) for key in _INTEGERS if key in known}
    if cls is Vote:
        return cls, values, ()
    sizes = entry.wholes("weights_shape", 1, _MOST_SIZE, least=3, most=4)
    return cls, values, tuple(sizes)


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
    said: list[_Said],
    tensors: dict[str, npt.NDArray[Any]],
    answers: int,
) -> tuple[Layer, ...]:
    layers = tuple(_layer(*each, tensors, answers) for each in said)
    if tensors:
        raise FormatError(
            f"tensors that belong to no layer: {shown(', '.join(sorted(tensors)), 300)[1:-1]}; "
            "export the file again"
        )
    return layers


def _layer(
    cls: type[Layer],
    values: dict[str, Any],
    shape: tuple[int, ...],
    tensors: dict[str, npt.NDArray[Any]],
    answers: int,
) -> Layer:
    """The layer; its tensors are taken out of ``tensors``."""
    name = values["name"]
    if shape:
        packed = _tensor(tensors, f"{name}.weights", np.uint8)
        values["weights"] = unpack_trinary(packed, shape)
    for key, dtype in _TENSORS.items():
        if key in cls.__dataclass_fields__:
            values[key] = _tensor(tensors, f"{name}.{key}", dtype)
    # before anything counts the voters of every class up to the highest
    if "classes" in values and int(values["classes"].max(initial=0)) >= answers:
        raise FormatError(
            f"layer {name!r}: class {int(values['classes'].max())} is voted for, there are "
            f"{answers} answers; export the file again"
        )
    return cls(**values)


def _tensor(tensors: dict[str, npt.NDArray[Any]], name: str, dtype: Any) -> npt.NDArray[Any]:
    if name not in tensors:
        raise FormatError(f"tensor {name!r} is missing; export the file again")
    if tensors[name].dtype != dtype:
        raise FormatError(
            f"tensor {name!r} is {tensors[name].dtype}, expected {np.dtype(dtype)}; export the file "
            "again"
        )
    return tensors.pop(name)


def pack_trinary(weights: Weights) -> npt.NDArray[np.uint8]:
    """Four trinary weights to a byte, lowest bits first: 0 -> 00, +1 -> 01, -1 -> 11."""
    codes = (weights.ravel() & 3).astype(np.uint8)
    codes = np.pad(codes, (0, -len(codes) % 4)).reshape(-1, 4)
    return np.asarray(
        codes[:, 0] | codes[:, 1] << 2 | codes[:, 2] << 4 | codes[:, 3] << 6, dtype=np.uint8
    )


def unpack_trinary(packed: npt.NDArray[np.uint8], shape: tuple[int, ...]) -> Weights:
    """The inverse of :func:`pack_trinary`; FormatError for a wrong length or the unused code 10."""
    count = math.prod(shape)
    if packed.dtype != np.uint8 or packed.shape != ((count + 3) // 4,):
        raise FormatError(
            f"packed weights are {packed.dtype} {packed.shape}; {count} weights of shape {shape} "
            f"need uint8 ({(count + 3) // 4},); export the file again"
        )
    codes = np.stack([packed >> shift & 3 for shift in (0, 2, 4, 6)], axis=1).ravel()[:count]
    if (codes == 2).any():
        raise FormatError(
            f"weight {int(np.flatnonzero(codes == 2)[0])} has the unused code 10; the file is "
            "damaged, export it again"
        )
    return np.array([0, 1, 0, -1], dtype=np.int8)[codes].reshape(shape)
