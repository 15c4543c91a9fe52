"""Sixty-four ticks or boards at once: one bit for each, neurons added and compared as bit planes.

A word of 64 bits holds one axon's spikes in 64 independent evaluations of a core ("lanes"): boards, or
ticks of one board. A neuron that keeps nothing between them and adds only +1 and -1

    fires  <=>  sum of + inputs  -  sum of - inputs  +  bias  >=  0
           <=>  number of + inputs that are 1 and - inputs that are 0  >=  (- inputs) - bias

so with the words of the - axons inverted there is one sum, of the neuron's synapses (lists.py). It is kept
as bit planes, plane p the bit p of the sum in every lane; an input is added by carry-save adders on whole
words. The planes begin at 512 - threshold: plane 9 is then 1 where the neuron fires.
"""

from __future__ import annotations

from typing import Any

from tnemu.emulator.engines.compiled.kernels.emit import I16, I64, Emit, instruction

PLANES = 10  # sums of up to 256 inputs on top of a start of up to 512
TOP = 1 << (PLANES - 1)


def _add3(e: Emit, x: Any, y: Any, z: Any) -> tuple[Any, Any]:
    """Full adder of three planes: (sum, carry)."""
    b = e.b
    both = b.xor(x, y)
    return b.xor(both, z), b.or_(b.and_(x, y), b.and_(both, z))


def _add_eight(e: Emit, planes: list[Any], x: list[Any]) -> list[Any]:
    """The planes with eight more words added: seven full adders, and one carry through the rest."""
    b = e.b
    ones, twos, fours, *high = planes
    ones, two_a = _add3(e, ones, x[0], x[1])
    ones, two_b = _add3(e, ones, x[2], x[3])
    twos, four_a = _add3(e, twos, two_a, two_b)
    ones, two_a = _add3(e, ones, x[4], x[5])
    ones, two_b = _add3(e, ones, x[6], x[7])
    twos, four_b = _add3(e, twos, two_a, two_b)
    fours, carry = _add3(e, fours, four_a, four_b)
    rippled = []
    for plane in high:
        rippled.append(b.xor(plane, carry))
        carry = b.and_(plane, carry)
    return [ones, twos, fours, *rippled]


def _fire(e: Emit, width: int, at: tuple[Any, ...]) -> None:
    """The neurons of a core in ``width`` words of lanes at once, as one vector."""
    words_at, synapses_at, eights_at, starts_at, neurons, fired_at = at
    b = e.b
    row = e.word(2 + width.bit_length())  # log2 of the bytes of an axon's words

    def in_all_lanes(bit: Any) -> Any:
        return e.spread(bit, width) if width > 1 else bit

    def one_neuron(neuron: Any, carried: list[Any]) -> list[Any]:
        start = b.sext(e.load(b.add(starts_at, b.shl(neuron, e.word(1))), I16), I64)
        eights = b.zext(e.load(b.add(eights_at, b.shl(neuron, e.word(1))), I16), I64)
        bits = [b.ashr(b.shl(start, e.word(63 - p)), e.word(63)) for p in range(PLANES)]

        def eight(_index: Any, carried: list[Any]) -> list[Any]:
            list_at, *planes = carried
            x = []
            for k in range(8):
                axon = b.zext(e.load(e.at(list_at, 2 * k), I16), I64)
                x.append(e.load(b.add(words_at, b.shl(axon, row)), I64, width))
            return [e.at(list_at, 16), *_add_eight(e, planes, x)]

        list_at, *planes = e.loop(eights, [carried[0], *map(in_all_lanes, bits)], eight)
        e.store(planes[-1], b.add(fired_at, b.shl(neuron, row)))
        return [list_at]

    e.loop(neurons, [synapses_at], one_neuron)


@instruction
def fire_64(e, words_at, synapses_at, eights_at, starts_at, neurons, fired_at):
    """fired[d] = lanes in which neuron d fires, for ``neurons`` neurons in 64 lanes.

    words: uint64 [257], of every axon, those of - axons inverted, the last one 0. synapses: uint16, the
    axons of all neurons one after the other, each neuron's filled up to eights with 256. eights: int16, how
    many eights a neuron has. starts: int16, 512 - threshold. fired: uint64 [neurons].
    """
    _fire(e, 1, (words_at, synapses_at, eights_at, starts_at, neurons, fired_at))


@instruction
def fire_256(e, words_at, synapses_at, eights_at, starts_at, neurons, fired_at):
    """The same in 256 lanes: words are uint64 [257, 4], fired uint64 [neurons, 4]."""
    _fire(e, 4, (words_at, synapses_at, eights_at, starts_at, neurons, fired_at))
