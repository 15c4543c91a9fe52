"""A float network in whole numbers for the chip.

Neuron j of a hidden layer has a whole threshold alpha_j of its own:

    w ~ alpha_j W_ij u_i / u_j within its bits,     leak ~ alpha_j b_j / u_j
    start = round(alpha_j start) + lead leak

u_j is what a spike of neuron j stands for: 1, or, with recorded observations, the largest activation of j
over them, so that every neuron uses all of its rates and weights of rarely active ones become small (u of
an input is its range over the L levels of its two rails). alpha_j, w and leak are the whole numbers, of
those that bits allow, with the least mean square error of what the neuron adds up in a tick,

    mean of (sum over i of (w_ij / alpha_j - W_ij u_i / u_j) x_i + leak / alpha_j - b_j / u_j)^2

over the rates x of the observations: for every alpha_j tried each number is rounded, and then moved to
where it makes up best for the errors of the others, twice.

With recorded observations the network is slimmed first (tnemu.networks.spiking.slim), and x of a layer
are the rates that the layers before it really fire in whole numbers, W and b moved by least squares so
that they make of these what was to be made of the exact ones: a layer mends what rounding those before
it did. (Order textbook only.)

``lead`` makes up for the ticks in which leak acts before the first wave arrives: layer l = 1, 2, .. sees it
in tick l, so that lead = -l makes every layer begin at its start; in the thesis's order bias runs ahead of
the wave, lead = l - 2, and it fires above its threshold, not at it: start is less by 1.

The comparator of answers i < k has the difference of their weights, in one scale s for all pairs, as
what is compared is a sign; rounding differences instead of columns loses less. An observation counts 1 / (gap^2 + tau^2), gap the
difference of the two answers. Its leak is the most that
a tick can take from it, and over n ticks its bias B, a whole number for all of them together,

    start = alpha - 1 - (last tick + 1) leak + B

so that V >= alpha in the last tick iff B + sum of w x >= 1. Source: this project; rescaling of neurons:
Kim et al., Spiking-YOLO, 2020; the potential that is held at alpha: IBM's recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import whole
from tnemu.hardware.neuron import AXONS, FIELDS, RAIL
from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.dense import DenseNetwork
from tnemu.networks.spiking.rate import (
    RateLayer,
    RateNetwork,
    check_board_recipe,
    fired,
    last_tick,
)
from tnemu.networks.spiking.rate_codec import rails
from tnemu.networks.spiking.recipe import Recipe
from tnemu.networks.spiking.rows import Rows, most_bits
from tnemu.networks.spiking.slim import slimmed
from tnemu.networks.trained import TaskReference

Floats = npt.NDArray[np.float64]

LEAK, ALPHA = FIELDS["leak"].high, FIELDS["alpha"].high
AS_MANY_AS_FIT = 0
LARGEST_ALPHA = 2048
"""Of a hidden neuron: a threshold of 11 bits is as fine as weights of 8 bits can use."""
QUANTILE = 0.999
"""Of the activations: rarer ones are cut."""
NEAR = 0.2
"""Quantile of gaps between two answers: decisions closer than that matter most to a comparator."""
HEARD, RIDGE = 1_000, 1e-5
"""Observations that spikes are simulated for, and what keeps weights near those of the float network."""
ALPHAS, SCALES, SWEEPS = 100, 40, 2
"""Thresholds and scales that are tried, and how often every number is moved for each."""


@dataclass(frozen=True)
class Fit:
    """What a network is fitted to the chip by.

    ranges  float64 [in]: the largest magnitudes that constant encoding tells apart
    states  observations [n, in] that neurons are scaled by; None: a spike of every neuron stands for 1
    bits    2..8 of every weight behind the first layer, or 0: for each layer as many as a core has
            axons for; first_bits are those of the first layer
    levels  of each rail, or 0: as many as a core has axons for
    """

    ranges: npt.NDArray[Any]
    states: npt.NDArray[Any] | None = None
    bits: int = AS_MANY_AS_FIT
    first_bits: int = AS_MANY_AS_FIT
    levels: int = AS_MANY_AS_FIT


def quantised(
    network: DenseNetwork,
    recipe: Recipe,
    fit: Fit,
    answers: Sequence[str],
    *,
    task: TaskReference | None = None,
    name: str = "network",
) -> RateNetwork:
    """``network`` for the chip, run as ``recipe`` says. Spikes of other encodings than constant stand
    for 1, as in the simulator.

    Raises NetworkError for what the board cannot do, a layer with more inputs than a core takes in so
    many bits, and a neuron whose bias is too large beside its threshold for the leak.
    """
    check_board_recipe(recipe, len(network.weights))
    if fit.states is not None:
        network = slimmed(network, fit.states)
    constant = recipe.encoding == "constant"
    ranges = np.asarray(fit.ranges, np.float64) if constant else np.ones(network.inputs)
    if ranges.shape != (network.inputs,):
        raise NetworkError(
            f"{network.name}: ranges {list(ranges.shape)} for {network.inputs} inputs; give one each"
        )
    bits = _bits(network, fit)
    levels = _levels(network, recipe, fit.levels, bits[0])
    units, rates = _units(network, ranges, fit.states)
    heard = _Heard(recipe, ranges, levels, len(network.weights), fit.states)
    layers = []
    last = len(network.weights) - 1
    for k, (w, b) in enumerate(zip(network.weights, network.biases, strict=True)):
        w64, x = w.astype(np.float64) * units[k][:, None], rates[k]
        if k == 0:  # two rails for each input
            w64 = np.stack([w64, -w64], axis=1).reshape(-1, w.shape[1])
            x = np.stack([np.maximum(x, 0), np.maximum(-x, 0)], axis=2).reshape(len(x), -1)
        problem = _Problem(w64, b.astype(np.float64), x, Rows.of(bits[k]), 1 if k else levels)
        if k and heard:
            problem = problem.hearing(heard.rates(k))
        if k == last and not recipe.counts:
            layers.append(_comparators(problem, recipe, k + 1))
            continue
        start = recipe.start if k < last else 0.0
        where = f"{network.name}: layer {k}"
        layers.append(_hidden(problem.over(units[k + 1]), recipe, k + 1, start, where))
        if k < last:
            heard.add(layers[-1])
    return RateNetwork(name, recipe, ranges, levels, tuple(layers), tuple(answers), task)


def _bits(network: DenseNetwork, fit: Fit) -> list[int]:
    """Of every layer; of the first as if it had one level."""
    found = []
    for k, w in enumerate(network.weights):
        inputs, bits = (w.shape[0], fit.bits) if k else (2 * w.shape[0], fit.first_bits)
        most = most_bits(inputs, AXONS)
        if not most or bits > most:
            raise NetworkError(
                f"{network.name}: layer {k} has {inputs} inputs, of {bits or 2} bits each takes "
                f"{len(Rows.of(bits or 2))} of a core's {AXONS} axons; "
                + (f"at most {most} bits fit" if most else "make the layer before it narrower")
            )
        found.append(bits or most)
    return found


def _levels(network: DenseNetwork, recipe: Recipe, levels: int, bits: int) -> int:
    most = max(1, AXONS // (2 * network.inputs * len(Rows.of(bits))))
    if recipe.encoding != "constant":
        if levels > 1:
            raise NetworkError(
                f"levels = {levels}: {recipe.encoding} encoding has one spike a tick at most; leave it "
                "out"
            )
        return 1
    then = f"{network.inputs} inputs of {bits} bits have so much room; choose fewer levels or bits"
    return whole("levels", levels or most, 1, most, error=NetworkError, then=then)


def _units(
    network: DenseNetwork, ranges: Floats, states: npt.NDArray[Any] | None
) -> tuple[list[Floats], list[Floats]]:
    """What a spike stands for, [width], and rates over the observations, [n, width], of the inputs
    (with their signs) and of every layer. Without observations every rate is taken as independent.
    """
    if states is None:
        return [ranges, *(np.ones(width) for width in network.widths[1:])], [
            _independent(width) for width in network.widths
        ]
    units, rates = [ranges], [np.clip(states / ranges, -1, 1)]
    for activation, b in zip(network.activations(states), network.biases, strict=True):
        a = np.maximum(activation, 0).astype(np.float64)
        unit = np.quantile(a, QUANTILE, axis=0)
        # of a neuron that is hardly ever active, or never, the threshold must not become tiny
        unit = np.maximum(unit, np.maximum(unit.max() / 50, np.abs(b) / 50))
        unit[unit <= 0] = 1.0
        units.append(unit)
        rates.append(np.minimum(a / unit, 1))
    units[-1] = np.full(network.answers, units[-1].max())  # counts are compared with each other
    return units, rates


def _independent(width: int) -> Floats:
    """Rates of both signs, one at a time."""
    return np.concatenate([np.eye(width), -np.eye(width)])


class _Heard:
    """What the layers so far, in whole numbers, fire for the first observations."""

    def __init__(
        self, recipe: Recipe, ranges: Floats, levels: int, layers: int, states: Floats | None
    ) -> None:
        self.recipe, self.layers = recipe, layers
        self.first = None if states is None else states[:: -(-len(states) // HEARD)]
        if self.first is not None and self:
            ticks, rng = last_tick(recipe, layers) + 1, np.random.default_rng(0)
            self._flow = rails(self.first, recipe, ranges, levels, ticks, rng)

    def __bool__(self) -> bool:
        return self.first is not None and self.recipe.order == "textbook"

    def add(self, layer: RateLayer) -> None:
        """One more of them."""
        if self:
            before = np.concatenate([np.zeros_like(self._flow[:1]), self._flow[:-1]])
            self._flow = fired(layer, before, self.recipe.reset)

    def rates(self, k: int) -> Floats:
        """Of layer k - 1's spikes that layer k is told in time, [n, width]."""
        return self._flow[: self.recipe.ticks + k].sum(0) / self.recipe.ticks


