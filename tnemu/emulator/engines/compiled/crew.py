"""Threads that do a piece of work together, and finish what they have begun."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue

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
        self._hire()

    def _hire(self) -> None:
        self._inboxes = [Inbox() for _ in range(1, self.threads)]
        for inbox in self._inboxes:
            threading.Thread(target=_serve, args=(inbox,), name="tnemu-engine", daemon=True).start()
        self._pid = os.getpid()
        weakref.finalize(self, _dismiss, self._inboxes)

    def run(
        self, work: Callable[[int], None], is_over: Callable[[], bool], count: Callable[[], None]
    ) -> None:
        """work(thread) on all threads at once, then count(); an interrupt is raised after that.

        is_over: whether work(0) has been done; an interrupt may come before it, or right after.
        """
        if self._pid != os.getpid():
            self._hire()  # a forked process has a copy of the crew but none of its threads
        begun, ended = set[int](), list[BaseException | None]()

        def take_part(thread: int) -> None:
            if thread in begun:
                return  # asked twice
            begun.add(thread)
            try:
                work(thread)
                ended.append(None)
            except BaseException as error:
                ended.append(error)

        try:
            self._ask(take_part)
            work(0)
        finally:
            if not is_over():
                self._ask(take_part)
                work(0)
            while len(ended) < self.threads - 1:
                time.sleep(0)
            count()
        for error in ended:
            if error is not None:
                raise error

    def _ask(self, take_part: Callable[[int], None]) -> None:
        for thread, inbox in enumerate(self._inboxes, start=1):
            inbox.put(partial(take_part, thread))


def _serve(inbox: Inbox) -> None:
    while (job := inbox.get()) is not None:
        job()
        del job  # and with it what it refers to


def _dismiss(inboxes: list[Inbox]) -> None:
    for inbox in inboxes:
        inbox.put(None)
