"""The ways to run a board that the conformance cases are proved on, each with an Emulator's methods.

Every engine of the registry joins by itself: alone, on two threads if it has them, in lanes if it has
those. Nothing here asks for what is not public.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines import registry
from tnemu.emulator.lanes import LaneEmulator
from tnemu.emulator.spikes import NeuronSpikes, OutputSpikes
from tnemu.emulator.state import Counters
from tnemu.hardware import BoardImage

WORD = 64
"""A thread owns whole words of so many cores."""
LANES = 2


class TwoThreads(Emulator):
    """The cores of the image by turns on the second thread and on the first, among empty cores.

    So neighbours are never on one thread, and a core that is alone is not on the caller's.
    """

    def __init__(self, image: BoardImage, engine: str) -> None:
        image.validate()  # what it refuses names the cores as the case knows them
        core = np.arange(image.core_count)
        self._at = core // 2 + WORD * (1 - core % 2)
        self._core_at = np.zeros(2 * WORD, np.int64)
        self._core_at[self._at] = core
        super().__init__(_among_empty(image, self._at), engine=engine, threads=2)
        assert self.threads == 2

    @property
    def potentials(self) -> npt.NDArray[np.int32]:
        return super().potentials[self._at]

    def inject(self, core: npt.ArrayLike, axon: npt.ArrayLike, tick: npt.ArrayLike) -> None:
        super().inject(self._at[core], axon, tick)

    def run(
        self, ticks: int, *, record_spikes: bool | Sequence[int] = False, **more: Any
    ) -> OutputSpikes:
        if not isinstance(record_spikes, bool):
            record_spikes = self._at[list(record_spikes)].tolist()
        out = super().run(ticks, record_spikes=record_spikes, **more)
        if record_spikes is not False:
            records = self.last_spikes.records
            records["core"] = self._core_at[records["core"]]
            records.sort(order=["tick", "core", "neuron"])
        return out


def _among_empty(image: BoardImage, at: npt.NDArray[np.intp]) -> BoardImage:
    """The image with core k as core ``at[k]`` of two words of cores, and more chips if it needs them."""
    board = image.board
    if board.core_count < 2 * WORD:
        board = board.override({"chips_y": -(-2 * WORD // board.core_count)})
    taken = set(map(tuple, image.positions[:, 1:].tolist()))
    free = ((x, y) for y in range(board.height) for x in range(board.width) if (x, y) not in taken)
    others = np.setdiff1d(np.arange(2 * WORD), at)

    def spread(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        wide = np.zeros((2 * WORD, *array.shape[1:]), array.dtype)
        wide[at] = array
        return wide

    positions, core_ids = spread(image.positions), spread(image.core_ids)
    positions[others, 1:] = list(islice(free, len(others)))
    core_ids[others] = image.core_ids.max() + 1 + others
    inputs = []
    for connector in image.inputs:
        taps = connector.taps.copy()
        taps["core"] = at[taps["core"]]
        inputs.append(replace(connector, taps=taps))
    arrays = ("seeds", "axon_types", "crossbar", "types", "targets")
    return replace(
        image,
        board=board,
        positions=positions,
        core_ids=core_ids,
        inputs=tuple(inputs),
        **{name: spread(getattr(image, name)) for name in arrays},
    )


class InLanes:
    """The board in every lane, given the same input: whatever is asked, all lanes must say the same."""

    def __init__(self, image: BoardImage, engine: str) -> None:
        self._boards = LaneEmulator(image, LANES, engine=engine)
        self.last_spikes: NeuronSpikes | None = None

    def inject(self, core: npt.ArrayLike, axon: npt.ArrayLike, tick: npt.ArrayLike) -> None:
        self._boards.inject(core, axon, tick)

    def inject_pins(self, name: str, pins: npt.ArrayLike, tick: int) -> None:
        spikes = np.zeros((LANES, self._boards.image.input(name).width), np.bool_)
        spikes[:, pins] = True
        self._boards.inject_pins(name, spikes, tick)

    def step(self) -> OutputSpikes:
        return self._same(self._boards.step())

    def run(self, ticks: int, *, record_spikes: bool | Sequence[int] = False) -> OutputSpikes:
        out = self._boards.run(ticks, record_spikes=record_spikes)
        if record_spikes is not False:
            self.last_spikes = self._same(self._boards.last_spikes)
        return self._same(out)

    @staticmethod
    def _same(spikes: Any) -> Any:
        """What every lane says, if all say the same."""
        first, *others = (spikes.of(lane) for lane in range(LANES))
        assert all(np.array_equal(first.records, other.records) for other in others)
        return first

    @property
    def potentials(self) -> npt.NDArray[np.int32]:
        first, *others = self._boards.potentials
        assert all(np.array_equal(first, other) for other in others)
        return first

    @property
    def counters(self) -> Counters:
        return Counters(*map(_share, astuple(self._boards.counters)))

    @property
    def in_flight(self) -> int:
        return _share(self._boards.in_flight)


def _share(total: int) -> int:
    """One lane's part of what all lanes count together."""
    share, rest = divmod(total, LANES)
    assert rest == 0
    return share


def ways() -> dict[str, Callable[[BoardImage], Any]]:
    """Every way by name, in the order of the registry."""
    found: dict[str, Callable[[BoardImage], Any]] = {}
    for name, entry in registry().items():
        found[name] = partial(Emulator, engine=name)
        if entry.threads:
            found[name] = partial(Emulator, engine=name, threads=1)
            found[f"{name}-two-threads"] = partial(TwoThreads, engine=name)
        if entry.lanes:
            found[f"{name}-lanes"] = partial(InLanes, engine=name)
    return found


ENGINES = ways()
