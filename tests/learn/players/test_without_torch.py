"""What needs no torch does not import it: settings, weight files, integer students, their comparison."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from tnemu.learn.eedn.wiring import wiring_of
from tnemu.learn.players.files import QUANTISED, save_arrays
from tnemu.learn.players.integers import IntegerStudent, arrays_of
from tnemu.tasks.atari.spec import SPECS

SPEC = SPECS["freeway"]
BLOCKED = "import sys; sys.modules['torch'] = None\n"
"""From now on every import of torch fails."""
MODULES = (
    "learn.run.runs learn.run.options learn.run.device learn.run.ranges learn.run.trouble "
    "learn.teachers.settings learn.distil.settings learn.precision.settings learn.players.settings "
    "learn.players.evaluate learn.players.selection learn.players.files learn.eedn.wiring"
).split()


def python(code: str, *words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-c", BLOCKED + code, *words]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def integer_student(bits: int = 4) -> IntegerStudent:
    """One with drawn numbers, whose votes differ."""
    rng, arrays = np.random.default_rng(1), {}
    for name, (dtype, shape) in arrays_of(SPEC.shape, len(SPEC.actions), 2, 1).items():
        kind = name.rpartition(".")[2]
        low, high = {"codes": (-7, 8), "multiplier": (1 << 24, 1 << 26)}.get(kind, (0, 200))
        arrays[name] = rng.integers(low, high, shape).astype(dtype)
    arrays["unit"] = np.array(0.25)
    return IntegerStudent(SPEC.shape, len(SPEC.actions), bits, arrays)


@pytest.fixture
def quantised(tmp_path):
    path = tmp_path / "4bit.safetensors"
    save_arrays(path, integer_student().arrays, QUANTISED, SPEC, bits=4)
    return str(path)


def test_settings_and_what_plays_integers_are_imported_without_torch():
    done = python("".join(f"import tnemu.{module}\n" for module in MODULES))
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_integer_students_and_weight_files_are_compared_without_torch(quantised, tmp_path):
    table = tmp_path / "scores.json"
    words = ["random", quantised, "freeway", "--episodes", "1", "--json", str(table)]
    code = "from tnemu.learn.players.command import main\nsys.exit(main(sys.argv[1:]))"
    done = python(code, *words)
    assert done.returncode == 0, done.stderr
    rows = json.loads(table.read_text())["players"]
    assert list(rows)[:2] == ["random", quantised] and len(rows) == 3
    assert done.stdout.count("mean") == 3


def test_a_player_that_needs_torch_says_so():
    code = "from tnemu.learn.players.command import main\nsys.exit(main(sys.argv[1:]))"
    done = python(code, "tnemu/zoo/teachers/freeway.safetensors")
    assert done.returncode == 1
    assert "is a network of torch, which is not installed; pip install '.[learn]'" in done.stderr


def test_votes_are_the_sums_of_the_formula():
    """Layer by layer in int64, one screen, one place of each conv at a time."""
    student, rng = integer_student(), np.random.default_rng(2)
    screen = rng.integers(0, 256, SPEC.shape).astype(np.uint8)
    x = screen.astype(np.int64) - student.background
    for k, layer in enumerate(student.wiring):
        codes, multiplier, offset = (
            student.arrays[f"layers.{k}.{name}"].astype(np.int64)
            for name in ("codes", "multiplier", "offset")
        )
        inputs = x[layer.order] if layer.kind == "conv" else x.ravel()[layer.order]
        each, out = len(inputs) // layer.groups, layer.features // layer.groups
        sums = []
        for g in range(layer.groups):
            part = inputs[g * each : (g + 1) * each]
            if layer.kind == "dense":
                sums.append(codes[g] @ part)
                continue
            own, edge = codes[g * out : (g + 1) * out], codes.shape[-1]
            places = range(0, part.shape[1] - edge + 1, layer.stride)
            rows = [[part[:, r : r + edge, c : c + edge] for c in places] for r in places]
            sums.append([[[(w * cell).sum() for cell in row] for row in rows] for w in own])
        total = np.concatenate([np.array(one) for one in sums])
        spread = (-1, *[1] * (total.ndim - 1))
        x = total + offset.reshape(spread)
        if not layer.last:
            x = (total * multiplier.reshape(spread) + offset.reshape(spread)) >> 32
            x = x.clip(0, 15)
    expected = [x[student.classes == action].sum() for action in range(student.actions)]
    assert student.votes(screen[None])[0].tolist() == expected
    assert student(screen[None])[0].tolist() == [0.25 * votes for votes in expected]
    assert len(set(expected)) > 1


@pytest.mark.parametrize(("rows", "edge"), [(42, 5), (84, 12), (15, 1)])
def test_layers_follow_each_other(rows, edge):
    layers = wiring_of((4, rows, rows), 6, depth=3, width=2)
    assert [layer.name for layer in layers][3:] == ["block1", "block2", "block3", "predict"]
    assert layers[3].inputs == 512 * edge * edge
    assert all(sorted(layer.order) == list(range(layer.inputs)) for layer in layers)
    assert {layer.fan_in for layer in layers[1:]} == {128}
