"""Spikes between two processes: shared memory for the words, a socket for the wake-ups.

Each direction is a ring of fixed slots with one writer and one reader::

    sender     writes slot n mod depth, then sends one byte        "message n is there"
    receiver   reads one byte, copies the slot, sends one byte     "message n is taken"

Memory ordering: a slot is read only after its byte has come through the kernel, and written again
only after the byte that gives it back. Handing a byte over inside the kernel orders the memory before
it on every processor that runs Linux, x86 and ARM alike, so nothing here relies on the order in which
plain stores become visible. There is no lock, hence none that a killed process could leave held. A
waiting side sleeps in the kernel and is woken by the byte; the end of the stream is the peer's death.

The memory is an anonymous file (memfd) whose descriptor the children inherit: it has no name under
/dev/shm, and the kernel frees it with the last process, however that process ended.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.reduction import DupFd
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError

MEMORY_NAME = "tnemu-link"
"""What /proc/<pid>/maps calls the memory of a link."""

HEAD_DTYPE = np.dtype([("sequence", np.int64), ("tick", np.int64), ("count", np.int64)])
"""The head of a slot: message number from 0, board tick it belongs to, words that follow."""

Words = npt.NDArray[np.uint32]
Layout = Mapping[str, tuple[Any, tuple[int, ...]]]
"""Arrays of a shared memory by name: (dtype, shape)."""


class LinkError(TnemuError, RuntimeError):
    """The other side of a link is gone, silent, or sends what does not fit; ``peer`` names it."""

    def __init__(self, message: str, peer: str) -> None:
        super().__init__(message)
        self.peer = peer


class PeerGoneError(LinkError):
    """The process at the other end has ended."""


class PeerSilentError(LinkError):
    """The process at the other end did nothing for the time it was given."""


class SharedArrays:
    """Named arrays in one anonymous shared memory, zero at first.

    Handed to a spawned child as an argument, it maps the same memory there. Pages that nobody
    touches cost nothing.
    """

    _arrays: dict[str, npt.NDArray[Any]]

    def __init__(self, layout: Layout) -> None:
        self._layout = dict(layout)
        self._fd = os.memfd_create(MEMORY_NAME)
        os.ftruncate(self._fd, self._offsets()[1])
        self._map()

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self._arrays[name]

    def __getstate__(self) -> tuple[dict[str, Any], Any]:
        return self._layout, DupFd(self._fd)

    def __setstate__(self, state: tuple[dict[str, Any], Any]) -> None:
        self._layout, handle = state
        self._fd = handle.detach()
        self._map()

    def close(self) -> None:
        """Let go of the descriptor; the arrays stay, and the memory goes with the last of them."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _offsets(self) -> tuple[dict[str, int], int]:
        offsets, end = {}, 0
        for name, (dtype, shape) in self._layout.items():
            offsets[name] = end
            # 64 bytes keep two arrays out of one cache line.
            end += -(-np.dtype(dtype).itemsize * int(np.prod(shape)) // 64) * 64
        return offsets, max(end, 1)

    def _map(self) -> None:
        offsets, size = self._offsets()
        memory = mmap.mmap(self._fd, size)
        self._arrays = {
            name: np.ndarray(shape, dtype, memory, offsets[name])
            for name, (dtype, shape) in self._layout.items()
        }


@dataclass(frozen=True)
class Message:
    """``words`` uint32 [count]; ``tick`` is the board tick they belong to."""

    sequence: int
    tick: int
    words: Words


def pack(pins: npt.NDArray[Any], ticks: npt.NDArray[Any]) -> Words:
    """Spikes as words: all pins, then all ticks, counted from the question's."""
    return np.concatenate([pins, ticks]).astype(np.uint32)


def unpack(words: Words) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The pins and ticks of :func:`pack`."""
    pins, ticks = words.astype(np.int64).reshape(2, -1)
    return pins, ticks


def ring_layout(name: str, depth: int, words: int) -> Layout:
    """The arrays that ring ``name`` needs: ``depth`` slots of up to ``words`` words each."""
    return {
        f"{name}.heads": (HEAD_DTYPE, (depth,)),
        f"{name}.words": (np.uint32, (depth, max(words, 1))),
    }


def ring(memory: SharedArrays, name: str, *, sender: str, receiver: str) -> tuple[Sender, Receiver]:
    """Both ends of ring ``name`` of ``memory``; the other arguments name the two processes.

    Give each end to one child and close the parent's copies once both children run: as long as
    anybody else holds an end, its death stays unnoticed.
    """
    mine, theirs = socket.socketpair()
    return Sender(memory, name, mine, peer=receiver), Receiver(memory, name, theirs, peer=sender)


class _End:
    """What both ends have: the slots, the socket, and the name of the process opposite."""

    def __init__(self, memory: SharedArrays, name: str, bell: socket.socket, peer: str) -> None:
        self._memory, self._name, self._bell, self._peer = memory, name, bell, peer
        self._count = 0

    @property
    def _slots(self) -> tuple[npt.NDArray[np.void], Words]:
        return self._memory[f"{self._name}.heads"], self._memory[f"{self._name}.words"]

    def close(self) -> None:
        """Close this end; the process opposite sees it as gone."""
        self._bell.close()

    def _wait(self, count: int, timeout_s: float, what: str) -> bytes:
        """Up to ``count`` bytes of the peer, or PeerGoneError, or PeerSilentError after the time."""
        self._bell.settimeout(timeout_s)
        try:
            found = self._bell.recv(count)
        except (TimeoutError, BlockingIOError):
            raise PeerSilentError(
                f"the {self._peer} {what} for {timeout_s:g} s; it hangs or is stopped", self._peer
            ) from None
        except ConnectionError:
            found = b""
        if not found:
            raise self._gone()
        return found

    def _gone(self) -> PeerGoneError:
        return PeerGoneError(f"the {self._peer} is gone: its end of the link closed", self._peer)


class Sender(_End):
    """The writing end of a ring."""

    _taken = 0

    def send(self, words: npt.ArrayLike, tick: int, timeout_s: float) -> None:
        """Put one message into the ring, waiting up to ``timeout_s`` for a free slot.

        ``words``: integers 0..2**32 - 1, at most as many as a slot holds (LinkError). Raises
        PeerGoneError and PeerSilentError.
        """
        heads, slots = self._slots
        array = np.asarray(words, dtype=np.uint32)
        if array.ndim != 1 or array.size > slots.shape[1]:
            raise LinkError(
                f"a message of shape {array.shape} does not fit a slot of {slots.shape[1]} words "
                f"on the way to the {self._peer}; a spike is one word, each pin spikes once",
                self._peer,
            )
        while self._count - self._taken >= len(heads):
            self._taken += len(self._wait(len(heads), timeout_s, "took no message"))
        at = self._count % len(heads)
        slots[at, : array.size] = array
        heads[at] = (self._count, tick, array.size)
        try:
            self._bell.settimeout(timeout_s)
            self._bell.send(b"n")
        except ConnectionError:
            raise self._gone() from None
        self._count += 1


class Receiver(_End):
    """The reading end of a ring."""

    def receive(self, timeout_s: float) -> Message:
        """Take the next message, waiting up to ``timeout_s`` seconds for it (0: only look).

        Messages that were sent before the peer ended are still delivered. Raises PeerSilentError,
        PeerGoneError, and LinkError for a message out of sequence.
        """
        self._wait(1, timeout_s, "sent nothing")
        heads, slots = self._slots
        at = self._count % len(heads)
        sequence, tick, count = (int(value) for value in heads[at].tolist())
        if sequence != self._count or not 0 <= count <= slots.shape[1]:
            raise LinkError(
                f"message {sequence} of {count} words came from the {self._peer} where message "
                f"{self._count} was due; the shared memory was overwritten, start again",
                self._peer,
            )
        message = Message(sequence, tick, slots[at, :count].copy())
        self._count += 1
        with contextlib.suppress(OSError):  # a peer that has ended is reported by the next wait
            self._bell.send(b"t")
        return message
