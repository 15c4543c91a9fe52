"""A network in n bits as it runs: integers from the picture to the answer. numpy alone, no torch in here.

Steps in order, each on the results of earlier ones, all int64 [n, features, rows, columns]:

    image    grey levels 0..255
    conv     R = sum_i code_i x_i               also linear, on [n, features]
    round    clamp( (sum_k multiplier_k x_k + offset) >> 32, low, high )            per feature
    max      the largest of a window            sum: the sum over a window, 0 outside of the picture
    cat      features of several, in order      take: every s-th row and column, features of 0 around them
    pad      rows and columns of 0 around       flatten: [n, features x rows x columns]
    answer   sum_k multiplier_k x_k + offset    int64 [n, classes];  logit = unit · answer

``round`` is all that comes between two sums: batch normalisation, bias, the sum with a shortcut, ReLU and
rounding to the next layer's codes. Sums are taken in float32 or float64, whichever holds the largest one
that the codes allow exactly. The torch side of the same steps is tnemu.learn.precision.folding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tnemu.errors import shown
from tnemu.learn.players.integers import EXACT_SUM, Arrays, QuantiseError, rescale

EXACT_DOUBLE = 2**53
"""float64 adds integers below this without rounding, in any order."""
VALUES_AT_ONCE = 100 * 3 * 32 * 32
"""Of the pictures that are answered together; layers have some hundred times as many."""
KINDS = tuple("image conv linear round max sum cat take pad flatten answer".split())


@dataclass(frozen=True)
class Step:
    """One step: ``inputs`` are numbers of earlier steps, ``numbers`` what its kind needs, such as stride,
    and ``bound`` the largest size that its result can have.
    """

    kind: str
    inputs: tuple[int, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    bound: int = 0
    name: str = ""

    def json(self) -> dict[str, Any]:
        """As a file says it."""
        return asdict(self)


class Sums(Protocol):
    """How a library takes sums of codes; everything else is the same in each."""

    def conv(self, x: Any, codes: Any, step: Step) -> Any:
        """Exact sums."""

    def pooled(self, x: Any, step: Step) -> Any:
        """Largest or sum of each window."""

    def padded(self, x: Any, edges: Sequence[int], value: int = 0) -> Any:
        """(left, right, above, below, features before, features behind)."""

    def joined(self, parts: list[Any]) -> Any:
        """Features one after the other."""


def run(steps: Sequence[Step], arrays: Mapping[str, Any], image: Any, sums: Sums) -> Any:
    """The answer, int64 [n, classes], for int64 pictures [n, channels, rows, columns]."""
    done: list[Any] = []
    last = {i: k for k, step in enumerate(steps) for i in step.inputs}
    for k, step in enumerate(steps):
        given = [done[i] for i in step.inputs]
        done.append(image if step.kind == "image" else _one(k, step, arrays, given, sums))
        for i in set(step.inputs):
            if last[i] == k:
                done[i] = None  # a large network's results would not all fit
    return done[-1]


def _one(k: int, step: Step, arrays: Mapping[str, Any], given: list[Any], sums: Sums) -> Any:
    x, n = given[0], step.numbers
    if step.kind in ("conv", "linear"):
        return sums.conv(x, arrays[f"{k}.codes"], step)
    if step.kind in ("round", "answer"):
        terms = [(each, arrays[f"{k}.multiplier{i}"]) for i, each in enumerate(given)]
        if step.kind == "round":
            return rescale(terms, arrays[f"{k}.offset"], n["low"], n["high"])
        total = arrays[f"{k}.offset"]
        for each, multiplier in terms:
            total = each.reshape(len(each), -1) * multiplier + total
        return total
    if step.kind in ("max", "sum"):
        return sums.pooled(x, step)
    if step.kind == "cat":
        return sums.joined(given)
    if step.kind == "pad":
        return sums.padded(x, n["edges"])
    if step.kind == "take":
        s = n["stride"]
        return sums.padded(x[:, :, ::s, ::s], (0, 0, 0, 0, n["more"], n["more"]))
    return x.reshape(len(x), -1)


def pictures_at_once(shape: Sequence[int]) -> int:
    """How many pictures are answered together, so that a layer's windows fit into memory."""
    return max(1, VALUES_AT_ONCE // math.prod(shape))


class NumpySums:
    """Sums as products of matrices of windows."""

    def conv(self, x: npt.NDArray[Any], codes: npt.NDArray[np.int8], step: Step) -> Any:
        """int64; float32 or float64 inside, where they are exact."""
        kind = exact_float(step)
        if step.kind == "linear":
            return (x.astype(kind) @ codes.T.astype(kind)).astype(np.int64)
        n, groups = step.numbers, int(step.numbers["groups"])
        rows, columns = n["pad"]
        x = self.padded(x.astype(kind), (columns, columns, rows, rows, 0, 0))
        windows = _windows(x, codes.shape[2:], n["stride"], n["dilation"])
        count, _, high, wide = windows.shape[:4]
        cut = windows.reshape(count, groups, -1, *windows.shape[2:])
        rows_of = cut.transpose(0, 1, 3, 4, 2, 5, 6).reshape(count, groups, high * wide, -1)
        weights = codes.reshape(groups, len(codes) // groups, -1).astype(kind)
        sums = rows_of @ weights.transpose(0, 2, 1)
        return sums.transpose(0, 1, 3, 2).reshape(count, len(codes), high, wide).astype(np.int64)

    def pooled(self, x: npt.NDArray[Any], step: Step) -> Any:
        """int64."""
        n = step.numbers
        least = 0 if step.kind == "sum" else -(2**62)
        x = self.padded(x, (*n["edges"], 0, 0), least)
        windows = _windows(x, n["window"], n["stride"], n.get("dilation", (1, 1)))
        return windows.sum((4, 5)) if step.kind == "sum" else windows.max((4, 5))

    def padded(self, x: npt.NDArray[Any], edges: Sequence[int], value: int = 0) -> Any:
        """More rows, columns and features, of ``value``."""
        left, right, above, below, *features = edges
        before, behind = features or (0, 0)
        around = ((0, 0), (before, behind), (above, below), (left, right))
        return np.pad(x, around, constant_values=value)

    def joined(self, parts: list[npt.NDArray[Any]]) -> Any:
        """Along the features."""
        return np.concatenate(parts, 1)


def _windows(
    x: npt.NDArray[Any], window: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> npt.NDArray[Any]:
    """[n, features, rows, columns, window rows, window columns]."""
    reach = [d * (w - 1) + 1 for w, d in zip(window, dilation, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(x, reach, (2, 3))
    return view[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]


def exact_float(step: Step) -> type[np.float32] | type[np.float64]:
    """The smaller float that holds every sum of a step exactly. Raises QuantiseError for none."""
    if step.bound < EXACT_SUM:
        return np.float32
    if step.bound < EXACT_DOUBLE:
        return np.float64
    raise QuantiseError(
        f"layer {step.name!r}: its sums reach {step.bound:,}, float64 is exact below "
        f"{EXACT_DOUBLE:,}; choose fewer bits"
    )


class IntegerNetwork:
    """Logits float64 [n, classes] of pictures uint8 [n, channels, rows, columns]; ``steps`` and their
    ``arrays``: "K.codes" int8, "K.multiplierI" and "K.offset" int64 of step K and its input I.
    """

    def __init__(self, steps: Sequence[Step], arrays: Arrays, unit: float):
        check_steps(steps, arrays)
        self.steps, self.arrays, self.unit = tuple(steps), dict(arrays), unit

    def answers(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """int64 [n, classes]."""
        size = pictures_at_once(images.shape[1:])
        parts = [images[k : k + size].astype(np.int64) for k in range(0, len(images), size)]
        return np.concatenate([run(self.steps, self.arrays, x, NumpySums()) for x in parts])

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Logits: unit · answers."""
        return np.float64(self.unit) * self.answers(images)


def check_steps(steps: Sequence[Step], arrays: Arrays) -> None:
    """Raises QuantiseError for steps that do not follow one another, arrays that are missing or of
    another type, and products that could leave int64.
    """
    wanted: dict[str, type] = {}
    for k, step in enumerate(steps):
        if step.kind not in KINDS or any(not 0 <= i < k for i in step.inputs):
            raise QuantiseError(
                f"step {k} is {shown(step.kind)} of {shown(step.inputs)}: must be one of "
                f"{', '.join(KINDS)}, of steps before it; export the network again"
            )
        if step.kind in ("conv", "linear"):
            wanted[f"{k}.codes"] = np.int8
            exact_float(step)
        if step.kind in ("round", "answer"):
            wanted[f"{k}.offset"] = np.int64
            wanted |= {f"{k}.multiplier{i}": np.int64 for i in range(len(step.inputs))}
    odd = sorted(set(wanted) ^ set(arrays))
    if odd:
        raise QuantiseError(f"arrays missing or unknown: {', '.join(odd)[:300]}; export it again")
    for name, dtype in wanted.items():
        if arrays[name].dtype != dtype:
            raise QuantiseError(
                f"array {name!r} is {arrays[name].dtype}, needs {np.dtype(dtype)}; export it again"
            )
    _check_products(steps, arrays)


def _check_products(steps: Sequence[Step], arrays: Arrays) -> None:
    for k, step in enumerate(steps):
        if step.kind not in ("round", "answer"):
            continue
        reach = _largest(arrays[f"{k}.offset"])
        for i, source in enumerate(step.inputs):
            reach += steps[source].bound * _largest(arrays[f"{k}.multiplier{i}"])
        if reach >= 2**63:
            raise QuantiseError(
                f"step {k}: its products reach {reach:,}, int64 ends at 2^63; export it again"
            )


def _largest(array: npt.NDArray[np.int64]) -> int:
    return max(abs(int(array.min())), abs(int(array.max()))) if array.size else 0
