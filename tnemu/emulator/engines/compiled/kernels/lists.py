"""The synapses of cores without memory as lists, a neuron's one after the other (sliced.py).

Neurons of a core with the same synapses and the same threshold fire together: one of them, the first, is
evaluated for all. Networks have many such twins, because a neuron sends to one axon only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from tnemu.emulator.engines.compiled.kernels.arrays import EIGHT_COST, LIST_CORE_COST
from tnemu.emulator.engines.compiled.kernels.sliced import TOP, fire_64, fire_256
from tnemu.emulator.engines.compiled.kernels.words import lowest_bit, ones_in


class Lists(NamedTuple):
    """Of m cores, with d different neurons in all."""

    place: Any  # int32 [n]  which of them a core is, or -1
    minus: Any  # int8 [m, 256]  -1 where an axon's inputs are subtracted, else 0
    stands: Any  # uint8 [m, 256]  the number, in its core, of the neuron that stands for a neuron
    first: Any  # int64 [m + 1]  where the neurons of a core begin
    begins: Any  # int64 [m + 1]  where their synapses do
    eights: Any  # int16 [d]  eights of synapses
    starts: Any  # int16 [d]  512 - threshold
    synapses: Any  # uint16 [eights x 8]  axons; 256 is none


@njit(cache=True, nogil=True)
def columns_of(crossbar, signs, types, bias, columns, thresholds, number, stands):
    """The different neurons of one core, in order of their first; returns how many, and their eights.

    columns: uint64 [256, 4], out: the axons of each that count. thresholds, number: int64 [256], out:
    thresholds, and synapses of each. stands: uint8 [256], out.
    """
    columns[:] = 0
    below = np.zeros(256, np.int64)
    for axon in range(256):
        sign = signs[types[axon >> 2] >> ((axon & 3) << 1) & 3]
        if sign == 0:
            continue
        mine = np.uint64(1) << np.uint64(axon & 63)
        for part in range(4):
            bits = crossbar[axon, part]
            while bits != np.uint64(0):
                j = (part << 6) + lowest_bit(bits)
                bits &= bits - np.uint64(1)
                columns[j, axon >> 6] |= mine
                below[j] += sign < 0
    table = np.full(512, -1, np.int64)  # open addressing: 256 entries at most
    count, eights = 0, 0
    for j in range(256):
        threshold = min(max(below[j] - bias[j], 0), TOP)
        key = np.uint64(threshold)
        for part in range(4):
            key = (key ^ columns[j, part]) * np.uint64(0x9E3779B97F4A7C15)
            key ^= key >> np.uint64(29)
        at = np.int64(key & np.uint64(511))
        while table[at] >= 0:
            other = table[at]
            same = thresholds[other] == threshold
            for part in range(4):
                same &= columns[other, part] == columns[j, part]
            if same:
                break
            at = (at + 1) & 511
        if table[at] < 0:
            table[at] = count
            thresholds[count] = threshold
            number[count] = 0
            for part in range(4):
                columns[count, part] = columns[j, part]  # count <= j: nobody needs its own any more
                number[count] += ones_in(columns[j, part])
            eights += (number[count] + 7) >> 3
            count += 1
        stands[j] = table[at]
    return count, eights


@njit(cache=True, nogil=True)
def count_lists(board, cores, stands, first, begins):
    """Where each core's neurons and synapses begin; which neuron stands for which."""
    columns = np.zeros((256, 4), np.uint64)
    thresholds, number = np.zeros(256, np.int64), np.zeros(256, np.int64)
    for m in range(len(cores)):
        core, block = cores[m], board.block[cores[m]]
        count, eights = columns_of(
            board.crossbar[core], board.signs[block], board.axon_types[core], board.bias[block],
            columns, thresholds, number, stands[m],
        )  # fmt: skip
        first[m + 1] = first[m] + count
        begins[m + 1] = begins[m] + 8 * eights


@njit(cache=True, nogil=True)
def fill_lists(board, cores, lists):
    """The neurons and synapses of every core."""
    columns = np.zeros((256, 4), np.uint64)
    thresholds, number = np.zeros(256, np.int64), np.zeros(256, np.int64)
    for m in range(len(cores)):
        core, block = cores[m], board.block[cores[m]]
        types = board.axon_types[core]
        count, _ = columns_of(
            board.crossbar[core], board.signs[block], types, board.bias[block],
            columns, thresholds, number, lists.stands[m],
        )  # fmt: skip
        for axon in range(256):
            sign = board.signs[block][types[axon >> 2] >> ((axon & 3) << 1) & 3]
            lists.minus[m, axon] = -1 if sign < 0 else 0
        at = lists.begins[m]
        for d in range(count):
            lists.eights[lists.first[m] + d] = (number[d] + 7) >> 3
            lists.starts[lists.first[m] + d] = TOP - thresholds[d]
            for part in range(4):
                bits = columns[d, part]
                while bits != np.uint64(0):
                    lists.synapses[at] = (part << 6) + lowest_bit(bits)
                    bits &= bits - np.uint64(1)
                    at += 1
            while at & 7:
                lists.synapses[at] = 256
                at += 1


@njit(cache=True, nogil=True)
def fire_core(lists, m, words, inverted, fired):
    """The lanes in which the different neurons of core m fire: fired uint64 [256, width]; returns how many.

    words: uint64 [257, width], lanes in which each axon is active, the last one 0; width 1 or 4.
    inverted: the same shape, for work.
    """
    minus, width = lists.minus[m], words.shape[1]
    for axon in range(256):
        for part in range(width):
            inverted[axon, part] = words[axon, part] ^ np.uint64(np.int64(minus[axon]))
    first, count = lists.first[m], lists.first[m + 1] - lists.first[m]
    words_at, fired_at = inverted.ctypes.data, fired.ctypes.data
    synapses_at = lists.synapses.ctypes.data + (lists.begins[m] << 1)
    eights_at = lists.eights.ctypes.data + (first << 1)
    starts_at = lists.starts.ctypes.data + (first << 1)
    if width == 1:
        fire_64(words_at, synapses_at, eights_at, starts_at, count, fired_at)
    else:
        fire_256(words_at, synapses_at, eights_at, starts_at, count, fired_at)
    return count


@njit(cache=True, nogil=True)
def cost_of(lists, m):
    """What fire_core costs."""
    return LIST_CORE_COST + ((lists.begins[m + 1] - lists.begins[m]) >> 3) * EIGHT_COST
