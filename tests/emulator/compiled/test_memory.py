"""A board that the memory that is left does not hold is refused; the computation is near the truth."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_boards import random_image, random_kinds

from tnemu.emulator import memory
from tnemu.emulator.emulator import Emulator, EmulatorError
from tnemu.emulator.engines.compiled import layout, sizes
from tnemu.emulator.lanes import LaneEmulator
from tnemu.emulator.state import State
from tnemu.hardware import neuron
from tnemu.hardware.image import BoardImage


def board(cores: int, rows: int) -> BoardImage:
    """``cores`` cores with ``rows`` different rows of neuron types."""
    rng = np.random.default_rng(cores)
    image = random_image(rng, cores, random_kinds(rng, 3, noise=False), cores_x=40)
    return replace(image, types=np.resize(image.types[:rows], image.types.shape))


def held(*parts: object) -> int:
    """Bytes of the arrays among the fields."""
    return sum(value.nbytes for value in parts if isinstance(value, np.ndarray))


@pytest.mark.parametrize("rows", [1, 7, 256])
def test_what_is_computed_is_near_what_is_allocated(rows):
    image = board(256, rows)
    assert sizes.blocks_of(image.types) == rows
    state = State.initial(image)
    engine = held(*layout.load(image, threads=1)) + held(*vars(state).values())
    assert sizes.engine_bytes(256, rows) == pytest.approx(engine, rel=0.15)
    arrays = {k: v for k, v in vars(image).items() if k != "neuron_types"}
    assert pytest.approx(held(*arrays.values()), rel=0.01) == 256 * memory.IMAGE_CORE


@pytest.mark.parametrize(
    "make",
    [Emulator, lambda image: Emulator(image, threads=2), lambda image: LaneEmulator(image, 3)],
    ids=["alone", "threads", "lanes"],
)
def test_a_board_that_does_not_fit_is_refused(monkeypatch, make):
    image = board(256, 1)
    monkeypatch.setattr(memory, "available_bytes", lambda: 2_000_000)
    with pytest.raises(EmulatorError) as error:
        make(image)
    assert str(error.value) == (
        "256 cores need 3.2 MB of memory, 2.0 MB are available; load fewer cores, close other "
        "programs, or use a computer with more memory"
    )


def test_lanes_need_memory_of_their_own(monkeypatch):
    """33 kB a core for each 64 lanes, and 1 kB a lane where potentials are kept between ticks."""
    rng = np.random.default_rng(0)
    # Weights of two, so that no core takes the path that keeps nothing.
    keeping = random_image(rng, 100, [neuron(s=[2], alpha=1)], cores_x=40)
    forgetting = random_image(rng, 100, [neuron(s=[1], alpha=1, beta=0, kappa=1)], cores_x=40)
    monkeypatch.setattr(memory, "available_bytes", lambda: 9_000_000)
    LaneEmulator(forgetting, lanes=64)
    with pytest.raises(EmulatorError, match=r"^64 lanes of 100 cores need 9\.9 MB .* use fewer "):
        LaneEmulator(keeping, lanes=64)
    with pytest.raises(EmulatorError, match=r"^192 lanes of 100 cores need 9\.9 MB of memory"):
        LaneEmulator(forgetting, lanes=192)


def test_where_the_system_does_not_say_nothing_is_refused(monkeypatch, tmp_path):
    assert memory.available_bytes(tmp_path) is None
    monkeypatch.setattr(memory, "available_bytes", lambda: None)
    memory.check("a thousand NS16e", 10**15)


def test_more_cores_than_a_spike_can_name_are_refused():
    layout.check_cores(1_048_576)
    refusal = (
        r"^1,048,577 cores are more than the 1,048,576 that a spike of this engine can name; "
        r"load fewer cores$"
    )
    with pytest.raises(EmulatorError, match=refusal):
        layout.check_cores(1_048_577)


GIB = 1 << 30
FILES = {
    "proc/meminfo": "MemTotal:       33554432 kB\nMemAvailable:   16777216 kB\n",
    "version 2": {
        "proc/self/cgroup": "0::/user/job\n",
        "sys/fs/cgroup/user/memory.max": str(8 * GIB),
        "sys/fs/cgroup/user/memory.current": str(5 * GIB),
        "sys/fs/cgroup/user/memory.stat": f"anon 7\ninactive_file {GIB}\n",
        "sys/fs/cgroup/user/job/memory.max": "max\n",
        "sys/fs/cgroup/user/job/memory.current": str(GIB),
    },
    "version 1": {
        "proc/self/cgroup": "3:cpu:/\n4:memory:/job\n0::/\n",
        "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        "sys/fs/cgroup/memory/memory.usage_in_bytes": str(5 * GIB),
        "sys/fs/cgroup/memory/job/memory.limit_in_bytes": str(6 * GIB),
        "sys/fs/cgroup/memory/job/memory.usage_in_bytes": str(3 * GIB),
        "sys/fs/cgroup/memory/job/memory.stat": f"inactive_file 0\ntotal_inactive_file {GIB}\n",
    },
    "no limits": {"proc/self/cgroup": "0::/\n"},
}


@pytest.mark.parametrize(
    ("groups", "left"), [("version 2", 4), ("version 1", 4), ("no limits", 16)]
)
def test_a_limit_of_a_control_group_counts_where_it_is_less(tmp_path, groups, left):
    """Also one of a group around the process's own; files in the cache give way."""
    for name, text in {"proc/meminfo": FILES["proc/meminfo"], **FILES[groups]}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert memory.available_bytes(tmp_path) == left * GIB


def test_the_documentation_has_the_bytes_that_are_counted():
    text = (Path(__file__).parents[3] / "docs" / "engine.md").read_text(encoding="utf-8")
    core, block = sizes.ENGINE_CORE, sizes.ENGINE_BLOCK
    for size in (memory.IMAGE_CORE, core, core + sizes.CALENDAR_CORE, block):
        assert f"{size:,}" in text
    every = 262_144 * (memory.IMAGE_CORE + core + sizes.CALENDAR_CORE)
    needs = f"needs {every / 1e9:.1f} GB where cores share their parameters, "
    assert f"{needs}{(every + 262_144 * block) / 1e9:.1f} GB where none do" in text
