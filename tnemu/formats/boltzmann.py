"""Files of Boltzmann machines: a trained machine on its way to a board.

A safetensors file whose metadata entry ``tnemu`` is a JSON manifest::

    {"format": "tnemu-boltzmann-1", "name": "digits28", "shape": [28, 28], "labels": 0,
     "hidden": 441, "provenance": {...}}

and whose tensors are ``connected`` (uint8, bit k % 8 of byte k // 8 is connection k of the flattened
[visible, hidden]), ``weights`` (float32, those of the connections, in that order), ``visible_bias`` and
``hidden_bias`` (float32). What they mean: tnemu.networks.boltzmann.machine.
"""

from __future__ import annotations

import hashlib
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.errors import shown
from tnemu.files import PathLike
from tnemu.formats.errors import FormatError
from tnemu.networks.boltzmann.machine import MOST_UNITS, Machine
from tnemu.networks.errors import NetworkError

FORMAT = "tnemu-boltzmann-1"
MOST_CONNECTIONS = 1 << 26
_TENSORS = {
    "connected": np.uint8,
    "weights": np.float32,
    "visible_bias": np.float32,
    "hidden_bias": np.float32,
}
_MOST_NAME = 200


def write_machine(machine: Machine, path: PathLike) -> str:
    """Write the file (whole or not at all) and return its SHA-256; folders on the way are made.

    Raises FormatError when it cannot be written, or holds provenance that JSON cannot.
    """
    from safetensors.numpy import save

    manifest = {
        "format": FORMAT,
        "name": machine.name,
        "shape": list(machine.shape),
        "labels": machine.labels,
        "hidden": machine.hidden,
        "provenance": dict(machine.provenance),
    }
    text = files.json_text(manifest, "the manifest", error=FormatError, sort_keys=True)
    tensors = {
        "connected": np.packbits(machine.connected.ravel(), bitorder="little"),
        "weights": machine.weights[machine.connected],
        "visible_bias": machine.visible_bias,
        "hidden_bias": machine.hidden_bias,
    }
    data = save({k: np.ascontiguousarray(v) for k, v in tensors.items()}, {"tnemu": text})
    files.make_folder(os.path.dirname(os.path.abspath(path)), error=FormatError)
    files.write_bytes(path, data, error=FormatError, what="machine file")
    return hashlib.sha256(data).hexdigest()


def read_machine(path: PathLike) -> Machine:
    """Read and check a machine file; FormatError says what is wrong, and where."""
    from safetensors.numpy import load

    header, data = files.read_safetensors(path, error=FormatError, what="machine file")
    where = files.place(path)
    if "tnemu" not in header.metadata:
        raise FormatError(
            f"{where} has no 'tnemu' manifest in its metadata; it is a safetensors file of another "
            "kind. Train a machine with tnemu learn rbm to get one"
        )
    with files.parse_fields(
        header.metadata["tnemu"], f"{where} (manifest)", error=FormatError
    ) as manifest:
        found = manifest.text("format", "")
        if found != FORMAT:
            raise FormatError(
                f"{where}: format {shown(found)} is not that of a Boltzmann machine, {FORMAT!r}; train "
                "one with tnemu learn rbm"
            )
        name = manifest.text("name", most=_MOST_NAME)
        rows, columns = manifest.wholes("shape", 1, MOST_UNITS, count=2)
        labels = manifest.whole("labels", 0, MOST_UNITS)
        hidden = manifest.whole("hidden", 1, MOST_UNITS)
        provenance = manifest.json("provenance")
        if not isinstance(provenance, dict):
            raise manifest.refused("provenance", "must be an object of named values")
    try:
        arrays = _arrays(load(data), rows * columns + labels, hidden)
        sha256 = hashlib.sha256(data).hexdigest()
        return Machine(
            **arrays, shape=(rows, columns), labels=labels, name=name, provenance=provenance,
            sha256=sha256,
        )  # fmt: skip
    except (FormatError, NetworkError) as error:
        raise FormatError(f"{where}: {error}") from error


def _arrays(
    tensors: dict[str, npt.NDArray[Any]], visible: int, hidden: int
) -> dict[str, npt.NDArray[Any]]:
    if tensors.keys() != _TENSORS.keys():
        raise FormatError(
            f"it holds the tensors {shown(sorted(tensors))}, a machine has {sorted(_TENSORS)}; train "
            "it again"
        )
    if visible * hidden > MOST_CONNECTIONS:
        raise FormatError(
            f"{visible:,} visible and {hidden:,} hidden units could have {visible * hidden:,} "
            f"connections, at most {MOST_CONNECTIONS:,} are read"
        )
    bytes_needed = (visible * hidden + 7) // 8
    sizes = {"connected": bytes_needed, "visible_bias": visible, "hidden_bias": hidden}
    for key, dtype in _TENSORS.items():
        array = tensors[key]
        size = sizes.get(key, array.size)
        if array.dtype != dtype or array.shape != (size,):
            raise FormatError(
                f"tensor {key!r} is {array.dtype} {array.shape}, expected {np.dtype(dtype)} ({size},) "
                f"for {visible:,} visible and {hidden:,} hidden units; train it again"
            )
    bits = np.unpackbits(tensors["connected"], bitorder="little")
    connected = bits[: visible * hidden].astype(np.bool_).reshape(visible, hidden)
    count = int(connected.sum())
    if bits[visible * hidden :].any() or tensors["weights"].size != count:
        raise FormatError(
            f"it has {count:,} connections and {tensors['weights'].size:,} weights; train it again"
        )
    weights = np.zeros((visible, hidden), np.float32)
    weights[connected] = tensors["weights"]
    biases = {key: tensors[key].copy() for key in ("visible_bias", "hidden_bias")}
    return {"weights": weights, "connected": connected, **biases}