@dataclass(frozen=True)
class _Problem:
    """Weights [in, out] and biases [out] to be rounded, for rates [n, in]; every input is driven by so
    many levels of one weight.
    """

    w: Floats
    b: Floats
    x: Floats
    rows: Rows
    levels: int
    counts: Floats | None = None
    """How much each of the rates counts, [n]; equal if None."""

    def over(self, unit: Floats) -> _Problem:
        """The same for neurons whose spike stands for ``unit``."""
        return replace(self, w=self.w / unit, b=self.b / unit)

    def near(self, gap: Floats, w: Floats, b: Floats) -> _Problem:
        """One comparator's, for which an observation counts the more the smaller its gap [n] is:
        weights 1 / (gap^2 + tau^2), tau its NEAR quantile.
        """
        tau = max(float(np.quantile(np.abs(gap), NEAR)), 1e-12)
        return replace(self, w=w, b=b, counts=1 / ((gap / tau) ** 2 + 1))

    def hearing(self, rates: Floats) -> _Problem:
        """The same for the rates that come, of every so-manieth observation, with weights that make of
        them what was to be made of the exact ones.
        """
        wanted = self.x[:: -(-len(self.x) // HEARD)] @ self.w + self.b
        x = np.hstack([rates, np.ones((len(rates), 1))])
        now = np.vstack([self.w, self.b])
        moments = x.T @ x / len(x) + RIDGE * np.eye(x.shape[1])
        now = now + np.linalg.solve(moments, x.T @ (wanted - x @ now) / len(x))
        return replace(self, w=now[:-1], b=now[-1], x=rates)

    def solve(
        self, w: Floats, b: Floats, scale: Floats, most_bias: float, bias_step: float
    ) -> tuple[Floats, Floats, Floats]:
        """Whole weights, biases in steps, and the mean square error [out], for a scale [out]."""
        x = np.hstack([self.x * self.levels, np.ones((len(self.x), 1))])
        counts = np.ones(len(x)) if self.counts is None else self.counts
        moments = (x.T * counts) @ x / counts.sum() + 1e-9 * np.eye(x.shape[1])
        target = np.vstack([w / self.levels, b])
        low = np.append(np.full(len(w), float(self.rows.low)), -most_bias)
        high = np.append(np.full(len(w), float(self.rows.high)), most_bias)
        step = np.append(np.ones(len(w)), bias_step)

        def whole_at(i: Any, wanted: Floats) -> Floats:
            limits = low[i], high[i]
            each = step[i]
            if not np.isscalar(i):
                limits, each = (low[:, None], high[:, None]), step[:, None]
            return np.clip(np.rint(scale * wanted / each) * each, *limits)

        found = whole_at(slice(None), target)
        for _ in range(SWEEPS):
            for i in range(len(target)):
                error = found / scale - target
                others = moments[i] @ error - moments[i, i] * error[i]
                found[i] = whole_at(i, target[i] - others / moments[i, i])
        error = found / scale - target
        return found[:-1], found[-1], np.einsum("io,ij,jo->o", error, moments, error)


def _hidden(problem: _Problem, recipe: Recipe, layer: int, start: float, where: str) -> RateLayer:
    w, b = problem.w, problem.b
    with np.errstate(divide="ignore"):
        most = np.floor(np.minimum(LEAK / np.abs(b), LARGEST_ALPHA))
    if (most < 1).any():
        j = int(most.argmin())
        raise NetworkError(
            f"{where}, neuron {j}: bias {b[j]:g} is more than {LEAK} thresholds, the most that a leak "
            "adds in a tick; normalise the network"
        )
    least = np.full(len(b), np.inf)
    alpha, leak, weights = np.ones(len(b)), np.zeros(len(b)), np.zeros(w.shape)
    for candidate in np.unique(np.rint(np.geomspace(1, LARGEST_ALPHA, ALPHAS))):
        scale = np.minimum(candidate, most)
        ints, bias, error = problem.solve(w, b, scale, LEAK, 1.0)
        better = error < least
        least[better], alpha[better] = error[better], scale[better]
        leak[better], weights[:, better] = bias[better], ints[:, better]
    lead = layer - 2 if recipe.order == "thesis" else -layer
    v0 = np.rint(alpha * start) + lead * leak - (recipe.order == "thesis")
    # a potential that falls must not fire before its first wave comes
    v0 = np.where(leak < 0, np.minimum(v0, alpha - 1 - leak), v0)
    return RateLayer(
        weights.repeat(problem.levels, axis=0).astype(np.int16),
        leak.astype(np.int16),
        alpha.astype(np.int32),
        v0.astype(np.int32),
        problem.rows.bits,
    )


def _comparators(problem: _Problem, recipe: Recipe, layer: int) -> RateLayer:
    n = len(problem.b)
    wanted = problem.x @ problem.w + problem.b
    pairs = [(i, k) for i in range(n) for k in range(i + 1, n)]
    dw = np.stack([problem.w[:, k] - problem.w[:, i] for i, k in pairs], axis=1)
    db = np.array([problem.b[k] - problem.b[i] for i, k in pairs])
    last = last_tick(recipe, layer)
    biases = recipe.ticks - (recipe.order == "thesis")
    largest_scale = float(problem.rows.high * problem.levels / max(np.abs(dw).max(), 1e-30))
    single = [
        problem.near(wanted[:, k] - wanted[:, i], dw[:, [p]], db[[p]])
        for p, (i, k) in enumerate(pairs)
    ]
    best: tuple[float, Floats, Floats, Floats] | None = None
    for factor in np.geomspace(0.02, 2, SCALES):
        scale = np.full(1, factor * largest_scale)
        solved = [one.solve(one.w, one.b, scale, np.inf, 1 / biases) for one in single]
        ints = np.hstack([w for w, _, _ in solved])
        bias, error = (np.concatenate(found) for found in list(zip(*solved, strict=True))[1:])
        ints = ints.repeat(problem.levels, axis=0)
        leak = np.maximum(-ints, 0).sum(0)
        start = ALPHA - 1 - (last + 1) * leak + np.rint(biases * bias)
        fits = leak.max() <= LEAK and start.min() >= -RAIL
        if fits and (best is None or error.sum() < best[0]):
            best = float(error.sum()), ints, leak, start
    if best is None:
        raise NetworkError(
            f"a readout of {len(dw)} inputs over {last + 1} ticks: in no scale does the leak of a "
            f"comparator stay at {LEAK} or less and its first potential at {-RAIL} or more; give fewer "
            "ticks, or a narrower last layer"
        )
    _, ints, leak, start = best
    return RateLayer(
        ints.astype(np.int16),
        leak.astype(np.int16),
        np.full(len(pairs), ALPHA, np.int32),
        np.minimum(start, ALPHA).astype(np.int32),
        problem.rows.bits,
    )


def largest(observations: npt.NDArray[Any]) -> Floats:
    """Ranges of recorded observations [n, in]: the largest magnitude of each input, 1 where it is 0."""
    found = np.abs(observations).max(0).astype(np.float64)
    return np.where(found > 0, found, 1.0)
