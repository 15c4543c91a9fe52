"""The networks that ``tnemu bench`` measures: one that keeps itself going, one that is fed frames.

Both are made of arrays at once, so that a full chip takes about a second to build.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError
from tnemu.hardware import packet
from tnemu.hardware.board import BoardSpec, load_board
from tnemu.hardware.image import (
    TAP_DTYPE,
    BoardImage,
    InputConnector,
    OutputConnector,
)
from tnemu.hardware.neuron import (
    AXONS,
    MAX_DELAY,
    NEURON_DTYPE,
    NEURONS,
    SIGNED_INPUTS,
    neuron,
)

NOISES = ("none", "threshold", "leak+threshold", "synapses")
"""What a recurrent network may draw."""
BOARDS = ("ns1e", "ns16e", "ns16e-4")
"""Boards the networks are loaded on: the smallest that has the cores."""
UNIT = 65_536
"""Cores of the largest mesh, an NS16e; packets do not leave it."""
LOWEST_RATE, HIGHEST_RATE = 0.1, 500.0
"""Mean rates in Hz at which thresholds fit their 18 bits, and neurons do not fire in every tick."""

LEAK = 20
"""A neuron's drive per tick: 20 of a threshold of 20,000 / rate."""
DRAWN_WEIGHT = 128
"""A drawn weight of 128 is a one half of the time."""
EXTRA = 0.35
"""What noise of one bit adds to a threshold, averaged over the ticks in which a neuron fires."""
SEED_STEP = 2_654_435_761
"""From a core's seed to the next, modulo 2**32: odd, so that no two are equal."""
STABLE = 0.6
"""Gain at which deviations of a rate still die out quickly."""

SIGN_OF_256 = 51
"""Weights of 256 that are +1, and as many that are -1; the others are 0."""
LEAKS = (-4, -3, -2, -1, 0)
"""Leaks of trinary neurons: a neuron fires when its sum is at least 1 - leak."""
MOST_ANSWERS = 256
"""Most output pins of a feed-forward network: votes for a few classes."""

PATTERNS = 1 << 16
"""Crossbar rows to choose from; drawing each row by itself would take as long as the measurement."""
PIECE = 4096
"""Cores worked on at a time."""


class BenchError(TnemuError, ValueError):
    """A measurement is asked for something that no network or computer can do."""


