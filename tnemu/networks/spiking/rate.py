"""A spiking network in whole numbers, as the chip runs it: the integer model of a decision.

    hidden layer l = 1, 2, ..:  V <- max(V + leak + sum of w x, -262143);  V >= alpha: a spike, and
                                V <- V - alpha (subtract), or V <- 0 (zero)
    readout "potentials":       one comparator for each pair of answers i < k: V <- V + leak + sum of
                                (w_k - w_i) x, never reset. It fires in the last tick iff k is worth more
    readout "counts":           one neuron for each answer, as a hidden one; its spikes are counted

A layer sees in tick t what the one before it fired in tick t - 1, and a pin that spikes with source tick t
in tick t + 1; leak acts from tick 0 on. Comparators answer in tick ``window.last`` alone: their leak is the
most that a tick can take from them, so that V never falls, and their first potential is set such that V
>= alpha in that tick if and only if the sum over the decision is 1 or more. So a chip whose unreset
potentials are held at alpha, which IBM's recordings say, decides the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.hardware.neuron import FIELDS
from tnemu.networks.codec import Window
from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.recipe import Recipe
from tnemu.networks.spiking.rows import Rows
from tnemu.networks.trained import TaskReference

Integers = npt.NDArray[np.int32]
FLOOR = -FIELDS["beta"].high
"""A hidden potential never falls below it."""


@dataclass(frozen=True, eq=False)
class RateLayer:
    """``weights`` int16 [in, out] of ``bits`` bits; ``leak`` int16, ``alpha`` and ``start`` int32 [out].

    ``start`` is the potential before tick 0. Raises NetworkError for arrays of other types or shapes,
    and numbers that a neuron of the chip cannot have.
    """

    weights: npt.NDArray[np.int16]
    leak: npt.NDArray[np.int16]
    alpha: Integers
    start: Integers
    bits: int

    def __post_init__(self) -> None:
        rows = Rows.of(self.bits)
        if self.weights.dtype != np.int16 or self.weights.ndim != 2 or not self.weights.size:
            raise NetworkError(
                f"weights are {self.weights.dtype} {list(self.weights.shape)}, int16"
            )
        out = self.weights.shape[1]
        _check("weights", self.weights, rows.low, rows.high, f"{self.bits} bits")
        limits = {"leak": FIELDS["leak"], "alpha": FIELDS["alpha"], "start": FIELDS["V0"]}
        for name, limit in limits.items():
            values = getattr(self, name)
            wanted = np.int16 if name == "leak" else np.int32
            if values.dtype != wanted or values.shape != (out,):
                raise NetworkError(
                    f"{name} is {values.dtype} {list(values.shape)}, it must be "
                    f"{np.dtype(wanted)} [{out}]"
                )
            low = 1 if name == "alpha" else limit.low
            _check(name, values, low, limit.high, limit.meaning)

    @property
    def inputs(self) -> int:
        """Of each neuron."""
        return int(self.weights.shape[0])

    @property
    def neurons(self) -> int:
        """Of the layer."""
        return int(self.weights.shape[1])


@dataclass(frozen=True, eq=False)
class RateNetwork:
    """Hidden layers and a readout, and how an observation becomes spikes.

    ``recipe``    ticks, encoding, decoding, reset and order, as they are run on the chip
    ``ranges``    float64 [in]: the largest magnitude of each input that is told from larger ones
    ``levels``    pins of each rail: as many spikes a tick as the largest magnitude is worth
    ``answers``   names of what can be answered; ``task``: the one that it was made for
    ``provenance`` says how it was made; ``sha256`` is the hash of its file, empty before it is saved

    Raises NetworkError for layers that do not follow each other.
    """

    name: str
    recipe: Recipe
    ranges: npt.NDArray[np.float64]
    levels: int
    layers: tuple[RateLayer, ...]
    answers: tuple[str, ...]
    task: TaskReference | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    sha256: str = ""

    def __post_init__(self) -> None:
        check_board_recipe(self.recipe, len(self.layers))
        r = self.ranges
        if r.dtype != np.float64 or r.ndim != 1 or not (np.isfinite(r) & (r > 0)).all():
            raise NetworkError(f"{self.name}: ranges must be float64 [in], finite and above 0")
        width = self.pins
        for k, layer in enumerate(self.layers):
            if layer.inputs != width:
                raise NetworkError(
                    f"{self.name}: layer {k} takes {layer.inputs} inputs, the one before it gives "
                    f"{width}; they must be equal"
                )
            width = layer.neurons
        if width != self.outputs:
            raise NetworkError(
                f"{self.name}: the readout has {width} neurons for {len(self.answers)} answers; "
                f"{self.recipe.decoding} need {self.outputs}"
            )

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of an observation."""
        return (len(self.ranges),)

    @property
    def pins(self) -> int:
        """Input pins: two rails of ``levels`` for each input."""
        return 2 * self.levels * len(self.ranges)

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Pairs of answers i < k, in the order of the comparators."""
        n = len(self.answers)
        return [(i, k) for i in range(n) for k in range(i + 1, n)]

    @property
    def outputs(self) -> int:
        """Output pins: one a pair of answers, or one an answer."""
        return len(self.answers) if self.recipe.counts else len(self.pairs)

    @property
    def window(self) -> Window:
        """The ticks that are read, counted from the tick of the first spike of a question."""
        last = last_tick(self.recipe, len(self.layers))
        return Window(0, last) if self.recipe.counts else Window(last, last)

    def run(self, pins: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Which outputs fire in which tick, bool [ticks, n, outputs], for pins bool [ticks, n, pins] by
        source tick: the integer model, which is what :class:`corelets.Converted` does on a board.
        """
        flow = pins
        for k, layer in enumerate(self.layers):
            flow = np.concatenate([np.zeros_like(flow[:1]), flow[:-1]])
            if k == len(self.layers) - 1 and not self.recipe.counts:
                return compared(layer, flow)
            flow = fired(layer, flow, self.recipe.reset)
        return flow

    def counts(self, pins: npt.NDArray[np.bool_]) -> Integers:
        """Spikes int32 [n, outputs] in the window, for the pins of a question."""
        fired = self.run(pins[: self.window.ticks])
        return fired[self.window.first :].sum(0, dtype=np.int32)

    def scores(self, counts: npt.NDArray[Any]) -> Integers:
        """Scores int32 [n, answers] of spike counts [n, outputs]; the first highest is the answer.

        Of comparators: for each answer the pairs that it wins; of counts: the counts, a tie decided as
        the decoding says.
        """
        n = len(self.answers)
        if self.recipe.counts:
            last = self.recipe.decoding == "counts-last"
            tie = np.arange(n) if last else 0
            return (counts.astype(np.int32) * n + tie).astype(np.int32)
        scores = np.zeros((len(counts), n), np.int32)
        for column, (i, k) in enumerate(self.pairs):
            second = counts[:, column] > 0
            scores[:, k] += second
            scores[:, i] += ~second
        return scores


