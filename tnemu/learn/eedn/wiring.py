"""How a student is wired, in numbers alone: the shape and the inputs of every layer. No torch in here.

=======  ============================================  ==============  ======  ========
layer    what                                          output          groups  fan-in
=======  ============================================  ==============  ======  ========
retina   6x6 stride 3 on (screens - background), host  64 x 13 x 13    1       144 grey
conv1    4x4 stride 2                                  256 x 5 x 5     8       128
conv2    channels shuffled, 1x1                        256 x 5 x 5     2       128
block1   flattened, blocks of 128 -> 128               6400            50      128
block2   shuffled, blocks of 128 -> 128                6400            50      128
predict  shuffled, blocks of 128 -> 5 per action       250 per action  50      128
vote     count the bits of each action                 actions
=======  ============================================  ==============  ======  ========

(for screens of 4 x 42 x 42). A student of width w has w times the features and groups; blocks may be any
number from 1 on, and a block has fewer voters per action where 5 of each do not fit its core. From conv1's
output on, every feature feeds exactly one core, so a neuron and its copy suffice; fan-in 128 with a pair of axons per input (one excites, one inhibits) fills the 256 axons of
a core.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError
from tnemu.hardware.neuron import NEURONS, SIGNED_INPUTS
from tnemu.learn.eedn.limits import check_size

MOST_VOTERS = 5
"""Outputs of each block of the last layer that vote for one action, at most."""
_FEATURES, _RETINA_EDGE, _RETINA_STRIDE, _EDGE, _STRIDE = 64, 6, 3, 4, 2


@dataclass(frozen=True)
class Wiring:
    """One layer, whatever its weights are.

    kind "conv": weights [out, in / groups, k, k] on [n, in, rows, columns]. kind "dense": weights
    [groups, out / groups, in / groups] on the flattened input. ``shuffle`` = s deals the inputs
    (channels of a conv) like cards: position k holds input order[k], which walks across s equal
    heaps. ``eps`` is added to the variance of its sums; ``last``: its outputs are the voters.
    """

    name: str
    kind: Literal["conv", "dense"]
    weights: tuple[int, ...]
    inputs: int
    stride: int = 1
    groups: int = 1
    shuffle: int = 1
    eps: float = 0.01
    last: bool = False

    @property
    def features(self) -> int:
        """Outputs that have a threshold of their own: channels of a conv, neurons of a dense layer."""
        return self.weights[0] if self.kind == "conv" else self.weights[0] * self.weights[1]

    @property
    def fan_in(self) -> int:
        """Inputs of one neuron."""
        return math.prod(self.weights[1:]) if self.kind == "conv" else self.weights[2]

    @property
    def order(self) -> npt.NDArray[np.int32]:
        """int32[inputs]: position k of this layer is input order[k]."""
        return np.arange(self.inputs, dtype=np.int32).reshape(self.shuffle, -1).T.ravel()


def voters_of(actions: int) -> int:
    """Voters per action in each block of the last layer: 5, or fewer, 1 at least, where those of all
    ``actions`` would not fit into one core. A second core would need a second copy of every input.
    """
    return max(1, min(MOST_VOTERS, NEURONS // actions))


def wiring_of(
    shape: tuple[int, int, int],
    actions: int,
    depth: int = 2,
    width: int = 1,
    voters: int | None = None,
) -> tuple[Wiring, ...]:
    """The layers of a student of ``width`` with ``depth`` block layers, retina first, predict last.

    ``shape`` is (stack, rows, columns) of its screens; ``voters`` per block and action are those of
    :func:`voters_of` if not given. Raises TnemuError for a size below 1 and for
    screens that are too small for the layers.
    """
    check_size(depth, width)
    stack, *sides = shape
    ends = [((side - _RETINA_EDGE) // _RETINA_STRIDE + 1 - _EDGE) // _STRIDE + 1 for side in sides]
    features, groups = 4 * _FEATURES * width, 8 * width
    flat = features * math.prod(ends)
    if min(ends) < 1:
        raise TnemuError(
            f"screens of {sides[0]} x {sides[1]} are too small for a student, which needs 15 x 15 or "
            "more; choose a spec with more rows, or a smaller block"
        )
    blocks, voters = flat // SIGNED_INPUTS, (voters or voters_of(actions)) * actions
    edge = (SIGNED_INPUTS // _EDGE**2, _EDGE, _EDGE)
    retina = (_FEATURES * width, stack, _RETINA_EDGE, _RETINA_EDGE)
    block = (blocks, SIGNED_INPUTS, SIGNED_INPUTS)
    predict = (blocks, voters, SIGNED_INPUTS)
    return (
        Wiring("retina", "conv", retina, stack, _RETINA_STRIDE, eps=1.0),
        Wiring("conv1", "conv", (features, *edge), _FEATURES * width, _STRIDE, groups),
        Wiring("conv2", "conv", (features, SIGNED_INPUTS, 1, 1), features, 1, 2 * width, groups),
        *(
            Wiring(f"block{k}", "dense", block, flat, 1, blocks, 1 if k == 1 else blocks)
            for k in range(1, depth + 1)
        ),
        Wiring("predict", "dense", predict, flat, 1, blocks, blocks, last=True),
    )


def classes_of(last: Wiring, actions: int) -> npt.NDArray[np.int32]:
    """int32[voters]: the action that each output of the last layer votes for."""
    one_block = np.repeat(np.arange(actions, dtype=np.int32), last.weights[1] // actions)
    return np.tile(one_block, last.groups)


def size_of(state: Mapping[str, Any], actions: int) -> dict[str, int]:
    """Depth, width and voters of the student whose arrays, of weights or of codes, these are by name."""
    weights = [state[name] for name in sorted(state) if name.endswith((".hidden", ".codes"))]
    if not weights or not weights[0].shape:
        return {}
    size = {"depth": len(weights) - 4, "width": weights[0].shape[0] // _FEATURES}
    if len(weights[-1].shape) == 3:
        size["voters"] = weights[-1].shape[1] // actions
    return size