def recurrent(
    cores: int,
    rate_hz: float = 20.0,
    synapses: int = 128,
    *,
    noise: str = "none",
    longest_delay: int = MAX_DELAY,
    seed: int = 0,
) -> BoardImage:
    """Every neuron fires ``rate_hz`` times in 1,000 ticks and feeds one axon, every axon once.

        V <- V + sum of +1 and -1 + 20;  V >= alpha: spike, V <- V - alpha;  alpha = 20,000 / rate

    All targets are one random permutation (one for each NS16e, as packets do not leave it), delays
    are 1..``longest_delay``, and each axon row has exactly ``synapses`` ones. Axons 0..127 add 1, axons 128..255 subtract 1 and have the rows of the
    former again: input is balanced in every neuron, so its drive alone decides the rate.

    ``noise``: "none"; "threshold" draws one threshold bit of every neuron; "leak+threshold" the leak
    too (the drive is then a leak of about 1); "synapses" every weight, +1 or -1 half of the time, else 0.
    A rate of 0 is an idle board: no leak, no noise, nothing that ever fires.
    Start from :func:`start_potentials`. Raises BenchError for what no such network can be.
    """
    most = load_board(BOARDS[-1]).core_count
    _check("cores", cores, 1, most, "ns16e-4, the largest board, has them")
    if rate_hz:
        _check("rate", rate_hz, LOWEST_RATE, HIGHEST_RATE, "neurons keep their rate in that range")
    _check("synapses", synapses, 1, NEURONS, "an axon row has 256 crossbar bits")
    _check_noise(noise, rate_hz, synapses)
    rng = np.random.default_rng(seed)
    half = AXONS // 2
    patterns = _patterns(rng, synapses)
    crossbar = np.empty((cores, AXONS, NEURONS // 64), np.uint64)
    for some in _pieces(cores):
        rows = patterns[rng.integers(0, PATTERNS, (some.stop - some.start, half), np.uint16)]
        crossbar[some, :half] = rows
        crossbar[some, half:] = rows
    ends = np.arange(cores * AXONS, dtype=np.uint32)
    for unit in _pieces(cores, UNIT):
        rng.shuffle(ends[unit.start * AXONS : unit.stop * AXONS])
    delays = rng.integers(1, longest_delay + 1, cores * NEURONS, dtype=np.uint8)
    return _image(
        cores,
        crossbar=crossbar,
        axon_types=np.tile(np.repeat(np.array([0, 1], np.uint8), half), (cores, 1)),
        neuron_types=np.array([neuron(), _recurrent_neuron(rate_hz, noise)], NEURON_DTYPE),
        types=np.ones((cores, NEURONS), np.uint16),
        ends=ends.reshape(cores, NEURONS),
        delays=delays.reshape(cores, NEURONS),
    )


def start_potentials(image: BoardImage, seed: int = 0) -> npt.NDArray[np.int32]:
    """Potentials int32 [n, 256] spread evenly below the threshold, so that the rate holds at once.

    V0 is a property of the neuron type; with one of its own no neuron could share its type.
    """
    rng = np.random.default_rng(seed)
    alpha = int(image.neuron_types["alpha"][1])
    return rng.integers(0, alpha, (image.core_count, NEURONS), dtype=np.int32)


def feed_forward(cores: int, layers: int, *, seed: int = 0) -> BoardImage:
    """``layers`` layers of trinary cores, as many in each as ``cores`` allow; delays are 1.

        y_j = 1 iff sum_i w_ij x_i + leak_j >= 1,    w in {-1, 0, 1},  leak in -4..0,  no memory

    The form of IBM's Eedn networks: 128 inputs a core, each on an axon of +1 and one of -1; 128
    outputs a core, each on two neurons with the same weights, which feed the two axons of a random
    input of the next layer. Weights are random; between a fifth and a third of all neurons fire when
    a quarter of the inputs are active. Every core has leaks of its own, as trained networks have.

    Input pins "frame", 128 for every core of the first layer; output pins "answer", the first
    outputs of the last layer. A frame at tick t is answered in tick t + ``layers``.
    Raises BenchError when there are not enough cores for the layers.
    """
    _check("layers", layers, 1, 1000, "a frame passes one layer a tick")
    _check("cores", cores, layers, UNIT, f"{layers} layers need a core each")
    rng = np.random.default_rng(seed)
    width = cores // layers
    n = width * layers
    crossbar = np.empty((n, AXONS, NEURONS // 64), np.uint64)
    for some in _pieces(n, 64):
        # Two uses of one random byte: is there a synapse, and is it on the axon of +1 or of -1?
        chance = rng.integers(
            0, 256, (some.stop - some.start, SIGNED_INPUTS, SIGNED_INPUTS), np.uint8
        )
        rows = np.stack([chance < SIGN_OF_256, chance >= 256 - SIGN_OF_256], axis=2)
        crossbar[some] = _packed(np.repeat(rows.reshape(-1, AXONS, SIGNED_INPUTS), 2, axis=2))
    types = np.repeat(rng.integers(1, len(LEAKS) + 1, (n, SIGNED_INPUTS), np.uint16), 2, axis=1)
    # Twin neurons 2 j and 2 j + 1 feed the two axons of one random input of the next layer.
    twins = np.empty((layers, width * SIGNED_INPUTS, 2), np.int64)
    for layer in range(layers):
        inputs = rng.permutation(width * SIGNED_INPUTS) + (layer + 1) * width * SIGNED_INPUTS
        twins[layer] = 2 * inputs[:, None] + [0, 1]
    ends = twins.reshape(n, NEURONS)
    answers = min(MOST_ANSWERS, width * SIGNED_INPUTS)
    last = ends[-width:].reshape(-1)
    last[:] = -1
    last[: 2 * answers : 2] = -2 - np.arange(answers)  # a pin hears one of the twins
    pins = np.arange(width * SIGNED_INPUTS)
    taps = np.zeros(2 * len(pins), TAP_DTYPE)
    taps["pin"] = np.repeat(pins, 2)
    taps["core"], taps["axon"] = np.divmod(np.arange(len(taps)), AXONS)
    taps["delay"] = 1
    kinds = [neuron(s=(1, -1), alpha=1, beta=0, kappa=1, leak=leak) for leak in LEAKS]
    return _image(
        n,
        crossbar=crossbar,
        axon_types=np.tile(np.array([0, 1], np.uint8), (n, SIGNED_INPUTS)),
        neuron_types=np.array([neuron(), *kinds], NEURON_DTYPE),
        types=types,
        ends=ends,
        delays=np.ones((n, NEURONS), np.uint8),
        inputs=(InputConnector("frame", len(pins), taps),),
        answers=answers,
    )


def _recurrent_neuron(rate_hz: float, noise: str) -> Any:
    beta = (1 << 18) - 1  # never reached
    if not rate_hz:
        return neuron(s=(1, -1), alpha=1000 * LEAK, beta=beta, gamma=1)
    if noise == "leak+threshold":
        # A drawn leak is 1 in leak of 256 ticks; the largest threshold keeps rounding small.
        per_tick = 256 * rate_hz / 1000
        alpha = max(1, int(255 / per_tick - EXTRA))
        leak = min(255, round((alpha + EXTRA) * per_tick))
        return neuron(s=(1, -1), leak=leak, c=1, TM=1, alpha=alpha, beta=beta, gamma=1)
    alpha = round(1000 * LEAK / rate_hz)
    b = int(noise == "synapses")
    s = DRAWN_WEIGHT if b else 1
    eta = int(noise == "threshold")
    return neuron(s=(s, -s), b=(b, b), leak=LEAK, TM=eta, alpha=alpha, beta=beta, gamma=1)


def _check_noise(noise: str, rate_hz: float, synapses: int) -> None:
    if noise not in NOISES:
        raise BenchError(f"there is no noise {noise!r}; choose one of: {', '.join(NOISES)}")
    if not rate_hz and noise != "none":
        raise BenchError(f"an idle board draws nothing; leave out noise = {noise!r} or give a rate")
    # A rate that deviates is passed on by sqrt(synapses) inputs of either sign, each counting one
    # against a threshold of 1,000 / rate: above 1 deviations grow, and rates are no longer the drive's.
    highest = STABLE * 1000 / synapses**0.5
    if noise == "leak+threshold" and rate_hz > highest:
        raise BenchError(
            f"rate = {rate_hz:g} is too high for drawn leaks, which drive a neuron by 1 a tick: with "
            f"{synapses} synapses a row the network keeps its rate up to {highest:.0f} Hz; choose a "
            "lower rate, fewer synapses, or noise in the synapses"
        )


def _patterns(rng: np.random.Generator, synapses: int) -> npt.NDArray[np.uint64]:
    """Random crossbar rows [65536, 4] of exactly ``synapses`` ones."""
    bits = np.zeros((PATTERNS, NEURONS), bool)
    if synapses == NEURONS:
        bits[:] = True
    else:
        order = rng.integers(0, 1 << 16, bits.shape, np.uint16)
        chosen = np.argpartition(order, synapses - 1, axis=1)[:, :synapses]
        np.put_along_axis(bits, chosen, True, axis=1)
    return _packed(bits)


def _packed(bits: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint64]:
    """Rows of 256 bits as four words."""
    packed = np.packbits(bits, axis=-1, bitorder="little")
    return packed.view(np.uint64)


def _image(
    cores: int,
    *,
    ends: npt.NDArray[Any],
    delays: npt.NDArray[np.uint8],
    inputs: tuple[InputConnector, ...] = (),
    answers: int = 0,
    **arrays: npt.NDArray[Any],
) -> BoardImage:
    """``ends`` [n, 256]: 256 core + axon; -1 nothing; -2 - k output pin k."""
    board = next(spec for spec in map(load_board, BOARDS) if cores <= spec.core_count)
    positions = board.alive_positions()[:cores]
    outputs = _exits(board, answers)
    exits = np.array([place for o in outputs for place in o.exits], np.int32).reshape(-1, 3)
    targets = np.empty((cores, NEURONS), np.uint32)
    for some in _pieces(cores):
        end = ends[some].astype(np.int64)
        place = positions[np.maximum(end, 0) >> 8]
        pin = -2 - end
        if answers:
            place = np.where((pin >= 0)[..., None], exits[np.maximum(pin, 0) >> 8], place)
        way = np.where((end == -1)[..., None], 0, place - positions[some, None])
        axon = np.where(pin >= 0, pin, end) & 255
        words = packet.encode(way[..., 1], way[..., 2], axon, delays[some])
        targets[some] = np.where(end == -1, 0, words)
    return BoardImage(
        board=board,
        positions=positions,
        core_ids=np.arange(cores, dtype=np.int64),
        seeds=_seeds(cores),
        targets=targets,
        inputs=inputs,
        outputs=outputs,
        origin={"from": "tnemu bench"},
        **arrays,
    )


def _seeds(cores: int) -> npt.NDArray[np.uint32]:
    """A seed for each core, none of them 0; neighbours differ in many bits."""
    return (np.arange(1, cores + 1, dtype=np.uint64) * SEED_STEP).astype(np.uint32)


def _exits(board: BoardSpec, answers: int) -> tuple[OutputConnector, ...]:
    """Exits west of the mesh for that many pins."""
    if not answers:
        return ()
    exits = tuple((0, -1, y) for y in range(-(-answers // AXONS)))
    return (OutputConnector("answer", answers, -32, exits),)


def _pieces(cores: int, piece: int = PIECE) -> list[slice]:
    return [slice(start, min(start + piece, cores)) for start in range(0, cores, piece)]


def _check(what: str, value: float, low: float, high: float, why: str) -> None:
    if not low <= value <= high:
        raise BenchError(
            f"{what} = {value:g} is outside {low:g}..{high:g}: {why}; choose a value in that range"
        )
