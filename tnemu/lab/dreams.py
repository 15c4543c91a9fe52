"""Boltzmann machines that dream: on a board tick by tick, or by the chain as a fast operator.

A dream begins at a state of all visible units. Those that are not free are held to it; the others are
sampled, step by step. Both ways give v after each step, and are the same in distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from corelets.boltzmann import BoltzmannMachine
from tnemu.emulator.lanes import LaneEmulator, LaneSpikes
from tnemu.errors import TnemuError, shown, whole
from tnemu.hardware.board import BoardSpec
from tnemu.mapping.fit import fit
from tnemu.networks.boltzmann.chain import Chain
from tnemu.networks.boltzmann.machine import Bits, Rounded
from tnemu.networks.boltzmann.sampler import Curve

MOST_STEPS = 1_000_000
LANES = 64
"""Boards that run side by side, unless told otherwise."""


class DreamError(TnemuError, ValueError):
    """What is to be dreamt does not fit the machine."""


@dataclass(frozen=True, eq=False)
class Dream:
    """``visible`` bool [steps, n, visible] and ``hidden`` bool [steps, n, hidden]: hidden[k] was sampled
    from the state before visible[k].
    """

    visible: Bits
    hidden: Bits


class Dreamer(Protocol):
    """Something that dreams."""

    def dream(self, start: npt.ArrayLike, free: npt.ArrayLike, steps: int) -> Dream:
        """``steps`` samples from ``start`` bool [n, visible]; ``free`` bool [visible] or [n, visible]."""
        ...


class OperatorDreamer:
    """Dreams by the chain of ``machine``: a matrix product and a look-up a layer."""

    def __init__(self, machine: Rounded, curve: Curve, seed: int = 0) -> None:
        self._machine, self._chain = machine, Chain(machine, curve, seed)

    def dream(self, start: npt.ArrayLike, free: npt.ArrayLike, steps: int) -> Dream:
        """As :class:`Dreamer`."""
        v, open_, steps = _checked(start, free, steps, self._machine.weights.shape[0])
        visible, hidden = [], []
        for _ in range(steps):
            hidden.append(self._chain.hidden(v))
            v = np.where(open_, self._chain.visible(hidden[-1]), v)
            visible.append(v)
        return Dream(np.array(visible), np.array(hidden))


class BoardDreamer:
    """Dreams on boards of ``machine``'s cores, ``lanes`` at once; seed k of lane k is ``seed`` + k.

    It goes on in time: pictures that are dreamt later are dreamt by the same boards, a step after the
    last one. ``counters`` are those of all boards together. Raises FitError for a board that is too
    small.
    """

    def __init__(
        self,
        machine: BoltzmannMachine,
        board: BoardSpec | str = "ns1e",
        *,
        lanes: int = LANES,
        seed: int = 0,
    ) -> None:
        self.machine, self.plan = machine, fit(machine, board)
        self.lanes = lanes
        whole("seed", seed, 0, 2**32 - 1 - lanes, error=DreamError)
        self.chip = LaneEmulator(
            self.plan.image, lanes, noise_seed=[seed + lane for lane in range(lanes)]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.chip.close()

    def dream(
        self,
        start: npt.ArrayLike,
        free: npt.ArrayLike,
        steps: int,
        watch: Callable[[int], None] | None = None,
    ) -> Dream:
        """As :class:`Dreamer`, ``lanes`` pictures after ``lanes`` pictures; ``watch`` is told of each
        step. A spike that comes off schedule raises DreamError: that would be a fault of tnemu's.
        """
        v, open_, steps = _checked(start, free, steps, self.machine.visible.width)
        open_ = np.broadcast_to(open_, v.shape)
        found = []
        for first in range(0, len(v), self.lanes):
            some = slice(first, first + self.lanes)
            found.append(self._batch(v[some], open_[some], steps, watch))
        return Dream(
            np.concatenate([dream.visible for dream in found], axis=1),
            np.concatenate([dream.hidden for dream in found], axis=1),
        )

    def _batch(self, v: Bits, free: Bits, steps: int, watch: Callable[[int], None] | None) -> Dream:
        m, chip = self.machine, self.chip
        begin = chip.tick
        visible = np.zeros((steps + 1, len(v), v.shape[1]), np.bool_)
        hidden = np.zeros((steps + 1, len(v), m.hidden.width), np.bool_)
        for k in range(steps + 1):
            start = begin + k * m.step_ticks
            self._steer(start, v, free if k else np.zeros_like(free))
            out = chip.run(m.step_ticks)
            self._read(out, "visible", start + m.LEAD, visible[k])
            self._read(out, "hidden", start + m.LEAD + m.period, hidden[k])
            if watch is not None:
                watch(k)
        return Dream(visible[1:], hidden[:-1])

    def _steer(self, start: int, v: Bits, free: Bits) -> None:
        """Control and clamps of the step of which ``start`` is the first source tick."""
        m = self.machine
        raster = np.zeros((1 + max(p.tick for p in m.pulses), m.control.width), np.bool_)
        for pulse in m.pulses:
            raster[pulse.tick, pulse.pin] = True
        for tick in np.flatnonzero(raster.any(axis=1)).tolist():
            every = np.broadcast_to(raster[tick], (self.lanes, m.control.width))
            self.chip.inject_pins("control", every, start + tick)
        for name, held in (("set_on", v & ~free), ("set_off", ~v & ~free)):
            pins = np.zeros((self.lanes, v.shape[1]), np.bool_)
            pins[: len(v)] = held
            self.chip.inject_pins(name, pins, start + m.LEAD - 1)

    def _read(self, out: LaneSpikes, name: str, tick: int, sample: Bits) -> None:
        records, index = out.spikes.records, out.spikes.index(name)
        mine = records["connector"] == index
        late = mine & (records["tick"] != tick)
        if late.any():
            spike = records[late][0]
            raise DreamError(
                f"{name} unit {spike['pin']} fired in tick {spike['tick']}, not in {tick}: the schedule "
                "does not hold; please report the machine and the sampler"
            )
        mine &= out.lane < len(sample)
        sample[out.lane[mine], records["pin"][mine]] = True


def _checked(
    start: npt.ArrayLike, free: npt.ArrayLike, steps: int, visible: int
) -> tuple[Bits, Bits, int]:
    v, open_ = np.asarray(start), np.asarray(free)
    if v.dtype != np.bool_ or v.ndim != 2 or v.shape[1] != visible or not len(v):
        raise DreamError(
            f"a dream cannot begin at {shown(v)}: the machine has {visible:,} visible units; give bool "
            f"[pictures, {visible}]"
        )
    if open_.dtype != np.bool_ or open_.shape not in ((visible,), v.shape):
        raise DreamError(
            f"free = {shown(open_)}: give bool [{visible}], or one row for each of {len(v):,} pictures"
        )
    return v, open_, whole("steps", steps, 1, MOST_STEPS, error=DreamError)
