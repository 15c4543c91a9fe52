"""Logic and binary arithmetic, tick by tick: gates, a vote, an adder."""

from __future__ import annotations

import numpy as np

from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.group import NeuronGroup
from corelets.language.neuron_types import Repeater, Threshold
from corelets.language.ports import Input, Output
from corelets.language.raster import Raster
from corelets.library.entry import Entry
from tnemu.errors import whole

MOST_BITS = 62
"""Bits of an adder: its model adds 64-bit numbers."""


class And(Corelet):
    """z[i] = x[i] and y[i]."""

    def __init__(self, width: int) -> None:
        self.x, self.y, self.z = Input(width), Input(width), Output(width)
        Threshold(at=2)[width](self.x, self.y) >> self.z

    def model(self, x: Raster, y: Raster) -> Raster:
        """z = x & y."""
        return x & y


class Or(Corelet):
    """z[i] = x[i] or y[i]."""

    def __init__(self, width: int) -> None:
        self.x, self.y, self.z = Input(width), Input(width), Output(width)
        Repeater()[width](self.x, self.y) >> self.z

    def model(self, x: Raster, y: Raster) -> Raster:
        """z = x | y."""
        return x | y


class Not(Corelet):
    """z[i] = not x[i], in every tick, those before the first wave included."""

    def __init__(self, width: int) -> None:
        self.x, self.z = Input(width), Output(width)
        Threshold(at=0)[width](-self.x) >> self.z

    def model(self, x: Raster) -> Raster:
        """z = ~x."""
        return ~x


class Xor(Corelet):
    """z[i] = x[i] or y[i], but not both."""

    def __init__(self, width: int) -> None:
        self.x, self.y, self.z = Input(width), Input(width), Output(width)
        fire = Threshold(at=1)[width]
        (fire(self.x, -self.y) | fire(self.y, -self.x)) >> self.z

    def model(self, x: Raster, y: Raster) -> Raster:
        """z = x ^ y."""
        return x ^ y


class Gate(Corelet):
    """z[i] = x[i] while ``open`` spikes."""

    def __init__(self, width: int) -> None:
        self.x, self.open, self.z = Input(width), Input(), Output(width)
        Threshold(at=2)[width](self.x, self.open) >> self.z

    def model(self, x: Raster, open: Raster) -> Raster:
        """z[t, i] = x[t, i] & open[t]."""
        return x & open


class AtLeast(Corelet):
    """z = at least ``count`` of the ``width`` pins of x spike; more than half of them is a majority.

    ``count`` is 1..256.
    """

    def __init__(self, width: int, count: int) -> None:
        self.x, self.z, self.count = Input(width), Output(), count
        Threshold(at=count)[1](self.x.sum()) >> self.z

    def model(self, x: Raster) -> Raster:
        """z = sum of x >= count."""
        return np.asarray(x.sum(axis=1) >= self.count)


class Adder(Corelet):
    """z = x + y, in binary, pin 0 the lowest bit: ``bits`` pins in, one more out. ``bits`` is 1..62.

    The carry of a bit is a majority; its sum is x + y + carry in - 2 carry out.
    """

    def __init__(self, bits: int) -> None:
        self.bits = whole(f"{self.describe()}: bits", bits, 1, MOST_BITS, error=CoreletError)
        self.x, self.y, self.z = Input(bits), Input(bits), Output(bits + 1)
        carry: list[NeuronGroup] = []
        for k in range(bits):
            given = (self.x[k], self.y[k], *carry)
            carry = [Threshold(at=2)[1](*given)]
            Threshold(at=1)[1](*given, -2 * carry[0]) >> self.z[k]
        carry[0] >> self.z[bits]

    def model(self, x: Raster, y: Raster) -> Raster:
        """The bits of the sum of the numbers."""
        weights = 1 << np.arange(self.bits + 1)
        total = (x + y.astype(np.int64)) @ weights[:-1]
        return np.asarray(total[:, None] & weights > 0)


_GATES = "this project; the neuron as a gate: Cassidy et al., IJCNN 2013"

ENTRIES = (
    Entry(And, _GATES, lambda _: 2, (lambda: And(5),)),
    Entry(Or, _GATES, lambda _: 2, (lambda: Or(5),)),
    Entry(Not, _GATES, lambda _: 2, (lambda: Not(5),)),
    Entry(Xor, _GATES, lambda _: 2, (lambda: Xor(5), lambda: Xor(200))),
    Entry(Gate, _GATES, lambda _: 2, (lambda: Gate(5),)),
    Entry(
        AtLeast,
        _GATES,
        lambda _: 2,
        (lambda: AtLeast(5, 3), lambda: AtLeast(256, 100), lambda: AtLeast(1, 1)),
    ),
    Entry(
        Adder,
        "this project; a ripple of majorities",
        lambda adder: adder.bits + 2,
        (lambda: Adder(8), lambda: Adder(1), lambda: Adder(20)),
    ),
)
