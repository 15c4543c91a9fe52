"""The restricted Boltzmann machine: visible and hidden units of 0 and 1, and what they mean.

    E(v, h) = - v a - h b - v W h,        P(v, h) = exp(-E(v, h)) / Z
    P(h_j = 1 | v) = logistic(b_j + (v W)_j)        P(v_i = 1 | h) = logistic(a_i + (W h)_i)

W [visible, hidden], a [visible], b [hidden]. Pixels come first among the visible units, row by row,
then label units, one for each class. On a chip all of it is rounded: round(scale W) and so on, and a
unit's field, bias plus weights of the active units, is a whole number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import real, shown, whole
from tnemu.networks.errors import NetworkError

Bits = npt.NDArray[np.bool_]
Singles = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int32]

MOST_UNITS = 1 << 16
MOST_FIELD = 1 << 24
"""Sums of whole numbers up to this are exact as float32."""


@dataclass(frozen=True, eq=False, repr=False)
class Machine:
    """A machine with real weights.

    weights       float32 [visible, hidden], 0 where units are not connected
    visible_bias  float32 [visible]
    hidden_bias   float32 [hidden]
    connected     bool [visible, hidden]
    shape         (rows, columns) of the picture
    labels        label units, the last of the visible ones; 0: none
    provenance    how it was made; any values that JSON has

    Raises NetworkError for shapes that do not agree, numbers that are not finite, and a weight where
    no connection is.
    """

    weights: Singles
    visible_bias: Singles
    hidden_bias: Singles
    connected: Bits
    shape: tuple[int, int]
    labels: int = 0
    name: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""

    def __post_init__(self) -> None:
        what = f"machine {self.name!r}"
        whole(f"{what}: labels", self.labels, 0, MOST_UNITS, error=NetworkError)
        for side in self.shape:
            whole(f"{what}: a side of the picture", side, 1, MOST_UNITS, error=NetworkError)
        visible, hidden = self.pixels + self.labels, len(self.hidden_bias)
        for key, shape, dtype in (
            ("weights", (visible, hidden), np.float32),
            ("visible_bias", (visible,), np.float32),
            ("hidden_bias", (hidden,), np.float32),
            ("connected", (visible, hidden), np.bool_),
        ):
            array = getattr(self, key)
            if array.shape != shape or array.dtype != dtype:
                raise NetworkError(
                    f"{what}: {key} is {shown(array)}; with {self.shape[0]} x {self.shape[1]} pixels, "
                    f"{self.labels} labels and {hidden} hidden units it is {np.dtype(dtype)} of "
                    f"shape {shape}"
                )
            if not np.isfinite(array).all():
                raise NetworkError(f"{what}: {key} holds NaN or infinity; train it again")
        if self.weights[~self.connected].any():
            raise NetworkError(f"{what}: a weight is set where no connection is; set it to 0")

    def __repr__(self) -> str:
        return (
            f"<Machine {self.name!r}: {self.visible:,} visible units, {self.labels} of them labels, "
            f"{self.hidden:,} hidden, {int(self.connected.sum()):,} connections>"
        )

    @property
    def pixels(self) -> int:
        """Visible units that are pixels."""
        return self.shape[0] * self.shape[1]

    @property
    def visible(self) -> int:
        """Visible units, labels included."""
        return len(self.visible_bias)

    @property
    def hidden(self) -> int:
        """Hidden units."""
        return len(self.hidden_bias)

    def free_energy(self, v: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """F(v) = - v a - sum_j log(1 + exp(b_j + (v W)_j)), float64 [n] of v [n, visible]."""
        v = np.asarray(v, np.float32)
        hidden = np.logaddexp(0, v @ self.weights + self.hidden_bias)
        return -(v @ self.visible_bias).astype(np.float64) - hidden.sum(axis=1, dtype=np.float64)

    def rounded(self, scale: float) -> Rounded:
        """Everything times ``scale``, rounded to whole numbers (halves to even)."""
        scale = real("scale", scale, 1e-3, 1e6, error=NetworkError)
        parts = (self.weights, self.visible_bias, self.hidden_bias)
        largest = max(float(np.abs(part).max(initial=0)) for part in parts) * scale
        if largest > MOST_FIELD:
            raise NetworkError(
                f"machine {self.name!r}: times {scale:g} its largest weight is {largest:,.0f}, at "
                f"most {MOST_FIELD:,} can be added up exactly; choose a smaller scale"
            )
        w, a, b = (np.rint(part * np.float64(scale)).astype(np.int32) for part in parts)
        return Rounded(w, a, b, scale)


@dataclass(frozen=True, eq=False, repr=False)
class Rounded:
    """A machine of whole numbers: int32 weights [visible, hidden] and biases, ``scale`` times the
    real ones.

    Raises NetworkError where a field could pass 2**24, beyond which sums are not exact here.
    """

    weights: Whole
    visible_bias: Whole
    hidden_bias: Whole
    scale: float

    def __post_init__(self) -> None:
        size = np.abs(self.weights).astype(np.int64)
        for bias, axis, kind in (
            (self.visible_bias, 1, "visible"),
            (self.hidden_bias, 0, "hidden"),
        ):
            reach = size.sum(axis=axis) + np.abs(bias)
            unit = int(reach.argmax()) if len(reach) else 0
            if len(reach) and reach[unit] > MOST_FIELD:
                raise NetworkError(
                    f"{kind} unit {unit}: its weights and bias add up to {reach[unit]:,} at scale "
                    f"{self.scale:g}, at most {MOST_FIELD:,} are exact; choose a smaller scale"
                )

    def __repr__(self) -> str:
        return f"<Rounded at scale {self.scale:g}: {self.weights.shape}>"

    def hidden_fields(self, v: npt.NDArray[Any]) -> Whole:
        """b + v W, int32 [n, hidden] of v [n, visible] of 0 and 1."""
        return (np.asarray(v, np.float32) @ self._float).astype(np.int32) + self.hidden_bias

    def visible_fields(self, h: npt.NDArray[Any]) -> Whole:
        """a + W h, int32 [n, visible] of h [n, hidden] of 0 and 1."""
        return (np.asarray(h, np.float32) @ self._float.T).astype(np.int32) + self.visible_bias

    @property
    def mean_weight(self) -> float:
        """Mean magnitude of the weights that are not 0."""
        size = np.abs(self.weights[self.weights != 0])
        return float(size.mean()) if len(size) else 0.0

    @cached_property
    def _float(self) -> Singles:
        """The weights as numbers that matrix products are fast with; sums stay exact."""
        return self.weights.astype(np.float32)


def patches(shape: tuple[int, int], size: int, stride: int = 1, units: int = 1) -> Bits:
    """Connections bool [rows * columns, hidden]: ``units`` hidden units see each ``size`` x ``size``
    patch, one patch every ``stride`` pixels, from the upper left corner, row by row.

    A patch may not reach over the edge, so N pixels a side give ((N - size) // stride + 1)**2 of
    them. Raises NetworkError for a patch larger than the picture.
    """
    rows, columns = shape
    whole("patch size", size, 1, min(shape), error=NetworkError, then="a patch fits the picture")
    whole("patch stride", stride, 1, max(shape), error=NetworkError)
    whole("units of a patch", units, 1, MOST_UNITS, error=NetworkError)
    found = []
    for top in range(0, rows - size + 1, stride):
        for left in range(0, columns - size + 1, stride):
            patch = np.zeros(shape, np.bool_)
            patch[top : top + size, left : left + size] = True
            found += [patch.ravel()] * units
    return np.stack(found, axis=1)


def random_machine(
    seed: int, visible: int = 5, hidden: int = 5, *, spread: float = 0.04, labels: int = 0
) -> Machine:
    """A dense machine whose weights are drawn from N(-0.05, spread**2), visible biases from N(-0.3, 1) and
    hidden biases from N(0.5, 1.5**2), as Pedroni et al. draw theirs (Fig. 8, read as variances).
    """
    rng = np.random.default_rng(seed)
    return Machine(
        weights=rng.normal(-0.05, spread, (visible, hidden)).astype(np.float32),
        visible_bias=rng.normal(-0.3, 1, visible).astype(np.float32),
        hidden_bias=rng.normal(0.5, 1.5, hidden).astype(np.float32),
        connected=np.ones((visible, hidden), np.bool_),
        shape=(1, visible - labels),
        labels=labels,
        name=f"random{seed}",
    )
