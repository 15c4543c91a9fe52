"""Float networks and recorded observations as numpy archives (``.npz``).

    W0, W1, ...   [in, out], float32 or float64: weights of each layer
    b0, b1, ...   [out]: biases, of all layers or of none; without them the last input is a constant 1
    arr_0         [n, in]: recorded observations, as numpy.savez(file, observations) writes them

The names are those of the weights of Hahn's thesis as plain arrays. Such a network: tnemu.networks.spiking.dense.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.files import PathLike
from tnemu.formats.errors import FormatError
from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.dense import MOST_LAYERS, DenseNetwork

MOST_BYTES = 1 << 28
OBSERVATIONS = "arr_0"


def read_dense(path: PathLike) -> DenseNetwork:
    """The network in an archive; FormatError says what is wrong, with the layer."""
    names = [f"{kind}{k}" for k in range(MOST_LAYERS) for kind in "Wb"]
    found = files.read_npz(
        path,
        {"W0": (None, 2)},
        optional={name: (None, 2 if name[0] == "W" else 1) for name in names[1:]},
        error=FormatError,
        what="network",
        most_bytes=MOST_BYTES,
    )
    where = files.place(path)
    layers = sum(name[0] == "W" for name in found)
    biased = any(name[0] == "b" for name in found)
    needed = [f"W{k}" for k in range(layers)] + [f"b{k}" for k in range(layers) if biased]
    if set(found) != set(needed):
        lacking = sorted(set(needed) - set(found))
        raise FormatError(
            f"{where}: layers 0..{layers - 1} need {', '.join(needed)}; "
            + (f"{lacking[0]} is missing" if lacking else f"{max(set(found) - set(needed))} is odd")
            + ", give W and b of every layer, or no b at all"
        )
    weights = [found[f"W{k}"] for k in range(layers)]
    try:
        if not biased:
            return DenseNetwork.with_constant_input(weights, where)
        return DenseNetwork(tuple(weights), tuple(found[f"b{k}"] for k in range(layers)), where)
    except NetworkError as error:
        raise FormatError(str(error)) from error


def write_dense(network: DenseNetwork, path: PathLike) -> None:
    """Write a network, whole or not at all. Raises FormatError when it cannot be written."""
    arrays: dict[str, npt.NDArray[Any]] = {}
    for k, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        arrays |= {f"W{k}": np.ascontiguousarray(w), f"b{k}": b}
    files.write_npz(path, arrays, error=FormatError)


def read_observations(path: PathLike, inputs: int) -> npt.NDArray[Any]:
    """Recorded observations [n, inputs], finite, n of 1 or more; FormatError otherwise."""
    found = files.read_npz(
        path, {OBSERVATIONS: (None, (None, inputs))}, error=FormatError, finite=True,
        what="observations", most_bytes=MOST_BYTES,
    )[OBSERVATIONS]  # fmt: skip
    if found.dtype.kind != "f" or not len(found):
        raise FormatError(
            f"{files.place(path)}: {OBSERVATIONS} is {found.dtype} {list(found.shape)}; it must hold "
            f"floats [n, {inputs}], n of 1 or more"
        )
    return found


def write_observations(observations: npt.NDArray[Any], path: PathLike) -> None:
    """Write recorded observations [n, inputs]. Raises FormatError when it cannot be written."""
    files.write_npz(path, {OBSERVATIONS: observations}, error=FormatError)
