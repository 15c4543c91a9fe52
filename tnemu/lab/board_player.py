"""A student on emulated boards as one more player: as many boards as there are games, in lockstep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Votes = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.int32]]


def board_player(path: Path, board: str, lanes: int, task: str | None = None) -> tuple[Votes, Any]:
    """Votes of the weight file at ``path`` on ``lanes`` emulated boards, and the spec it plays under;
    ``task`` names one of several that the file has heads for.

    The returned function takes observations uint8 [n, *input_shape] with n <= lanes. Every call is
    one question, read by the network's codec as in ``tnemu play``.
    """
    from corelets import Student
    from tnemu.formats.weights import read_weights
    from tnemu.hardware.board import load_board
    from tnemu.mapping.fit import fit
    from tnemu.tasks.task import spec_of

    weights = read_weights(path, task)
    spec = spec_of(weights)
    machine = load_board(board)  # before the corelet, which warns where nothing comes of it
    plan = fit(Student(weights), machine)
    codec = weights.codec(plan.latency_ticks)
    width = plan.image.input(codec.input).width
    made: list[Any] = []

    def votes(observations: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
        if not made:  # by whoever plays, which may be another process
            from tnemu.emulator.lanes import LaneEmulator

            made.append(LaneEmulator(plan.image, lanes))
        boards = made[0]
        n, start = len(observations), boards.tick
        pins = np.zeros((lanes, width), bool)
        pins[:n] = codec.bits(observations)
        out = boards.run(codec.window.ticks, {codec.input: pins})
        counts = codec.window.per_lane(out.spikes.records, out.lane, start, codec.width, lanes)
        return codec.read(counts[:n])

    return votes, spec
