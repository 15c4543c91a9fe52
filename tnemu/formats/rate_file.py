"""Rate networks on their way to the board: converted networks in whole numbers.

A safetensors file whose metadata entry ``tnemu`` is a JSON manifest::

    {"format": "tnemu-rate-1", "name": "cartpole", "answers": ["LEFT", "RIGHT"], "levels": 2,
     "recipe": {"ticks": 100, "encoding": "constant", "decoding": "potentials", "reset": "subtract",
                "order": "textbook", "start": 0.5},
     "bits": [8, 8, 8], "task": {"kind": "control", ...}, "provenance": {...}}

Tensors: ``ranges`` float64 [in]; for layer k ``layers.k.weights`` int16 [in, out], ``.leak`` int16,
``.alpha`` and ``.start`` int32 [out]. ``task`` is null for a network of no known task. What the layers
compute: tnemu.networks.spiking.rate.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.errors import shown
from tnemu.files import Fields, PathLike
from tnemu.formats.errors import FormatError
from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.dense import MOST_LAYERS
from tnemu.networks.spiking.rate import RateLayer, RateNetwork
from tnemu.networks.spiking.recipe import MOST_TICKS, Recipe
from tnemu.networks.trained import TaskReference

FORMAT = "tnemu-rate-1"
_ARRAYS = {"weights": np.int16, "leak": np.int16, "alpha": np.int32, "start": np.int32}
_MOST_NAME = 200
_MOST_ANSWERS = 256
MOST_BYTES = 1 << 26


def write_rate(network: RateNetwork, path: PathLike) -> str:
    """Write the file, whole or not at all, and return its SHA-256.

    Folders on the way are made. Raises FormatError when it cannot be written, or holds provenance
    that JSON cannot.
    """
    from safetensors.numpy import save

    tensors: dict[str, npt.NDArray[Any]] = {"ranges": np.ascontiguousarray(network.ranges)}
    for k, layer in enumerate(network.layers):
        for key in _ARRAYS:
            tensors[f"layers.{k}.{key}"] = np.ascontiguousarray(getattr(layer, key))
    task = network.task
    manifest = {
        "format": FORMAT,
        "name": network.name,
        "answers": list(network.answers),
        "levels": network.levels,
        "recipe": asdict(network.recipe),
        "bits": [layer.bits for layer in network.layers],
        "task": task
        and {"kind": task.kind, "name": task.name, "spec": dict(task.spec), "sha256": task.sha256},
        "provenance": dict(network.provenance),
    }
    text = files.json_text(manifest, "the manifest", error=FormatError, sort_keys=True)
    data = save(tensors, metadata={"tnemu": text})
    files.make_folder(os.path.dirname(os.path.abspath(path)), error=FormatError)
    files.write_bytes(path, data, error=FormatError, what="rate network")
    return hashlib.sha256(data).hexdigest()


def is_rate(path: PathLike) -> bool:
    """Whether a safetensors file says that it holds a rate network; FormatError if it is none."""
    header = files.check_safetensors(path, error=FormatError)
    return f'"{FORMAT}"' in header.metadata.get("tnemu", "")


def read_rate(path: PathLike) -> RateNetwork:
    """Read and check a rate network; FormatError says what is wrong, and where."""
    from safetensors.numpy import load

    header, data = files.read_safetensors(
        path, error=FormatError, what="rate network", most_bytes=MOST_BYTES
    )
    where = files.place(path)
    if "tnemu" not in header.metadata:
        raise FormatError(
            f"{where} has no 'tnemu' manifest in its metadata; it is a safetensors file of another "
            "kind. Make one with tnemu learn finetune"
        )
    text = header.metadata["tnemu"]
    try:
        with files.parse_fields(text, f"{where} (manifest)", error=FormatError) as manifest:
            said = _manifest(manifest)
        tensors: dict[str, npt.NDArray[Any]] = load(data)
        ranges = _tensor(tensors, "ranges", np.dtype(np.float64))
        layers = tuple(_layer(tensors, k, bits) for k, bits in enumerate(said.pop("bits")))
        if tensors:
            raise FormatError(
                f"tensors that belong to no layer: {shown(', '.join(sorted(tensors)), 300)[1:-1]}"
            )
        sha256 = hashlib.sha256(data).hexdigest()
        return RateNetwork(ranges=ranges, layers=layers, sha256=sha256, **said)
    except (FormatError, NetworkError) as error:
        text = str(error)
        raise FormatError(text if text.startswith(where) else f"{where}: {text}") from error


def _manifest(manifest: Fields) -> dict[str, Any]:
    found = manifest.text("format", "")
    if found != FORMAT:
        raise FormatError(
            f"{manifest.where}: format {shown(found)} is not known, this version reads {FORMAT!r}; "
            "make the file again"
        )
    recipe = manifest.mapping("recipe")
    values: dict[str, Any] = {"ticks": recipe.whole("ticks", 1, MOST_TICKS)}
    values["start"] = recipe.real("start", 0, 1)
    for name in (f.name for f in fields(Recipe) if f.name not in values):
        values[name] = recipe.text(name, most=_MOST_NAME)
    task = None
    if manifest.absent("task"):
        manifest.json("task")  # null is said, not left out
    else:
        given = manifest.mapping("task")
        kind, name = given.text("kind", most=_MOST_NAME), given.text("name", most=_MOST_NAME)
        task = TaskReference(kind, name, given.json("spec"), given.text("sha256", most=_MOST_NAME))
    return {
        "name": manifest.text("name", most=_MOST_NAME),
        "answers": tuple(manifest.texts("answers", least=1, most=_MOST_ANSWERS)),
        "levels": manifest.whole("levels", 1, 256),
        "recipe": Recipe(**values),
        "bits": manifest.wholes("bits", 2, 8, least=1, most=MOST_LAYERS),
        "task": task,
        "provenance": manifest.json("provenance"),
    }


def _layer(tensors: dict[str, npt.NDArray[Any]], k: int, bits: int) -> RateLayer:
    arrays = {
        key: _tensor(tensors, f"layers.{k}.{key}", np.dtype(dtype))
        for key, dtype in _ARRAYS.items()
    }
    try:
        return RateLayer(**arrays, bits=bits)
    except NetworkError as error:
        raise FormatError(f"layer {k}: {error}") from None


def _tensor(
    tensors: dict[str, npt.NDArray[Any]], name: str, dtype: np.dtype[Any]
) -> npt.NDArray[Any]:
    if name not in tensors:
        raise FormatError(f"tensor {name!r} is missing; make the file again")
    if tensors[name].dtype != dtype:
        raise FormatError(
            f"tensor {name!r} is {tensors[name].dtype}, expected {dtype}; make the file again"
        )
    return tensors.pop(name)
