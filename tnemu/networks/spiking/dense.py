"""The network that is converted: fully connected layers with rectifiers between them.

    a_0 = x,    a_l = relu(a_(l-1) W_l + b_l),    y = a_(L-1) W_L + b_L

The output layer is linear: Q-values, or scores of a policy. The answer is the highest, the first of
them on a tie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.networks.errors import NetworkError

Array = npt.NDArray[np.floating[Any]]

MOST_LAYERS = 32


@dataclass(frozen=True, eq=False)
class DenseNetwork:
    """``weights[l]`` [in, out] and ``biases[l]`` [out], float32 or float64, of layers 0..L.

    ``name`` is what errors call it; ``spiking`` says that it was trained as a spiking network, so that
    the threshold of its neurons, 1, is part of it and they may not be scaled. Raises NetworkError for layers that do not follow each other, what
    is not a float, and NaN or infinity.
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    name: str = "network"
    spiking: bool = False

    def __post_init__(self) -> None:
        for field in ("weights", "biases"):
            object.__setattr__(self, field, tuple(np.asarray(a) for a in getattr(self, field)))
        if not 1 <= len(self.weights) <= MOST_LAYERS or len(self.weights) != len(self.biases):
            raise NetworkError(
                f"{self.name}: {len(self.weights)} weights and {len(self.biases)} biases; give 1 to "
                f"{MOST_LAYERS} of each, one for a layer"
            )
        width = None
        for k, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            _check_floats(f"{self.name}: layer {k}: W{k}", w, 2)
            _check_floats(f"{self.name}: layer {k}: b{k}", b, 1)
            if b.shape != w.shape[1:] or width not in (None, w.shape[0]):
                raise NetworkError(
                    f"{self.name}: layer {k}: W{k} {list(w.shape)} and b{k} {list(b.shape)} after "
                    f"{'the input' if width is None else f'{width} neurons'}; W is [in, out], b [out]"
                )
            width = w.shape[1]

    @classmethod
    def with_constant_input(cls, weights: Sequence[Array], name: str = "network") -> DenseNetwork:
        """A network without biases whose last input is always 1, as the thesis's spiking networks:
        the last row of W0 is the bias of the first layer.
        """
        first = np.asarray(weights[0])
        if first.ndim != 2 or len(first) < 2:
            raise NetworkError(
                f"{name}: layer 0: W0 has shape {list(first.shape)}; with a constant input it needs "
                "two rows or more, the last of which is the constant's"
            )
        biases = [np.zeros(np.shape(w)[-1], np.asarray(w).dtype) for w in weights]
        biases[0] = first[-1]
        return cls((first[:-1], *weights[1:]), tuple(biases), name, spiking=True)

    @property
    def inputs(self) -> int:
        """Numbers in an observation."""
        return int(self.weights[0].shape[0])

    @property
    def answers(self) -> int:
        """Numbers in the output."""
        return int(self.weights[-1].shape[1])

    @property
    def widths(self) -> tuple[int, ...]:
        """Neurons of every layer, the inputs first."""
        return self.inputs, *(int(w.shape[1]) for w in self.weights)

    @property
    def dtype(self) -> np.dtype[Any]:
        """That everything is computed in."""
        return np.result_type(*self.weights, *self.biases)

    def activations(self, observations: npt.NDArray[Any]) -> list[Array]:
        """Every layer's output [n, out] for observations [n, in]; the last is not rectified.

        Raises NetworkError for another shape.
        """
        x = checked(self, observations)
        found = []
        for k, (w, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = x @ w + b
            if k < len(self.weights) - 1:
                x = np.maximum(x, 0)
            found.append(x)
        return found

    def values(self, observations: npt.NDArray[Any]) -> Array:
        """The output [n, answers] for observations [n, in]."""
        return self.activations(observations)[-1]

    def decide(self, observations: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """The answer int [n]: the highest output, the first on a tie."""
        return self.values(observations).argmax(1)

    def named(self, name: str) -> DenseNetwork:
        """The same, which errors call ``name``."""
        return replace(self, name=name)


def checked(network: DenseNetwork, observations: npt.NDArray[Any]) -> Array:
    """Observations [n, in] in the network's own type. Raises NetworkError for another shape, NaN."""
    x = np.asarray(observations)
    if x.ndim != 2 or x.shape[1] != network.inputs or x.dtype.kind not in "fiu":
        raise NetworkError(
            f"{network.name}: observations are {shown(x)}, it takes numbers "
            f"[n, {network.inputs}]; give one row for each observation"
        )
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise NetworkError(
            f"{network.name}: observation {row}, input {column} is {x[row, column]}; only finite "
            "numbers can be encoded"
        )
    return x.astype(network.dtype)


def _check_floats(what: str, values: npt.NDArray[Any], ndim: int) -> None:
    if values.ndim != ndim or values.dtype not in (np.float32, np.float64) or not values.size:
        raise NetworkError(
            f"{what} is {shown(values)}; it must be float32 or float64, {'[in, out]' if ndim == 2 else '[out]'}"
        )
    if not np.isfinite(values).all():
        where = np.argwhere(~np.isfinite(values))[0]
        at = ", ".join(map(str, where))
        raise NetworkError(
            f"{what}[{at}] = {values[tuple(where)]}; a network with NaN or infinity cannot be "
            "converted, train it again or give an earlier one"
        )
