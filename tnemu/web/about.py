"""What a page has to know of a run beforehand: board, cores and their layers, input, actions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tnemu.hardware.image import BoardImage
from tnemu.networks.logical import LogicalCore


def about(
    image: BoardImage,
    cores: Sequence[LogicalCore],
    *,
    title: str,
    input_name: str,
    input_shape: Sequence[int],
    players: Sequence[Mapping[str, Any]],
    mode: str,
    fps: float,
    ticks_per_decision: int,
) -> dict[str, Any]:
    """As JSON. Core k of the image is ``cores[k]``; ``input_shape`` [channels, rows, columns] is how
    the pins of input ``input_name`` are drawn, one row where it does not have as many; each of
    ``players`` has ``name``, ``actions`` and ``aspect``, the width of its picture over its height.
    """
    layers = list(dict.fromkeys(core.layer or core.name for core in cores))
    number = {name: k for k, name in enumerate(layers)}
    width, board = image.input(input_name).width, image.board
    fits = len(input_shape) == 3 and math.prod(input_shape) == width
    return {
        "title": title,
        "board": {
            "name": board.name,
            "units": board.units,
            "width": board.width,
            "height": board.height,
            "chip": [board.chip.cores_x, board.chip.cores_y],
            "cores": board.core_count,
        },
        "cores": [
            [*place, number[core.layer or core.name]]
            for place, core in zip(image.positions.tolist(), cores, strict=True)
        ],
        "layers": layers,
        "names": [core.name for core in cores],
        "input": {"width": width, "shape": list(input_shape) if fits else [1, 1, width]},
        "players": [dict(player) for player in players],
        "mode": mode,
        "fps": fps,
        "ticks_per_decision": ticks_per_decision,
    }
