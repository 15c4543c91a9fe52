"""Corelets that remember: latches, a thermometer, a machine of states."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from corelets.language.codes import Thermometer
from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.neuron_types import Latch, Level, Repeater, Threshold
from corelets.language.ports import Input, Output
from corelets.language.raster import Raster
from corelets.language.weights import CLEAR
from corelets.library.entry import Entry
from tnemu.errors import whole
from tnemu.hardware.exact import exact


class SRLatch(Corelet):
    """q[i] spikes in every tick from set[i] on until reset[i] clears it; reset wins."""

    def __init__(self, width: int) -> None:
        self.set, self.reset, self.q = Input(width), Input(width), Output(width)
        Latch()[width](self.set, CLEAR * self.reset) >> self.q

    def model(self, set: Raster, reset: Raster) -> Raster:
        """q[t] = (q[t - 1] | set[t]) & ~reset[t]."""
        q, on = np.zeros_like(set), np.zeros(set.shape[1], np.bool_)
        for t in range(len(set)):
            q[t] = on = (on | set[t]) & ~reset[t]
        return q


class DLatch(Corelet):
    """q[i] = d[i] in ticks in which ``enable`` spikes, and what it was then in the others."""

    def __init__(self, width: int) -> None:
        self.d, self.enable, self.q = Input(width), Input(), Output(width)
        set = Threshold(at=2)[width](self.d, self.enable)
        reset = Threshold(at=1)[width](self.enable, -self.d)
        Latch()[width](set, CLEAR * reset) >> self.q

    def model(self, d: Raster, enable: Raster) -> Raster:
        """q[t] = d[t] if enable[t] else q[t - 1]."""
        q, held = np.zeros_like(d), np.zeros(d.shape[1], np.bool_)
        for t in range(len(d)):
            q[t] = held = d[t] if enable[t, 0] else held
        return q


class UpDown(Corelet):
    """A count, from 0, that ``up`` and ``down`` move: level[k] = count > k. It does not fall below 0.

    Beyond ``levels`` it counts on, and comes back when it has gone down as often.
    """

    def __init__(self, levels: int) -> None:
        self.up, self.down, self.level = Input(), Input(), Output(levels, code=Thermometer())
        Level(at=np.arange(1, levels + 1))[levels](self.up, -self.down) >> self.level

    def model(self, up: Raster, down: Raster) -> Raster:
        """count <- max(0, count + up - down)."""
        levels = self.ports["level"].width
        answer, count = np.zeros((len(up), levels), np.bool_), 0
        for t, step in enumerate(up[:, 0].astype(int) - down[:, 0]):
            count = max(0, count + int(step))
            answer[t] = count > np.arange(levels)
        return answer


class StateMachine(Corelet):
    """state[s] = the machine is in state s, after the symbol of this tick: s <- table[s, symbol].

    ``table`` [states, symbols] holds the numbers of states; it begins in ``start``. A tick without a
    symbol changes nothing; at most one symbol comes in a tick.
    """

    def __init__(self, table: npt.ArrayLike, start: int = 0) -> None:
        what = self.describe()
        self.table = exact(table, np.int64, f"{what}: table", CoreletError, low=0)
        if self.table.ndim != 2 or not self.table.size or self.table.max() >= len(self.table):
            raise CoreletError(
                f"{what}: table of shape {self.table.shape} with states up to "
                f"{self.table.max(initial=0)}; give the next state for [state, symbol], of as many states"
            )
        states, symbols = self.table.shape
        self.start = whole(f"{what}: start", start, 0, states - 1, error=CoreletError)
        self.symbol, self.state = Input(symbols), Output(states)
        into = np.arange(states)[:, None] == self.table.ravel()
        hold = Threshold(at=1, V0=np.arange(states) == start)[states](-self.symbol.sum())
        move = Threshold(at=2)[states, symbols](self.symbol.reshape(1, symbols))
        hold.loop(1) >> hold
        into @ move.flat.loop(1) >> hold
        hold.reshape(states, 1).loop(1) >> move
        into[:, None] @ move.flat.loop(1) >> move
        Repeater()[states](hold, into @ move.flat) >> self.state

    def model(self, symbol: Raster) -> Raster:
        """One state at a time."""
        answer, state = np.zeros((len(symbol), len(self.table)), np.bool_), self.start
        for t, row in enumerate(symbol):
            for which in np.flatnonzero(row):
                state = int(self.table[state, which])
            answer[t, state] = True
        return answer


def one_symbol(symbols: int) -> object:
    """A stimulus: at most one symbol in a tick."""

    def draw(rng: np.random.Generator, ticks: int) -> dict[str, Raster]:
        return {"symbol": rng.integers(0, symbols + 1, (ticks, 1)) == np.arange(symbols)}

    return draw


_TURNSTILE = [[1, 0, 0], [2, 0, 1], [2, 3, 0], [4, 3, 1], [0, 4, 4]]

ENTRIES = (
    Entry(SRLatch, "this project", lambda _: 2, (lambda: SRLatch(4),)),
    Entry(DLatch, "this project", lambda _: 3, (lambda: DLatch(4), lambda: DLatch(1))),
    Entry(UpDown, "this project", lambda _: 2, (lambda: UpDown(6), lambda: UpDown(1))),
    Entry(
        StateMachine,
        "this project",
        lambda _: 3,
        (lambda: StateMachine(_TURNSTILE), lambda: StateMachine(_TURNSTILE, 3)),
        stimulus=lambda machine: one_symbol(machine.symbol.width),
    ),
)
