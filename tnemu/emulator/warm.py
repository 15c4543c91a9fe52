"""Compile an engine before anyone waits for it."""

from __future__ import annotations

import numpy as np

from tnemu.emulator.emulator import Emulator
from tnemu.emulator.engines import DEFAULT, find
from tnemu.emulator.lanes import LaneEmulator
from tnemu.hardware.board import load_board
from tnemu.hardware.image import BoardImage
from tnemu.hardware.neuron import AXONS, NEURON_DTYPE, NEURONS


def warm(engine: str = DEFAULT) -> None:
    """Compile, or load from disk, everything that a run needs, on a board of one empty core."""
    one = np.zeros((1, NEURONS), np.uint8)
    image = BoardImage(
        board=load_board("tiny"),
        positions=np.zeros((1, 3), np.int32),
        core_ids=np.zeros(1, np.int64),
        seeds=np.zeros(1, np.uint32),
        axon_types=one,
        crossbar=np.zeros((1, AXONS, NEURONS // 64), np.uint64),
        neuron_types=np.zeros(1, NEURON_DTYPE),
        types=one.astype(np.uint16),
        targets=one.astype(np.uint32),
    )
    Emulator(image, engine=engine).run(1)
    if find(engine).lanes:
        LaneEmulator(image, 1, engine=engine).run(1)
