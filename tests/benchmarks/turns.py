"""The ratio of two machines' speeds, on a computer that may be busy with other things."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from tnemu.lab.bench.measure import Machine, take_turns

ROUNDS, SEGMENTS = 8, 5


def best_ratio(
    machines: list[Machine],
    ticks: list[int],
    enough: Callable[[float], bool],
    now: Callable[[], float] = time.process_time,
) -> float:
    """How many times the first machine's time the second takes, of the shortest time of each.

    They take turns. What else runs makes times longer and never shorter, so the shortest of several
    is nearest to what a machine takes; as long as the ratio is not ``enough``, there are further
    rounds, up to 8. What is really too slow stays so in every round.
    """
    times = np.empty((0, len(machines)))
    for _ in range(ROUNDS):
        times = np.concatenate([times, take_turns(machines, ticks, SEGMENTS, now)])
        found = float(times[:, 1].min() / times[:, 0].min())
        if enough(found):
            break
    return found
