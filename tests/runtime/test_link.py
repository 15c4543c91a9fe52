"""The rings between host and board: what arrives, and what happens when the other side does not."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import worlds

from tnemu.runtime.link import (
    LinkError,
    PeerGoneError,
    PeerSilentError,
    Receiver,
    Sender,
    SharedArrays,
    ring,
    ring_layout,
)

DEPTH, WORDS = 2, 8


@pytest.fixture
def ends() -> tuple[Sender, Receiver]:
    memory = SharedArrays(ring_layout("frames", DEPTH, WORDS))
    return ring(memory, "frames", sender="host", receiver="board")


def test_messages_arrive_whole_and_in_order(ends: tuple[Sender, Receiver]) -> None:
    sender, receiver = ends
    for tick, words in enumerate(([5], [], [1, 2, 3], [2**32 - 1] * WORDS)):
        sender.send(words, tick, 1)
        message = receiver.receive(1)
        assert (message.sequence, message.tick) == (tick, tick)
        assert message.words.tolist() == words


def test_a_received_message_stays_when_its_slot_is_used_again(
    ends: tuple[Sender, Receiver],
) -> None:
    sender, receiver = ends
    sender.send([1, 2], 0, 1)
    first = receiver.receive(1)
    for tick in range(1, DEPTH + 1):
        sender.send([9, 9], tick, 1)
        receiver.receive(1)
    assert first.words.tolist() == [1, 2]


def test_a_full_ring_refuses_in_bounded_time_and_names_the_peer(
    ends: tuple[Sender, Receiver],
) -> None:
    sender, _ = ends
    for tick in range(DEPTH):
        sender.send([tick], tick, 1)
    with pytest.raises(PeerSilentError) as caught:
        sender.send([9], 9, 0.01)
    assert str(caught.value) == ("the board took no message for 0.01 s; it hangs or is stopped")
    assert caught.value.peer == "board"


def test_a_taken_message_frees_its_slot(ends: tuple[Sender, Receiver]) -> None:
    sender, receiver = ends
    for tick in range(5 * DEPTH):
        sender.send([tick], tick, 1)
        if tick >= DEPTH - 1:
            assert receiver.receive(1).tick == tick - DEPTH + 1


def test_silence_ends_in_bounded_time_and_names_the_peer(ends: tuple[Sender, Receiver]) -> None:
    _, receiver = ends
    with pytest.raises(PeerSilentError, match=r"the host sent nothing for 0\.01 s") as caught:
        receiver.receive(0.01)
    assert caught.value.peer == "host"


def test_silence_loses_nothing(ends: tuple[Sender, Receiver]) -> None:
    sender, receiver = ends
    with pytest.raises(PeerSilentError):
        receiver.receive(0)
    sender.send([7], 3, 1)
    assert receiver.receive(0).words.tolist() == [7]


def test_a_closed_end_is_noticed_by_both_sides() -> None:
    for closed, other in ((0, 1), (1, 0)):
        memory = SharedArrays(ring_layout("r", DEPTH, WORDS))
        pair = ring(memory, "r", sender="host", receiver="board")
        pair[closed].close()
        with pytest.raises(PeerGoneError, match=r"is gone: its end of the link closed"):
            pair[other].receive(1) if other else pair[0].send([1], 0, 1)


def test_what_was_sent_before_the_end_is_still_delivered(ends: tuple[Sender, Receiver]) -> None:
    sender, receiver = ends
    sender.send([4], 0, 1)
    sender.close()
    assert receiver.receive(1).words.tolist() == [4]
    with pytest.raises(PeerGoneError):
        receiver.receive(1)


def test_a_message_larger_than_a_slot_is_refused(ends: tuple[Sender, Receiver]) -> None:
    with pytest.raises(LinkError) as caught:
        ends[0].send(np.zeros(WORDS + 1), 0, 1)
    assert str(caught.value) == (
        "a message of shape (9,) does not fit a slot of 8 words on the way to the board; "
        "a spike is one word, each pin spikes once"
    )


def test_a_message_out_of_sequence_is_refused(ends: tuple[Sender, Receiver]) -> None:
    sender, receiver = ends
    sender.send([1], 0, 1)
    receiver._memory["frames.heads"]["sequence"][0] = 17
    with pytest.raises(LinkError, match="message 17 of 1 words came from the host where message 0"):
        receiver.receive(1)


def test_arrays_do_not_overlap_and_start_at_zero() -> None:
    memory = SharedArrays({"a": (np.uint8, (3,)), "b": (np.float64, (2, 2)), "c": (np.int64, ())})
    assert all(not memory[name].any() for name in "abc")
    memory["a"][:] = 255
    memory["c"][()] = -1
    assert not memory["b"].any()


def test_two_processes_talk_and_a_killed_one_is_noticed_at_once() -> None:
    memory = SharedArrays({**ring_layout("up", 2, 4), **ring_layout("down", 2, 4)})
    up, up_end = ring(memory, "up", sender="host", receiver="board")
    down_end, down = ring(memory, "down", sender="board", receiver="host")
    child = multiprocessing.get_context("spawn").Process(
        target=worlds.echo, args=(up_end, down_end)
    )
    child.start()
    up_end.close()
    down_end.close()
    for tick in range(20):
        up.send([tick, 1], tick, 30)
        assert down.receive(30).words.tolist() == [2 * tick, 2]
    up.send([], 20, 30)
    with pytest.raises(PeerGoneError, match="the board is gone"):
        down.receive(30)
    child.join(30)
    assert child.exitcode == -signal.SIGKILL


def test_the_memory_has_no_name_that_could_stay_behind() -> None:
    before = set(os.listdir("/dev/shm"))
    memory = SharedArrays({"a": (np.uint8, (1 << 20,))})
    memory["a"][:] = 1
    assert set(os.listdir("/dev/shm")) == before
    assert "tnemu-link" in Path("/proc/self/maps").read_text()
    memory.close()
    assert memory["a"].all()
    del memory
    gc.collect()
    assert "tnemu-link" not in Path("/proc/self/maps").read_text()
