"""What a network is shown to be compared on: the screens of its own game, or a file of frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError, shown
from tnemu.files import map_npy
from tnemu.networks.trained import TrainedNetwork
from tnemu.tasks.task import spec_of

Observations = npt.NDArray[np.uint8]

BLOCK_FRAMES = 200
"""Frames played, or read, at a time."""


class ObservationError(TnemuError, ValueError):
    """There are no frames to compare a network on."""


def played(
    network: TrainedNetwork, frames: int, seed: int = 0, block_frames: int = BLOCK_FRAMES
) -> Iterator[Observations]:
    """What the network sees while its integer form plays its own task, in blocks uint8 [n, ...].

    ``seed`` decides the chance of the task. Raises ObservationError for a network of no task, and
    TaskError for a task whose description was altered.
    """
    check_task(network)
    with closing(spec_of(network).start(seed)) as task:
        now = task.reset()
        block = []
        for k in range(1, frames + 1):
            block.append(now)
            now, _, over = task.step(int(network.scores(now[None])[0].argmax()))
            if over:
                now = task.reset()
            if k % block_frames == 0 or k == frames:
                yield np.stack(block)
                block = []


def check_task(network: TrainedNetwork) -> None:
    """Raises ObservationError for a network that names no task, TaskError for an altered one."""
    if network.task is None:
        raise ObservationError(
            f"weight file {shown(network.name)} names no game to take frames from; give frames with "
            "--observations FILE.npy"
        )
    spec_of(network)


class Recorded:
    """The frames in a ``.npy`` file, uint8 [n, *input_shape] with n of 1 or more.

    The file is mapped where it is large. Raises ObservationError for another file, type or shape.
    """

    def __init__(self, path: str | Path, network: TrainedNetwork) -> None:
        self.frames = map_npy(path, error=ObservationError, what="frames")
        if (
            self.frames.dtype != np.uint8
            or self.frames.shape[1:] != network.input_shape
            or not self.frames.size
        ):
            raise ObservationError(
                f"{path} holds {self.frames.dtype} {self.frames.shape}; {shown(network.name)} sees "
                f"uint8 [n, {', '.join(map(str, network.input_shape))}] with n of 1 or more"
            )

    def __len__(self) -> int:
        return len(self.frames)

    def blocks(self, frames: int, block_frames: int = BLOCK_FRAMES) -> Iterator[Observations]:
        """The first ``frames`` of them, in blocks."""
        for first in range(0, min(frames, len(self)), block_frames):
            yield self.frames[first : min(first + block_frames, frames)]
