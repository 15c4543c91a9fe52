"""Images: pooling, and convolution by weights of several bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.neuron_types import Integrator, Repeater, Threshold
from corelets.language.pins import Shape
from corelets.language.ports import Input, Output
from corelets.language.raster import Raster
from corelets.library.entry import Entry
from tnemu.hardware.exact import exact


def windows(image: npt.NDArray[np.bool_], size: Shape, stride: int) -> npt.NDArray[np.bool_]:
    """[T, rows, columns, *size] of [T, height, width]."""
    views = np.lib.stride_tricks.sliding_window_view(image, size, (1, 2))
    return np.asarray(views[:, ::stride, ::stride])


class OrPool(Corelet):
    """z[r, c] = any pixel of the window of ``size`` x ``size`` at row r size, column c size."""

    def __init__(self, shape: Shape, size: int) -> None:
        self.x, self.size = Input(shape), size
        blocks = self.x.windows(size, stride=size).sum((2, 3))
        self.z = Output(blocks.shape)
        Repeater()[blocks.shape](blocks) >> self.z

    def model(self, x: Raster) -> Raster:
        """Any of each window."""
        return np.asarray(windows(x, (self.size, self.size), self.size).any(axis=(3, 4)))


class MeanPool(Corelet):
    """z[r, c] spikes once for every size**2 spikes of its window: the mean of its pixels' rates."""

    def __init__(self, shape: Shape, size: int) -> None:
        self.x, self.size = Input(shape), size
        blocks = self.x.windows(size, stride=size).sum((2, 3))
        self.z = Output(blocks.shape)
        Integrator(at=size**2)[blocks.shape](blocks) >> self.z

    def model(self, x: Raster) -> Raster:
        """z[t] = the whole part of the spikes so far / size**2 has grown."""
        sums = windows(x, (self.size, self.size), self.size).sum(axis=(3, 4))
        total = np.cumsum(sums, axis=0) // self.size**2
        return np.diff(total, axis=0, prepend=0) > 0


class Conv(Corelet):
    """z[f, r, c] = sum of kernels[f] * x at row r stride, column c stride >= ``at``, in every tick.

    ``kernels`` [features, height, width] are whole numbers of ``bits`` bits, 2..8 (4: -8..7), ``shape``
    is (height, width) of x.
    """

    def __init__(
        self, kernels: npt.ArrayLike, shape: Sequence[int], at: int, bits: int = 4, stride: int = 1
    ) -> None:
        what = self.describe()
        self.kernels = exact(kernels, np.int64, f"{what}: kernels", CoreletError)
        if self.kernels.ndim != 3:
            raise CoreletError(
                f"{what}: kernels have shape {self.kernels.shape}; give [features, height, width]"
            )
        self.x, self.at, self.stride = Input(tuple(shape)), at, stride
        pixels = self.x.windows(self.kernels.shape[1:], stride)
        sums = (self.kernels[:, None, None] * pixels).sum((-2, -1)).bits(bits)
        self.z = Output(sums.shape)
        Threshold(at=at)[sums.shape](sums) >> self.z

    def model(self, x: Raster) -> Raster:
        """Products and sums."""
        pixels = windows(x, self.kernels.shape[1:], self.stride)
        return np.asarray(
            np.einsum("trcij,fij->tfrc", pixels.astype(np.int64), self.kernels) >= self.at
        )


_KERNELS = np.random.default_rng(4).integers(-8, 8, (3, 3, 3))

ENTRIES = (
    Entry(
        OrPool, "this project", lambda _: 2, (lambda: OrPool((6, 4), 2), lambda: OrPool((5, 7), 3))
    ),
    Entry(MeanPool, "this project", lambda _: 2, (lambda: MeanPool((6, 4), 2),)),
    Entry(
        Conv,
        "this project; weights of several bits by axon types: Esser et al., IJCNN 2013",
        lambda _: 2,
        (
            lambda: Conv(_KERNELS, (6, 5), at=5),
            lambda: Conv(_KERNELS[:2] * 9, (8, 7), at=40, bits=8, stride=2),
        ),
    ),
)
