"""A student on emulated boards as one more player: as many boards as there are games, in lockstep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Votes = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.int32]]


def board_player(path: Path, board: str, lanes: int) -> tuple[Votes, Any]:
    """Votes of the weight file at ``path`` on ``lanes`` emulated boards, and the spec it plays under.

    The returned function takes observations uint8 [n, *input_shape] with n <= lanes. Every call is
    one wave: pins in at tick t, votes out at tick t + latency - 1, as in ``tnemu play``.
    """
    from corelets import Student
    from tnemu.emulator.lanes import LaneEmulator
    from tnemu.formats.weights import WeightFile
    from tnemu.hardware.board import load_board
    from tnemu.mapping.fit import fit
    from tnemu.tasks.atari.stored import spec_of

    weights = WeightFile.load(path)
    spec = spec_of(weights)
    machine = load_board(board)  # before the corelet, which warns where nothing comes of it
    plan = fit(Student(weights), machine)
    boards = LaneEmulator(plan.image, lanes)
    width = plan.image.input("frame").width
    voters = plan.image.output("votes").width

    def votes(observations: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
        n = len(observations)
        pins = np.zeros((lanes, width), bool)
        pins[:n] = weights.transduction.forward(observations).reshape(n, -1)
        last = boards.tick + plan.latency_ticks - 1
        out = boards.run(plan.latency_ticks, {"frame": pins})
        wave = out.spikes.records["tick"] == last
        fired = np.zeros((lanes, voters), np.int32)
        fired[out.lane[wave], out.spikes.records["pin"][wave]] = 1
        return np.asarray(weights.vote.forward(fired[:n]), dtype=np.int32)

    return votes, spec
