"""What every suite shares: reproducible property tests, and one small board image."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

# Before anything imports matplotlib: no test may need a screen.
os.environ.setdefault("MPLBACKEND", "Agg")
# Before anything imports typer, which takes it for a terminal, and that for one of 80 columns.
os.environ.pop("PY_COLORS", None)

import numpy as np
import pytest
from hypothesis import settings

from tnemu.hardware import (
    AXONS,
    NEURON_DTYPE,
    NEURONS,
    BoardImage,
    InputConnector,
    OutputConnector,
    load_board,
    neuron,
    packet,
)
from tnemu.hardware.image import TAP_DTYPE

# A shell starts what is put into the background with these ignored, and so would every process that a
# test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

# A slow machine is no failure, and a failure must be the same one tomorrow.
settings.register_profile("tnemu", deadline=None, derandomize=True)
settings.load_profile("tnemu")


@pytest.fixture
def relay() -> Callable[[], BoardImage]:
    """Builds an image on the tiny board: pin "in" 0 -> core 0 -> core 1 -> pin "out" 5.

    Core 0 at x=0 y=0 and core 1 at x=4 y=3 (the other chip); axon 0 drives neuron 0 of both, which
    fires at once. Core 1 sends to the exit east of it. Arrays are fresh: tests may damage them.
    """

    def build() -> BoardImage:
        crossbar = np.zeros((2, AXONS, NEURONS // 64), np.uint64)
        crossbar[:, 0, 0] = 1
        types = np.zeros((2, NEURONS), np.uint16)
        types[:, 0] = 1
        targets = np.zeros((2, NEURONS), np.uint32)
        targets[0, 0] = packet.encode(4, 3, 0, 1)
        targets[1, 0] = packet.encode(4, 0, 5, 2)
        return BoardImage(
            board=load_board("tiny"),
            positions=np.array([[0, 0, 0], [0, 4, 3]], np.int32),
            core_ids=np.array([70, 71], np.int64),
            seeds=np.zeros(2, np.uint32),
            axon_types=np.zeros((2, AXONS), np.uint8),
            crossbar=crossbar,
            neuron_types=np.array([neuron(), neuron(s=[1], alpha=1)], NEURON_DTYPE),
            types=types,
            targets=targets,
            inputs=(InputConnector("in", 1, np.array([(0, 0, 0, 1)], TAP_DTYPE)),),
            outputs=(OutputConnector("out", 6, -32, ((0, 8, 3),)),),
            origin={"from": "a test"},
        )

    return build
