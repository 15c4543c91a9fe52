"""Threads that do a piece of work together, and finish what they have begun."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue

MOST_INTERRUPTS = 1000
"""Times that a piece of work is taken up again; what still fails then fails by itself."""

Inbox = SimpleQueue[Callable[[], None] | None]


class Crew:
    """The calling thread, as number 0, and ``threads`` - 1 others that end with the crew.

    An interrupt (Ctrl-C, an alarm) is raised in the main thread, after any of its steps. It must not
    leave the others waiting at a barrier for a thread that never comes, nor at work on what somebody
    reads. concurrent.futures would not do: an interrupt inside ``submit`` can leave its locks held.
    A SimpleQueue has nothing that could be left.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._piece: _Piece | None = None
        self._hire()

    def _hire(self) -> None:
        self._inboxes = [Inbox() for _ in range(1, self.threads)]
        for inbox in self._inboxes:
            threading.Thread(target=_serve, args=(inbox,), name="tnemu-engine", daemon=True).start()
        self._pid = os.getpid()
        weakref.finalize(self, _dismiss, self._inboxes)

    def run(self, work: Callable[[int], None], is_over: Callable[[], bool]) -> None:
        """work(thread) on all threads at once; an interrupt is raised when all have ended.

        is_over: whether work(0) has been done; an interrupt may come before it, or right after.
        """
        self.finish()
        self._piece = _Piece(work, is_over)
        self.finish()

    def finish(self) -> None:
        """End the piece of work that has been begun; nothing to do if there is none.

        Interrupts that come meanwhile wait until it has ended. One that hits between two lines here
        may leave it unfinished: whoever reads or writes what it works on calls this first.
        """
        piece, first = self._piece, None
        if piece is None:
            return
        if self._pid != os.getpid():
            self._hire()  # a forked process has a copy of the crew but none of its threads
        for _ in range(MOST_INTERRUPTS):
            try:
                for thread, inbox in enumerate(self._inboxes, start=1):
                    inbox.put(partial(piece.take_part, thread))
                if not piece.is_over():
                    piece.work(0)
                while len(piece.ended) < self.threads - 1:
                    time.sleep(0)
                break
            except BaseException as error:
                first = first or error
        self._piece = None
        for failure in (first, *piece.ended.values()):
            if failure is not None:
                raise failure


class _Piece:
    """One piece of work, of which every other thread does its part once, however often it is asked."""

    def __init__(self, work: Callable[[int], None], is_over: Callable[[], bool]) -> None:
        self.work, self.is_over = work, is_over
        self.begun = set[int]()
        self.ended = dict[int, BaseException | None]()

    def take_part(self, thread: int) -> None:
        if thread in self.begun:
            return
        self.begun.add(thread)
        try:
            self.work(thread)
            self.ended[thread] = None
        except BaseException as error:
            self.ended[thread] = error


def _serve(inbox: Inbox) -> None:
    while (job := inbox.get()) is not None:
        job()
        del job  # and with it what it refers to


def _dismiss(inboxes: list[Inbox]) -> None:
    for inbox in inboxes:
        inbox.put(None)
