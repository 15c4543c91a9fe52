"""A board image as the compiled loops want it: aligned arrays, shared parameter blocks, targets.

The image stays the truth; everything here is derived from it at load and never written back.
"""

from __future__ import annotations

from itertools import pairwise
from mmap import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator.engines.compiled import draws
from tnemu.emulator.engines.compiled.kernels import arrays, narrow, sequence, vector
from tnemu.emulator.errors import EmulatorError
from tnemu.hardware import packet
from tnemu.hardware.board import ChipSpec
from tnemu.hardware.image import NOT_CONNECTED, BoardImage
from tnemu.hardware.neuron import (
    AXON_TYPES,
    AXONS,
    NEURONS,
    POTENTIAL_MAX,
    POTENTIAL_MIN,
    RAIL,
    reset_potential,
)

CACHE_LINE = 64


def aligned(shape: tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
    """Zeros that start on a cache line, so that no vector straddles two."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(size + CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % CACHE_LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def load(image: BoardImage, threads: int) -> arrays.Layout:
    """The arrays of :class:`arrays.Layout` for ``threads`` threads.

    Raises EmulatorError for more cores than a spike can name.
    """
    check_cores(image.core_count)
    rows, block = _blocks(image)
    rails = image.board.chip.potential_range == "rails393216"
    target, outputs = _targets(image)
    parameters = _parameters(image, rows)
    bounds = _bounds(np.count_nonzero(image.types, axis=1), threads)
    words = np.arange(0, image.core_count, arrays.BLOCK)
    owners = np.searchsorted(bounds, words, side="right") - 1
    return arrays.Layout(
        crossbar=_crossbar(image),
        axon_types=_axon_types(image),
        block=block,
        jumps=draws.jumps(),
        target=target,
        outputs=outputs,
        bounds=bounds,
        owners=owners.astype(np.uint16),
        page_of=_pages(words, bounds[owners]),
        high=RAIL if rails else POTENTIAL_MAX,
        rails=int(rails),
        zero_clamp=int(image.board.chip.leak_zero_clamp),
        **parameters,
    )


def check_cores(cores: int) -> None:
    """Raises EmulatorError for more cores than a spike can name: 2**20."""
    most = (arrays.AXON_MASK + 1) // AXONS
    if cores > most:
        raise EmulatorError(
            f"{cores:,} cores are more than the {most:,} that a spike of this engine can name; "
            "load fewer cores"
        )


def catch_up(
    board: arrays.Layout,
    generators: npt.NDArray[np.uint32],
    since: npt.NDArray[np.int64],
    tick: int,
) -> None:
    """Bring the generators [lanes, n] of cores that have slept since a tick [n] to this one."""
    flags = board.flags[board.block]
    if (flags & arrays.SEQUENCE).any():
        draws = np.where(flags & arrays.SEQUENCE, board.draws[board.block], 0)
        sequence.catch_up(board.jumps, generators, since, draws, tick)


def outputs_per_tick(board: arrays.Layout) -> npt.NDArray[np.int64]:
    """The most output spikes that one tick of each thread's cores can send."""
    sends = np.count_nonzero(board.target >= arrays.OUTPUT, axis=1)
    return np.array([sends[a:b].sum() for a, b in pairwise(board.bounds)])


def _bounds(used: npt.NDArray[np.int64], threads: int) -> npt.NDArray[np.int64]:
    """Threads own ranges of whole 64-core words of the bitmaps, with about the same work in each.

    used: int [n], neurons of every core. Where half of everything fires, evaluating a core takes about
    as long as sending the spikes of 128 neurons.
    """
    work = np.add.reduceat(
        np.append(used + AXONS // 2, 0), np.arange(0, max(1, len(used)), arrays.BLOCK)
    )
    middles = np.cumsum(work) - work / 2
    words = np.searchsorted(middles, np.arange(1, threads) * work.sum() / threads)
    return np.minimum([0, *words * arrays.BLOCK, len(used)], len(used))


def _pages(words: npt.NDArray[np.int64], first: npt.NDArray[np.int64]) -> npt.NDArray[np.uint16]:
    """The page of every 64-core word; ``first`` is the first core of its thread.

    A thread's cores are cut into pages of 4,096, so that no page has two owners.
    """
    begins = (words - first) % arrays.PAGE == 0
    return (np.cumsum(begins) - 1).astype(np.uint16)


def _axon_types(image: BoardImage) -> npt.NDArray[np.uint8]:
    """Two bits for every axon's type, the first of four lowest in its byte: uint8 [n, 64]."""
    packed = aligned((image.core_count, AXONS // 4), np.uint8)
    for k in range(4):
        packed |= (image.axon_types[:, k::4] << 2 * k).astype(np.uint8)
    return packed


def _blocks(image: BoardImage) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int32]]:
    """The distinct rows of neuron types, and which of them every core has."""
    rows: dict[bytes, int] = {}
    block = np.empty(image.core_count, np.int32)
    for core, types in enumerate(image.types):
        block[core] = rows.setdefault(types.tobytes(), len(rows))
    distinct = np.frombuffer(b"".join(rows), np.uint16).reshape(-1, NEURONS)
    return distinct, block


def _crossbar(image: BoardImage) -> npt.NDArray[np.uint64]:
    """The crossbar without the columns of unused neurons, on a cache line.

    That of the image itself where it is so, read-only, and in memory: a mapped file may be cut.
    """

    def unused(cores: slice) -> npt.NDArray[np.uint64]:
        bits = np.packbits(image.types[cores] == 0, axis=1, bitorder="little")
        return bits.view(np.uint64)[:, None]

    clean = not any((image.crossbar[cores] & unused(cores)).any() for cores in image.pieces())
    if clean and image.crossbar.ctypes.data % CACHE_LINE == 0 and _ours(image.crossbar):
        return image.crossbar
    crossbar = aligned(image.crossbar.shape, np.uint64)
    for cores in image.pieces():
        np.bitwise_and(image.crossbar[cores], ~unused(cores), out=crossbar[cores])
    crossbar.flags.writeable = False  # as the image's own, so that no more has to be compiled
    return crossbar


def _ours(array: npt.NDArray[Any]) -> bool:
    """Whether the array lies in memory that nobody writes to, and in no mapped file."""
    owner: Any = array
    while owner is not None:
        if isinstance(owner, mmap) or (isinstance(owner, np.ndarray) and owner.flags.writeable):
            return False
        owner = owner.obj if isinstance(owner, memoryview) else getattr(owner, "base", None)
    return type(array) is np.ndarray


def _parameters(image: BoardImage, rows: npt.NDArray[np.uint16]) -> dict[str, npt.NDArray[Any]]:
    """Weights, thresholds, reset rules and flags of every block.

    The three reset modes on either side become V <- (V AND keep) + add, so that no lane branches.
    """
    kinds, k, chip = image.neuron_types, len(rows), image.board.chip
    used, rails = rows != 0, chip.potential_range == "rails393216"
    alpha, beta, reset = kinds["alpha"], kinds["beta"], reset_potential(kinds)
    normal, linear = kinds["gamma"] == 0, kinds["gamma"] == 1
    saturates, reverses = kinds["kappa"] != 0, kinds["epsilon"] != 0
    leak, leak_drawn = kinds["leak"].astype(np.int32), kinds["c"] != 0
    drawn, mask = kinds["b"] != 0, (1 << kinds["TM"].astype(np.int32)) - 1
    limited, ceiling = _ceilings(kinds, chip)
    # What is certain to fire at its ceiling alpha, and to be put there, needs no other step than a reset.
    to_alpha = limited & (ceiling == alpha) & (not rails)
    limited &= ~to_alpha

    def spread(table: npt.ArrayLike, unused: int = 0) -> npt.NDArray[Any]:
        return np.where(used, np.asarray(table)[rows], unused)

    def some(table: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        return np.asarray((used & table[rows]).any(axis=1))

    parameters = aligned((k, vector.PARAMETERS, NEURONS), np.int32)
    for row, values in {
        vector.LEAK: spread(leak),
        vector.ALPHA: spread(alpha, unused=POTENTIAL_MAX + 1),
        vector.FLOOR: spread(-beta, unused=POTENTIAL_MIN - 1),
        vector.KEEP_FIRED: spread(np.where(normal | to_alpha, 0, -1)),
        vector.ADD_FIRED: spread(np.select([normal, linear, to_alpha], [reset, -alpha, alpha], 0)),
        vector.KEEP_BELOW: spread(np.where(saturates | normal, 0, -1)),
        vector.ADD_BELOW: spread(np.select([saturates, normal, linear], [-beta, -reset, beta], 0)),
        vector.REVERSAL: spread(-reverses.astype(np.int32)),
        vector.ETA_FIRED: spread(-linear.astype(np.int32)),
        vector.ETA_BELOW: spread(-(linear & ~saturates).astype(np.int32)),
        vector.ETA_FLOOR: spread(saturates.astype(np.int32) - 1),
        vector.ETA_MASK: spread(mask),
        vector.LEAK_DRAWN: spread(np.where(leak_drawn, np.sign(leak), leak)),
        vector.CEILING: spread(np.where(limited, ceiling, POTENTIAL_MAX), unused=POTENTIAL_MAX),
    }.items():
        parameters[:, row] = values

    weights = aligned((k, AXON_TYPES, NEURONS), np.int16)
    magnitudes = aligned((k, AXON_TYPES, NEURONS), np.uint8)
    for g in range(AXON_TYPES):
        s = kinds["s"][:, g]
        weights[:, g] = spread(np.where(drawn[:, g], np.sign(s), s))
        magnitudes[:, g] = spread(np.where(drawn[:, g], abs(s), 255), unused=255)
    leak_magnitudes = aligned((k, NEURONS), np.uint8)
    leak_magnitudes[:] = spread(np.where(leak_drawn, abs(leak), 255), unused=255)

    draws_leak, draws_eta = some(leak_drawn), some(mask != 0)
    draws_weights = some(drawn.any(axis=1))
    draws_any = draws_leak | draws_eta | draws_weights
    turns, limits = some(reverses & (leak != 0)) | rails, some(limited)
    anything = draws_any | turns | limits
    signs, bias, sliced = _sliced(kinds, rows)
    deep = kinds["TM"] > narrow.NARROW_TM
    far = (kinds["gamma"] == 0) & (abs(reset) > narrow.NARROW_MOST)
    heaviest = abs(weights).max(axis=(1, 2))
    byte_weights = aligned(weights.shape, np.int8)
    byte_weights[:] = np.clip(weights, -1, 1)
    flags = (
        anything * arrays.EVERY_FEATURE
        + draws_leak * arrays.DRAWS_LEAK
        + draws_eta * arrays.DRAWS_ETA
        + draws_weights * arrays.DRAWS_WEIGHTS
        + sliced * arrays.SLICED
        + ~(anything | some(far)) * arrays.NARROW
        + (draws_any & ~(draws_weights | turns | limits | some(far | deep))) * arrays.NOISY
        + (heaviest < 128) * arrays.LIGHT
        + (heaviest < 2) * arrays.TRINARY
        + (parameters[:, vector.FLOOR] > -narrow.NARROW_MOST - 1).any(axis=1) * arrays.FLOORS
        + turns * arrays.REVERSES
        + limits * arrays.LIMITED
        + (draws_any & (chip.noise == "xorshift32")) * arrays.SEQUENCE
    )
    return {
        "flags": flags.astype(np.uint16),
        "weights": weights,
        "byte_weights": byte_weights,
        "magnitudes": magnitudes,
        "parameters": parameters,
        "narrow_parameters": _narrow(parameters),
        "leak_magnitudes": leak_magnitudes,
        "signs": signs,
        "bias": bias,
        **draws.drawers(kinds, rows),
    }


def _ceilings(
    kinds: npt.NDArray[np.void], chip: ChipSpec
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int32]]:
    """Which kinds have a ceiling of the potential, and the ceiling that they would have."""
    limited = (kinds["gamma"] == 2) & (chip.no_reset_ceiling != "none")
    mask = (1 << kinds["TM"].astype(np.int32)) - 1
    return limited, kinds["alpha"] + (255 if chip.no_reset_ceiling == "alpha+255" else mask)


def _narrow(parameters: npt.NDArray[np.int32]) -> npt.NDArray[np.int16]:
    """The rows of ``step`` in 16 bits.

    A threshold or floor that no narrow potential reaches becomes one that no 16-bit number reaches;
    what its reset would add is then of no consequence.
    """
    rows = aligned((len(parameters), narrow.NARROW_PARAMETERS, NEURONS), np.int16)
    alpha, floor = parameters[:, vector.ALPHA], parameters[:, vector.FLOOR]
    rows[:] = parameters[:, : narrow.NARROW_PARAMETERS].astype(np.int16)
    rows[:, vector.ALPHA] = np.where(alpha > narrow.NARROW_MOST, 32_767, alpha)
    rows[:, vector.FLOOR] = np.where(floor < -narrow.NARROW_MOST - 1, -32_768, floor)
    return rows


def _sliced(
    kinds: npt.NDArray[np.void], rows: npt.NDArray[np.uint16]
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """What fire_lanes needs of a block: sign of every axon type, bias of every neuron, may it?

    A neuron keeps nothing between ticks if it starts at 0, resets to 0, saturates at 0 and fires from
    1 on; it adds only signs if no weight is drawn or larger than 1. All neurons of a block must agree
    on the sign of a type, because a sign decides whether a row is added or subtracted.
    """
    used = rows != 0
    stateless = (
        (kinds["alpha"] <= 1) & (kinds["beta"] == 0) & (kinds["kappa"] == 1)
        & (kinds["gamma"] == 0) & (kinds["VR"] == 0) & (kinds["V0"] == 0) & (kinds["TM"] == 0)
        & ((kinds["leak"] == 0) | (kinds["epsilon"] == 0) & (kinds["c"] == 0))
        & (abs(kinds["s"]) <= 1).all(axis=1) & (kinds["b"] == 0).all(axis=1)
    )  # fmt: skip
    first = rows[np.arange(len(rows)), used.argmax(axis=1)]
    signs = kinds["s"][first].astype(np.int8)
    agrees = (kinds["s"][rows] == signs[:, None, :]).all(axis=2) & stateless[rows]
    bias = aligned(rows.shape, np.int32)
    bias[:] = np.where(used, kinds["leak"].astype(np.int32)[rows] - kinds["alpha"][rows], -256)
    return signs, bias, np.asarray((agrees | ~used).all(axis=1) & used.any(axis=1))


def _targets(image: BoardImage) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
    """Target words int64 [n, 256] (see kernels/arrays.py), and connector and pin of every output, [m, 2]."""
    n = image.core_count
    words = aligned((n, NEURONS), np.int64)
    outputs, known = [np.zeros((0, 2), np.int32)], 0
    for cores in image.pieces():
        target, row = (part.astype(np.int64) for part in image.destinations(cores))
        dx, dy, _, delay = (part.astype(np.int64) for part in packet.decode(image.targets[cores]))
        x, y = image.positions[cores, 1, None], image.positions[cores, 2, None]
        cores_x, cores_y = image.board.chip.cores_x, image.board.chip.cores_y
        borders = abs((x + dx) // cores_x - x // cores_x) + abs((y + dy) // cores_y - y // cores_y)
        way = (abs(dx) + abs(dy)) << arrays.HOPS_AT | borders << arrays.CROSSINGS_AT
        axon = target << 8 | row
        words[cores] = np.where(
            target == NOT_CONNECTED, arrays.NOWHERE, way | delay << arrays.DELAY_AT | axon
        )
        leaves = target <= -2
        found = np.stack([-2 - target[leaves], row[leaves]], axis=1).astype(np.int32)
        number = known + np.arange(len(found), dtype=np.int64)
        words[cores][leaves] = way[leaves] | number | arrays.OUTPUT
        outputs.append(found)
        known += len(found)
    return words, np.concatenate(outputs)
