"""The loop: sense, encode, tick, decode, act.

  ┌──────────── sense, encode ───────────▶ pins ─▶┐
world                                           board, n ticks
  └◀── act, at the deadline ◀── decode ◀─ spikes ─┘
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from tnemu.networks.codec import Spikes, Stimulus
from tnemu.runtime.clock import Clock
from tnemu.runtime.record import Record


@dataclass(frozen=True)
class Outcome:
    """What a decision led to, in the world's points.

    ``reward`` was won with it, ``score`` is the return of its episode so far, ``episode_over`` says
    that the episode ended with it. For those who watch: the ``scores`` of the actions, the ``action``
    chosen by them (-1: not told), and whose turn it was, the ``player``, where several take turns.
    """

    reward: float
    score: float
    episode_over: bool = False
    scores: Sequence[float] = ()
    action: int = -1
    player: int = 0


class Application(Protocol):
    """A world with eyes and hands, run in the host process. The loop knows nothing else of it.

    ``sense`` returns the input spikes for the world as it is now. ``act`` is given the output spikes of
    the answer, ticks counted from the question's, and moves the world on; after an episode's end it
    has begun the next one. ``picture`` is called only when a film is wanted: uint8 [height, width, 3].
    ``close`` lets go of everything.
    """

    def sense(self) -> Stimulus:
        """The input spikes for the world as it is now."""
        ...

    def act(self, spikes: Spikes) -> Outcome:
        """Move the world on by what the output spikes say."""
        ...

    def picture(self) -> npt.NDArray[np.uint8]:
        """What a person would see: uint8 [height, width, 3]."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class Brain(Protocol):
    """Whatever answers spikes with spikes: a board in this process or in another one."""

    def decide(self, stimulus: Stimulus) -> Spikes:
        """The output spikes of the answer, ticks counted from the question's."""
        ...


def run(
    application: Application,
    board: Brain,
    clock: Clock,
    record: Record,
    ended: Callable[[], bool],
    film: Callable[[Application, Stimulus, Outcome], None] | None = None,
    hold: Callable[[], None] = lambda: None,
) -> None:
    """Take decisions until ``ended()``; every one of them is written to ``record``.

    The world is seen, the board ticks, and the world moves on at the deadline: between a picture and
    the action it causes lies exactly one period of a clock in real time. When the answer comes late the
    world waits for it; what the clock then does is said in :mod:`tnemu.runtime.clock`. ``hold`` is called
    before every decision and returns when it may be taken, ``film`` after it.
    """
    host, chip = record.host, record.board
    clock.start()
    before = chip.copy()
    while not ended():
        hold()
        began_s = clock.elapsed_s
        stimulus = application.sense()
        spikes = board.decide(stimulus)
        lateness_s = clock.delivered()
        response_s = clock.elapsed_s - began_s
        clock.wait()
        host["elapsed_s"] = clock.elapsed_s
        outcome = application.act(spikes)
        record.add(
            reward=outcome.reward,
            score=outcome.score,
            over=outcome.episode_over,
            lateness_s=math.nan if lateness_s is None else lateness_s,
            response_s=response_s,
            input_spikes=len(stimulus.pins),
            output_spikes=len(spikes),
            spikes=chip["spikes"] - before["spikes"],
            synaptic_operations=chip["synaptic_operations"] - before["synaptic_operations"],
        )
        before = chip.copy()
        host["skipped"] = clock.skipped
        host["beat"] += 1
        if film is not None:
            film(application, stimulus, outcome)
