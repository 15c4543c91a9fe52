"""Small worlds and processes for the runtime's tests; spawned processes import them from here."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from tnemu.networks.codec import Spikes, Stimulus
from tnemu.runtime.link import Receiver, Sender
from tnemu.runtime.loop import Outcome
from tnemu.runtime.record import Record


def echo(requests: Receiver, replies: Sender) -> None:
    """Doubles every word; an empty message is its death in the middle of things."""
    while True:
        message = requests.receive(30)
        if len(message.words) == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        replies.send(message.words * 2, message.tick + 1, 30)


class Coin:
    """A coin is shown; a point is won when the votes repeat it. Episodes have ``length`` tosses."""

    def __init__(self, seed: int = 0, length: int = 20) -> None:
        self._rng = np.random.default_rng(seed)
        self._length, self._tosses, self._score = length, 0, 0.0
        self._toss()

    def sense(self) -> Stimulus:
        return Stimulus.at_once([self._heads])

    def act(self, spikes: Spikes) -> Outcome:
        pins = spikes["pin"].tolist()
        reward = float(pins == ([5] if self._heads else []))
        self._score += reward
        self._tosses += 1
        over = self._tosses == self._length
        outcome = Outcome(reward, self._score, over)
        if over:
            self._tosses, self._score = 0, 0.0
        self._toss()
        return outcome

    def picture(self) -> np.ndarray:
        return np.full((4, 6, 3), 255 * self._heads, np.uint8)

    def close(self) -> None:
        pass

    def _toss(self) -> None:
        self._heads = bool(self._rng.integers(2))


class Slow(Coin):
    """A world that takes a while for every move, so that there is time to disturb it."""

    def act(self, spikes: Spikes) -> Outcome:
        time.sleep(0.01)
        return super().act(spikes)


class Broken(Coin):
    """A world whose third picture does not come."""

    shown = 0

    def sense(self) -> Stimulus:
        self.shown += 1
        if self.shown == 3:
            raise ValueError("the screen went dark")
        return super().sense()


class Teller(Coin):
    """A world that ends by telling how many threads its linear algebra may use."""

    def sense(self) -> Stimulus:
        names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
        raise ValueError("threads: " + " ".join(os.environ[name] for name in names))


class Stuck(Coin):
    """A world that never returns from its third move."""

    moves = 0

    def act(self, spikes: Spikes) -> Outcome:
        self.moves += 1
        if self.moves == 3:
            time.sleep(3600)
        return super().act(spikes)


class Quitter(Coin):
    """A world that ends its process without a word."""

    def sense(self) -> Stimulus:
        os._exit(7)


class WrongPin(Coin):
    """A world that spikes on a pin that the image does not have."""

    def sense(self) -> Stimulus:
        return Stimulus(np.array([8]), np.array([0]))


class Rates(Coin):
    """Asks with a train of spikes in 8 ticks; a point is won when the answer repeats what it said."""

    def __init__(self, reading: str) -> None:
        self._reading, self._draw = reading, np.random.default_rng(1)

    def sense(self) -> Stimulus:
        self._ticks = np.flatnonzero(self._draw.integers(0, 2, 8) | (np.arange(8) == 7))
        return Stimulus(np.zeros(len(self._ticks), np.int64), self._ticks)

    def act(self, spikes: Spikes) -> Outcome:
        ticks = spikes["tick"] - 2
        said = {"counts": len, "first": min, "last": max}[self._reading]
        return Outcome(float(said(ticks) == said(self._ticks)), 0.0)


def main(image: str) -> None:
    """A program with a run that never ends; it prints the ids of its processes and waits."""
    from tnemu.networks.codec import Window
    from tnemu.runtime.board import BoardJob
    from tnemu.runtime.session import Session, Settings

    job = BoardJob(Path(image), Window.wave(3), 3, "reference", "in", "out")
    session = Session(Settings(Slow, job, mode="free", episodes=None))
    told = False

    def tell(record: Record) -> None:
        nonlocal told
        if not told and record.host["decisions"]:
            told = True
            print(*(side.process.pid for side in session._sides), flush=True)

    result = session.run(tell)
    print(result.outcome, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
