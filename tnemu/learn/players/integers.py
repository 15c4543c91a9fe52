"""The student in n bits as it plays: integers from the screen to the vote. numpy alone, no torch in here.

    R       = sum_i code_i x_i                                  x: grey levels minus background, then codes
    x_next  = clamp( (multiplier R + offset) >> 32, 0, 2^n - 1 )          multiplier, offset per feature
    votes_a = sum over the voters of a of (R + offset)                     of the last layer
    logit_a = unit votes_a                                                 the only number with a fraction

    code      int8, -(2^(n-1) - 1) .. 2^(n-1) - 1: 2^n - 1 values of a weight
    x         0 .. 2^n - 1: 2^n levels of an activation; -255..255 for the first layer

Sums are taken in float32, which is exact because ``check_exact`` bounds every one below 2^24. How the
numbers come about: tnemu.learn.precision.quantised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError, shown
from tnemu.learn.eedn.wiring import Wiring, classes_of, wiring_of
from tnemu.networks.integer import Conv, Dense

FEWEST_BITS, MOST_BITS = 2, 8
GREY_LIMIT = 255
SHIFT = 32
"""Binary places of multiplier and offset: the rounding of A shifts a code by at most 2^-10."""
MOST_MULTIPLIER, MOST_OFFSET = 2**38, 2**61
"""Beyond these a product with a sum below 2^24 could leave int64."""
EXACT_SUM = 2**24
"""float32 adds integers below this without rounding, in any order."""
Arrays = Mapping[str, npt.NDArray[Any]]


class QuantiseError(TnemuError, ValueError):
    """A precision that the quantiser does not have, or a layer that it cannot hold exactly."""


def check_bits(bits: int) -> int:
    """``bits`` itself, if it is an integer in 2..8; else raises QuantiseError."""
    if isinstance(bits, bool) or not isinstance(bits, int) or not FEWEST_BITS <= bits <= MOST_BITS:
        raise QuantiseError(
            f"bits = {shown(bits)}: quantised layers have {FEWEST_BITS}..{MOST_BITS} bits; choose for "
            "instance 8 or 4"
        )
    return bits


def weight_limit(bits: int) -> int:
    """Largest weight code, 2^(bits - 1) - 1; the smallest is its negative."""
    return 2 ** (check_bits(bits) - 1) - 1


def activation_limit(bits: int) -> int:
    """Largest activation code, 2^bits - 1; the smallest is 0."""
    return 2 ** check_bits(bits) - 1


def check_exact(name: str, largest_sum: int) -> None:
    """Raises QuantiseError for a layer whose largest possible sum float32 might round."""
    if largest_sum >= EXACT_SUM:
        raise QuantiseError(
            f"layer {name!r}: its sums reach {largest_sum:,}, float32 is exact below "
            f"{EXACT_SUM:,}; choose fewer bits or a spec with a smaller stack"
        )


def check_layers(layers: Sequence[Wiring], bits: int) -> None:
    """Raises QuantiseError for the first layer whose sums might be rounded with so many bits."""
    for k, layer in enumerate(layers):
        inputs = activation_limit(bits) if k else GREY_LIMIT
        check_exact(layer.name, layer.fan_in * weight_limit(bits) * inputs)


def rescale(terms: Any, offset: Any, low: int, high: int) -> Any:
    """clamp( (sum_k multiplier_k sums_k + offset) >> 32, low, high ), in integers alone: ``terms`` are
    pairs of sums int64[n, features, ...] and multipliers int64[features]; arrays of numpy or of torch.
    """
    shape = (-1, *[1] * (terms[0][0].ndim - 2))
    total = offset.reshape(shape)
    for sums, multiplier in terms:
        total = sums * multiplier.reshape(shape) + total
    return (total >> SHIFT).clip(low, high)


def requantise(sums: Any, multiplier: Any, offset: Any, limit: int) -> Any:
    """Codes 0..limit of one sum; see :func:`rescale`."""
    return rescale([(sums, multiplier)], offset, 0, limit)


class IntegerStudent:
    """The player: logits float64[n, actions] for screens uint8[n, stack, rows, columns].

    ``arrays`` are the numbers of its file, by the names that :func:`arrays_of` lists with their types
    and shapes. Raises QuantiseError that names the array for one that is missing, odd or has a value
    out of its range.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        actions: int,
        bits: int,
        arrays: Arrays,
        depth: int = 2,
        width: int = 1,
        voters: int | None = None,
    ):
        self.bits, self.actions = bits, actions
        self.wiring = wiring_of(shape, actions, depth, width, voters)
        self.arrays = _checked(arrays, arrays_of(shape, actions, depth, width, voters), bits)
        check_layers(self.wiring, bits)
        self.background, self.unit = self.arrays["background"], float(self.arrays["unit"])
        self._sums = [
            _sums_of(layer, self.arrays[f"layers.{k}.codes"]) for k, layer in enumerate(self.wiring)
        ]

    @property
    def classes(self) -> npt.NDArray[np.int32]:
        """int32[voters]: the action that each output of the last layer votes for."""
        return classes_of(self.wiring[-1], self.actions)

    def votes(self, screens: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """int64[n, actions]."""
        x: npt.NDArray[Any] = screens.astype(np.int64) - self.background
        for k, (layer, linear) in enumerate(zip(self.wiring, self._sums, strict=True)):
            sums = linear.sums(x).astype(np.int64)
            offset = self.arrays[f"layers.{k}.offset"]
            if layer.last:
                x = sums + offset
            else:
                multiplier = self.arrays[f"layers.{k}.multiplier"]
                x = requantise(sums, multiplier, offset, activation_limit(self.bits))
        by_block = x.reshape(len(x), self.wiring[-1].groups, self.actions, -1)
        return by_block.sum((1, 3))

    def __call__(self, screens: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """Logits float64 [n, actions]: unit · votes(screens), screens uint8 [n, stack, rows, columns]."""
        return np.float64(self.unit) * self.votes(screens)


def arrays_of(
    shape: tuple[int, int, int], actions: int, depth: int, width: int, voters: int | None = None
) -> dict[str, tuple[type, tuple[int, ...]]]:
    """The arrays of an n-bit student by name: type and shape. A last layer has no multiplier."""
    wanted: dict[str, tuple[type, tuple[int, ...]]] = {
        "background": (np.int16, shape),
        "unit": (np.float64, ()),
    }
    for k, layer in enumerate(wiring_of(shape, actions, depth, width, voters)):
        wanted[f"layers.{k}.codes"] = (np.int8, layer.weights)
        wanted[f"layers.{k}.multiplier"] = (np.int64, (0 if layer.last else layer.features,))
        wanted[f"layers.{k}.offset"] = (np.int64, (layer.features,))
    return wanted


def _checked(
    arrays: Arrays, wanted: Mapping[str, tuple[type, tuple[int, ...]]], bits: int
) -> dict[str, npt.NDArray[Any]]:
    odd = sorted(set(arrays) ^ set(wanted))
    if odd:
        raise QuantiseError(f"arrays missing or unknown: {', '.join(odd)[:300]}; export it again")
    ends: dict[str, tuple[float, float]] = {
        "background": (0, GREY_LIMIT),
        "codes": (-weight_limit(bits), weight_limit(bits)),
        "multiplier": (-MOST_MULTIPLIER, MOST_MULTIPLIER),
        "offset": (-MOST_OFFSET, MOST_OFFSET),
        "unit": (-np.finfo(np.float64).max, np.finfo(np.float64).max),
    }
    for name, (dtype, shape) in wanted.items():
        array, (low, high) = arrays[name], ends[name.rpartition(".")[2]]
        if array.dtype != dtype or array.shape != shape:
            raise QuantiseError(
                f"array {name!r} is {array.dtype}{list(array.shape)}, needs "
                f"{np.dtype(dtype)}{list(shape)}; export it again"
            )
        if array.size and not (low <= array.min() and array.max() <= high):
            raise QuantiseError(
                f"array {name!r} has values in {array.min()}..{array.max()}, needs {low}..{high}; "
                "export it again"
            )
    return {name: np.array(arrays[name]) for name in wanted}


def _sums_of(layer: Wiring, codes: npt.NDArray[np.int8]) -> Conv | Dense:
    """The layer's sums alone: its thresholds are not used."""
    none = np.zeros(layer.features, np.int32)
    if layer.kind == "conv":
        return Conv(layer.name, codes, none, layer.order, layer.stride, layer.groups)
    return Dense(layer.name, codes, none, layer.order)
