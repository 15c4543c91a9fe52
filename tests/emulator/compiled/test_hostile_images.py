"""Images that are legal and unkind: compiled code keeps to its arrays, and does what the reference does."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hostile
import numpy as np
import pytest

from tnemu.emulator.emulator import Emulator
from tnemu.errors import TnemuError
from tnemu.hardware import BoardImage

SCRIPT = Path(hostile.__file__)
QUICK = ("nothing", "alone", "farthest")


def on_guarded_memory(name: str, seed: int) -> None:
    """In a process of its own: a touch outside of an array ends it."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), name, str(seed)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{name} {seed}: {done.returncode}\n{done.stderr[-3000:]}"
    assert done.stdout.startswith(f"{name} {seed} "), done.stdout


@pytest.mark.parametrize("name", QUICK)
def test_no_kernel_leaves_its_arrays(name: str) -> None:
    on_guarded_memory(name, 1)


@pytest.mark.slow
@pytest.mark.timeout(0)
@pytest.mark.parametrize("seed", range(2, 5))
@pytest.mark.parametrize("name", [*hostile.IMAGES, *hostile.LARGE])
def test_no_kernel_leaves_its_arrays_on_any_hostile_image(name: str, seed: int) -> None:
    on_guarded_memory(name, seed)


def test_the_guards_end_a_process_that_leaves_its_arrays() -> None:
    """Or the tests above could not fail."""
    code = (
        "import numpy as np, ctypes, guards\n"
        "a = guards.guarded((3, 5), np.int64, at_end={end})\n"
        "a[:] = 7\n"
        "ctypes.memset(a.ctypes.data + {offset}, 1, 1)\n"
    )
    for end, offset, ends in ((True, 128, True), (False, -1, True), (True, 119, False)):
        done = subprocess.run(
            [sys.executable, "-c", code.format(end=end, offset=offset)],
            env={"PYTHONPATH": str(SCRIPT.parents[2])},
            capture_output=True,
            check=False,
        )
        assert (done.returncode < 0) is ends, done.stderr.decode()


def test_the_guards_are_around_what_the_engine_uses() -> None:
    """A target that the image checks would not have let through, put in behind their back."""
    code = (
        "import sys, numpy as np, hostile, guards\n"
        "from tnemu.emulator.engines.compiled import layout\n"
        "load = layout.load\n"
        "def wrong(*arguments, **options):\n"
        "    board = load(*arguments, **options)\n"
        "    board.target[:] = int(sys.argv[1]) << 8 | 1 << 28\n"
        "    return board\n"
        "layout.load = wrong\n"
        "with guards.guards(True):\n"
        "    hostile.seen(hostile.IMAGES['alone'](np.random.default_rng(1)))\n"
    )
    path = f"{SCRIPT.parents[2]}:{SCRIPT.parent}"
    for core, ends in ((0, False), (1, True)):
        done = subprocess.run(
            [sys.executable, "-c", code, str(core)],
            env=os.environ | {"PYTHONPATH": path}, capture_output=True, check=False,
        )  # fmt: skip
        assert (done.returncode < 0) is ends, done.stderr.decode()[-2000:]


def patched(rng: np.random.Generator, image: BoardImage) -> BoardImage:
    """The image with values at and beyond every rail put into one of its arrays or numbers."""

    def values(like: np.ndarray) -> Any:
        low, high = np.iinfo(like.dtype).min, np.iinfo(like.dtype).max
        near = [low, low + 1, -1, 0, 1, 3, 4, 15, 16, 255, 256, high - 1, high]
        fitting = [v for v in near if low <= v <= high]
        return fitting[int(rng.integers(len(fitting)))]  # rng.choice would make floats of them

    def change(array: np.ndarray) -> np.ndarray:
        array = array.copy()
        field = array[rng.choice(array.dtype.names)] if array.dtype.names else array
        for _ in range(int(rng.choice([1, 1, 4, 100]))):
            if field.size:
                field.flat[int(rng.integers(field.size))] = values(field)
        return array

    names = "positions axon_types crossbar neuron_types types targets seeds core_ids".split()
    name = str(rng.choice([*names, "taps", "width", "number", "exits"]))
    if name in names:
        return dataclasses.replace(image, **{name: change(getattr(image, name))})
    (pins, *_), (out, *more) = image.inputs, image.outputs
    number = int(rng.choice([-1, 0, 1, 2, 255, 256, 257, 1 << 20, 1 << 31, 1 << 40]))
    if name == "taps":
        return dataclasses.replace(
            image, inputs=(dataclasses.replace(pins, taps=change(pins.taps)),)
        )
    if name == "exits":
        place = tuple(int(v) for v in rng.choice([-2, -1, 0, 3, 5, 8, 10, 11], 3))
        out = dataclasses.replace(out, exits=(*out.exits[1:], place))
    elif rng.random() < 0.5:
        return dataclasses.replace(image, inputs=(dataclasses.replace(pins, width=number),))
    else:
        out = dataclasses.replace(out, **{name: number})
    return dataclasses.replace(image, outputs=(out, *more))


def fate(case: hostile.Hostile) -> str:
    """Whether an image is refused, and if not, that it runs as the reference runs it."""
    try:
        expected = hostile.seen(case, engine="reference")
    except TnemuError as refused:
        with pytest.raises(type(refused)):
            hostile.seen(case, threads=2)
        return "refused"
    assert hostile.seen(case, threads=1) == expected
    assert hostile.seen(case, threads=2) == expected
    return "runs"


def small(seed: int) -> hostile.Hostile:
    rng = np.random.default_rng(seed)
    case = hostile.off_board(rng)
    image, n = case.image, 3
    cut = {name: getattr(image, name)[:n] for name in
           ("positions", "core_ids", "seeds", "axon_types", "crossbar", "types", "targets")}  # fmt: skip
    taps = image.inputs[0].taps[image.inputs[0].taps["core"] < n]
    inputs = (dataclasses.replace(image.inputs[0], taps=taps),)
    spikes = case.spikes[case.spikes[:, 0] < n]
    return hostile.Hostile(dataclasses.replace(image, inputs=inputs, **cut), spikes)


def fates(seeds: range) -> set[str]:
    found = set()
    for seed in seeds:
        case = small(seed)
        rng = np.random.default_rng([seed, 1])
        found.add(fate(dataclasses.replace(case, image=patched(rng, case.image))))
    return found


def test_an_image_with_any_value_in_it_is_refused_or_runs_as_the_reference_runs_it() -> None:
    assert fates(range(25)) == {"refused", "runs"}


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_very_many_patched_images_are_refused_or_run_as_the_reference_runs_them() -> None:
    assert fates(range(1000, 4000)) == {"refused", "runs"}


def test_an_image_that_is_loaded_can_no_longer_be_changed() -> None:
    """Neither by whoever made its arrays, nor through the image."""
    case = small(1)
    mine = case.image.targets.copy()
    image = dataclasses.replace(case.image, targets=mine)
    with Emulator(image) as emulator:
        before = hostile.seen(case, engine="reference")
        mine[:] = 0xFFFFFFFF
        for name in ("types", "targets", "axon_types", "crossbar", "positions", "neuron_types"):
            assert not getattr(emulator.image, name).flags.writeable
        assert not emulator.image.inputs[0].taps.flags.writeable
    assert hostile.seen(hostile.Hostile(image, case.spikes)) == before
