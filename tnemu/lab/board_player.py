"""A student on emulated boards as one more player: as many boards as there are games, in lockstep."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FEW = 4
"""Questions that one board answers one after the other in less time than lanes do at once."""

Votes = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.int32]]


def board_player(path: Path, board: str, lanes: int, task: str | None = None) -> tuple[Votes, Any]:
    """Votes of the weight file at ``path`` on ``lanes`` emulated boards, and the spec it plays under;
    ``task`` names one of several that the file has heads for.

    The returned function takes observations uint8 [n, *input_shape] with n <= lanes. Every call is
    one question, read by the network's codec as in ``tnemu play``; a student keeps nothing between two, so
    that a few are asked of one board in turn.
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
    made: dict[str, Any] = {}  # by whoever plays, which may be another process

    def one_by_one(observations: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
        if "board" not in made:
            from tnemu.emulator.emulator import Emulator

            made["board"] = Emulator(plan.image, threads=1)
        one, answers = made["board"], []
        for pins in codec.bits(observations):
            start = one.tick
            out = one.run(codec.window.ticks, {codec.input: pins})
            answers.append(codec.window.counts(out.records, start, codec.width))
        return codec.read(np.stack(answers))

    def votes(observations: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
        if len(observations) <= FEW:
            return one_by_one(observations)
        if "lanes" not in made:
            from tnemu.emulator.lanes import LaneEmulator

            made["lanes"] = LaneEmulator(plan.image, lanes)
        boards = made["lanes"]
        n, start = len(observations), boards.tick
        pins = np.zeros((lanes, width), bool)
        pins[:n] = codec.bits(observations)
        out = boards.run(codec.window.ticks, {codec.input: pins})
        counts = codec.window.per_lane(out.spikes.records, out.lane, start, codec.width, lanes)
        return codec.read(counts[:n])

    return votes, spec
