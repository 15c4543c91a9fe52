"""The ways to run a board that the conformance cases are proved on, each with an Emulator's methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.lanes import LaneEmulator
from tnemu.emulator.spikes import NeuronSpikes, OutputSpikes
from tnemu.emulator.state import Counters
from tnemu.hardware import AXONS, BoardImage, InputConnector
from tnemu.hardware.image import TAP_DTYPE

WORD = 64
"""A thread owns whole words of so many cores."""
LANES = 2


class TwoThreads(Emulator):
    """The cores of the image by turns on the second thread and on the first, among empty cores.

    So neighbours are never on one thread, and a core that is alone is not on the caller's.
    """

    def __init__(self, image: BoardImage) -> None:
        image.validate()  # what it refuses names the cores as the case knows them
        core = np.arange(image.core_count)
        self._at = core // 2 + WORD * (1 - core % 2)
        self._core_at = np.zeros(2 * WORD, np.int64)
        self._core_at[self._at] = core
        super().__init__(_among_empty(image, self._at), threads=2)
        assert self._engine.board.bounds.tolist() == [0, WORD, 2 * WORD]

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
    """The board in every lane, given the same input: whatever is asked, all lanes must say the same.

    Lanes do not record which neuron fired when. A single board beside them does; after every tick of
    such a run each core must have fired as often in every lane, and at its end have those potentials.
    """

    def __init__(self, image: BoardImage) -> None:
        axons = np.zeros(AXONS * image.core_count, TAP_DTYPE)
        pins = axons["pin"] = np.arange(len(axons))
        axons["core"], axons["axon"], axons["delay"] = pins // AXONS, pins % AXONS, 1
        image.validate()
        direct = InputConnector("axons", len(axons), axons)
        self._boards = LaneEmulator(replace(image, inputs=(*image.inputs, direct)), LANES)
        self._beside = Emulator(image, threads=1)
        self.last_spikes: NeuronSpikes | None = None

    def inject(self, core: npt.ArrayLike, axon: npt.ArrayLike, tick: npt.ArrayLike) -> None:
        self._beside.inject(core, axon, tick)
        for one, row, when in np.broadcast(core, np.asarray(axon, np.int64), tick):
            self._pin("axons", AXONS * one + row, when - 1)

    def inject_pins(self, name: str, pins: npt.ArrayLike, tick: int) -> None:
        self._beside.inject_pins(name, pins, tick)
        given = np.asarray(pins)
        for pin in np.flatnonzero(given) if given.dtype == np.bool_ else given:
            self._pin(name, pin, tick)

    def _pin(self, name: str, pin: int, tick: int) -> None:
        spikes = np.zeros((LANES, self._boards.image.input(name).width), np.bool_)
        spikes[:, pin] = True
        self._boards.inject_pins(name, spikes, int(tick))

    def step(self) -> OutputSpikes:
        return self.run(1)

    def run(self, ticks: int, *, record_spikes: bool | Sequence[int] = False) -> OutputSpikes:
        if record_spikes is False:
            self._beside.run(ticks)
            return self._run(ticks)
        out, fired = [], []
        (word,) = self._boards._words
        for _ in range(ticks):
            out.append(self._run(1).records)
            self._beside.run(1, record_spikes=record_spikes)
            fired.append(self._beside.last_spikes.records)
            assert (word.machine["fired"] == LANES * self._beside.firings).all()
        assert np.array_equal(self.potentials, self._beside.potentials)
        self.last_spikes = NeuronSpikes(np.concatenate(fired))
        return OutputSpikes(np.concatenate(out), self._boards.image.outputs)

    def _run(self, ticks: int) -> OutputSpikes:
        out = self._boards.run(ticks)
        first, *others = (out.of(lane) for lane in range(LANES))
        assert all(first.records.tolist() == other.records.tolist() for other in others)
        return first

    @property
    def potentials(self) -> npt.NDArray[np.int32]:
        first, *others = self._boards.potentials
        assert all(np.array_equal(first, other) for other in others)
        return first

    @property
    def counters(self) -> Counters:
        total = self._boards.counters
        shares = {field.name: divmod(getattr(total, field.name), LANES) for field in fields(total)}
        assert all(rest == 0 for _, rest in shares.values())
        return Counters(**{name: share for name, (share, _) in shares.items()})

    @property
    def in_flight(self) -> int:
        (word,) = self._boards._words
        waiting = sum(int(np.bitwise_count(lanes).sum()) for _, lanes in word.pending)
        total = waiting + int(np.bitwise_count(word.machine["words"]).sum())
        assert total % LANES == 0
        return total // LANES


ENGINES: dict[str, Callable[[BoardImage], Any]] = {
    "reference": partial(Emulator, engine="reference"),
    "numba": partial(Emulator, engine="numba", threads=1),
    "two-threads": TwoThreads,
    "lanes": InLanes,
}