def fired(
    layer: RateLayer, flow: npt.NDArray[np.bool_], reset: str = "subtract"
) -> npt.NDArray[np.bool_]:
    """Spikes bool [ticks, n, out] of a hidden layer, for what reaches it, bool [ticks, n, in]."""
    inflow = _inflow(layer, flow)
    v = np.tile(layer.start.astype(np.int64), (flow.shape[1], 1))
    spikes = np.empty(inflow.shape, bool)
    for t in range(len(inflow)):
        v += inflow[t]
        now = np.greater_equal(v, layer.alpha, out=spikes[t])
        if reset == "subtract":
            v -= now * layer.alpha
        else:
            v[now] = 0
        np.maximum(v, FLOOR, out=v)
    return spikes


def compared(layer: RateLayer, flow: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """The same of comparators."""
    low, high = FIELDS["V0"].low, FIELDS["V0"].high
    v = layer.start + np.cumsum(_inflow(layer, flow), axis=0)
    if v.min() < low or v.max() > high:  # what saturates is above alpha, and stays there
        v = np.clip(v, low, high)
    return v >= layer.alpha


def last_tick(recipe: Recipe, layers: int) -> int:
    """The tick in which a readout of so many layers answers, counted from the question's.

    textbook: the last of ``ticks`` waves reaches layer L in tick ticks - 1 + L. thesis: a step takes two
    ticks a layer there and one here, so that what layer L compares in step t is that of tick t - L;
    potentials are read once more, counts are not.
    """
    if recipe.order == "textbook":
        return recipe.ticks - 1 + layers
    return recipe.ticks - layers - recipe.counts


def check_board_recipe(recipe: Recipe, layers: int) -> None:
    """Raises NetworkError for what a board cannot do: ties that are drawn, and of the thesis's order
    resets to zero (they lose what comes in the next tick) and fewer ticks than its layers take.
    """
    if recipe.decoding == "counts-random":
        raise NetworkError(
            "decoding = 'counts-random': a board's answer is not drawn; choose counts-first or "
            "counts-last"
        )
    if recipe.order == "thesis" and recipe.reset == "zero":
        raise NetworkError(
            "reset = 'zero' with order = 'thesis': the thesis's neuron loses what arrives in the tick "
            "after a spike, a neuron of the chip does not; choose order textbook, or reset subtract"
        )
    least = 2 * layers if recipe.order == "thesis" else 1
    if recipe.ticks < least:
        raise NetworkError(
            f"ticks = {recipe.ticks}: {layers} layers in the order of the thesis need {least} ticks "
            "until the last one sees anything; give more ticks, or choose order textbook"
        )


def _inflow(layer: RateLayer, flow: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """leak + sum of w x of every tick: int64 [ticks, n, out]."""
    flat = flow.reshape(-1, layer.inputs).astype(np.float32) @ layer.weights.astype(np.float32)
    return flat.reshape(*flow.shape[:2], -1).astype(np.int64) + layer.leak


def _check(name: str, values: npt.NDArray[Any], low: int, high: int, meaning: str) -> None:
    bad = (values < low) | (values > high)
    if bad.any():
        at = ", ".join(map(str, np.argwhere(bad)[0]))
        raise NetworkError(
            f"{name}[{at}] = {int(values[tuple(np.argwhere(bad)[0])])}: must be in {low}..{high} "
            f"({meaning}); quantise the network anew"
        )
