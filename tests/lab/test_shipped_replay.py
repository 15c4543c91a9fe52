"""Every shipped student plays a short episode the same in numpy and on the board, to the last vote."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("ale_py")

from tnemu import zoo
from tnemu.formats.weights import read_heads
from tnemu.lab.board_player import board_player
from tnemu.tasks.task import spec_of

DECISIONS = 60
STUDENTS = [
    pytest.param(name, head.task.name, id=f"{name}-{head.task.name}")
    for name in zoo.names()
    for head in read_heads(zoo.find(name))
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "game"), STUDENTS)
def test_a_shipped_student_plays_on_the_board_as_in_numpy(name, game):
    file = zoo.find(name)
    (student,) = [head for head in read_heads(file) if head.task.name == game]
    on_board, spec = board_player(file, "ns1e", 1, game)
    assert spec == spec_of(student)
    short = dataclasses.replace(spec, max_frames=spec.frame_skip * DECISIONS)
    world, over, played = short.start(777), False, 0
    seen = world.reset()
    while not over:
        want = student.scores(seen[None])[0]
        np.testing.assert_array_equal(on_board(seen[None])[0], want, err_msg=f"decision {played}")
        seen, _, over = world.step(int(want.argmax()))
        played += 1
    world.close()
    assert played > DECISIONS // 2
