"""Whatever the bytes, what a training reads of its own files is whole or refused, in few words.

Faults of a header alone are those of tests/files; here valid files have members, numbers and texts changed
as well. The long search: pytest -m slow, with TNEMU_FUZZ_SECONDS for each kind of file.
"""

# ruff: noqa: E402
from __future__ import annotations

import dataclasses
import json
import os
import random
import time
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")


from tnemu.errors import TnemuError
from tnemu.learn.distil.checkpoint import Position, StageCheckpoint
from tnemu.learn.distil.settings import FREE, DistilSettings, renamed
from tnemu.learn.distil.stages import read_stage
from tnemu.learn.distil.states import States
from tnemu.learn.eedn.student import Student
from tnemu.learn.players.adapters import load_foreign
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import CONTROL, QUANTISED, TEACHER, load_quantised, save_arrays
from tnemu.learn.players.integers import IntegerStudent, arrays_of
from tnemu.learn.players.nets import load_control, load_teacher, save_player
from tnemu.learn.players.selection import selection_seeds
from tnemu.learn.run.runs import Curve, begin
from tnemu.learn.teachers.settings import TeacherSettings
from tnemu.learn.teachers.teacher import Trainer
from tnemu.tasks.atari.spec import SPECS

SPEC = dataclasses.replace(SPECS["freeway"], block=8, crop_rows=168)
SHA = "ab" * 32
ODD = (
    *(b"null", b"true", b"-1", b"0", b"1e999", b"NaN", b"-Infinity", b'"0"', b"[]", b"{}", b"[[]]"),
    *(
        b'"x"',
        b"2.5",
        b"9" * 500,
        b"[" * 70,
        b'{"a":' * 70,
        b"\\ud800",
        b"\0",
        b"\xff",
        b"4294967296",
    ),
    *(b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"-inf", b"2001-01-01", b"PK\5\6"),
)
"""What takes the place of a value, or of bytes."""


def teacher(folder):
    path = folder / "teacher.safetensors"
    net = DuelNet(SPEC)
    save_player(path, net, TEACHER, SPEC, settings={"check_seed": 1, "check_episodes": 2})
    return path, lambda: (load_teacher(path), selection_seeds(str(path)))


def control(folder):
    path = folder / "control.safetensors"
    made = {"stages": [{"check_seeds": [1, 2]}]}
    net = Student(SPEC.shape, 3, "float", depth=1)
    save_player(path, net, CONTROL, SPEC, provenance=made)
    return path, lambda: (load_control(path), selection_seeds(str(path)))


def quantised(folder):
    path = folder / "4bit.safetensors"
    wanted = arrays_of(SPEC.shape, 3, 1, 1)
    arrays = {name: np.zeros(shape, dtype) for name, (dtype, shape) in wanted.items()}
    IntegerStudent(SPEC.shape, 3, 4, arrays, depth=1)
    save_arrays(path, arrays, QUANTISED, SPEC, bits=4)
    return path, lambda: load_quantised(path)


def checkpoint(folder):
    settings = TeacherSettings("freeway", str(folder), worlds=1, replay=100, n_first=5, n_last=5)
    trainer = Trainer(settings, SPEC)
    trainer.checks.append({"steps": 3, "updates": 1, "seeds": [9, 9], "scores": [1.5]})
    loss = trainer.online(torch.zeros(1, *SPEC.shape, dtype=torch.uint8)).sum()
    loss.backward()
    trainer.optimiser.step()
    trainer.save()
    trainer._seed_worlds = lambda: None  # one console does for all
    return folder / "checkpoint.safetensors", trainer.resume


def states(folder, name="screens.npy"):
    path, facts = folder / "round1", {"spec_sha256": SPEC.sha256, "teacher_sha256": SHA}
    screens = np.ones((3, *SPEC.shape), np.uint8)
    States(screens, np.ones((3, 3), np.float32)).save(path, facts)
    return path / name, lambda: States.load(path, SPEC, facts)


def labels(folder):
    return states(folder, "q.npy")


def state_facts(folder):
    return states(folder, "facts.json")


def stage_checkpoint(folder):
    student, draws = Student(SPEC.shape, 3, depth=1), torch.Generator()
    optimiser = torch.optim.Adam(student.parameters())
    student(torch.zeros(2, *SPEC.shape)).sum().backward()
    optimiser.step()
    kept = StageCheckpoint(folder / "stage0.checkpoint.safetensors", {"stage": "stage0"}, 5)
    position = Position(3, [torch.tensor(0.5)], {"val_kl": 0.5})
    kept.save(student, optimiser, draws, position)
    return kept.path, lambda: kept.resume(student, optimiser, draws)


def settings(folder):
    told = DistilSettings(("pong", "krull"), ("a", "b"), str(folder))
    begin(folder, told, False, FREE, renamed, teacher_sha256=SHA)
    path = folder / "settings.json"

    def read():
        before = path.read_bytes()
        try:
            begin(folder, told, True, FREE, renamed, teacher_sha256=SHA)
        finally:
            assert path.read_bytes() or not before

    return path, read


def stage(folder):
    path = folder / "stage0.json"
    facts = {
        "stage": "stage0", "states": 9, "iterations": 4, "learning_rate": 0.5, "device": "cpu",
        "val_kl": 0.5, "val_agree": 0.5, "firing_rate": 0.1, "check_seeds": [1, 2],
        "check_scores": [1.0, 2.0],
    }  # fmt: skip
    path.write_text(json.dumps(facts))
    return path, lambda: read_stage(path, "stage0", ["pong"])


def curve(folder):
    table = Curve(folder, ("steps", "loss"), lambda row: None)
    for steps in range(4):
        table.add(steps=steps, loss=0.5)
    return table.path, lambda: table.keep(lambda row: row.get("steps", "") != "3")


def foreign(folder):
    path, nn = folder / "dqn.pth", torch.nn
    net = {"0": nn.Conv2d(4, 32, 8), "2": nn.Conv2d(32, 64, 4), "4": nn.Conv2d(64, 64, 3)}
    small = {
        f"network.{k}.{n}": v for k, layer in net.items() for n, v in layer.state_dict().items()
    }
    torch.save(small, path)
    return path, lambda: load_foreign(path, "pong")


KINDS = [teacher, control, quantised, checkpoint, states, labels, state_facts, stage_checkpoint]
KINDS += [settings, stage, curve, foreign]
NEVER_WHOLE = (foreign,)
"""Of which the file above is refused, too: a whole one is too large to be searched."""


def changed(data: bytes, rng: random.Random, head: int) -> bytes:
    """``data`` with a few faults; half of them among the first ``head`` bytes, where texts are."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(min(head, len(found)) if rng.random() < 0.7 else len(found))
        match rng.randrange(6):
            case 0:
                found[at] ^= 1 << rng.randrange(8)
            case 1:
                token = rng.choice(ODD)
                found[at : at + len(token)] = token
            case 2:  # a value of JSON, whole; lengths in headers stay right where they can
                end = min(found.find(mark, at) for mark in b",}]" if found.find(mark, at) > 0) if (
                    any(found.find(mark, at) > 0 for mark in b",}]")
                ) else at  # fmt: skip
                start = found.rfind(b":", 0, end) + 1
                token = rng.choice(ODD)
                if 0 < end - start < 400 and len(token) <= end - start:
                    found[start:end] = token.ljust(end - start)
            case 3:
                del found[at : at + rng.choice((1, 2, 8))]
            case 4:
                found[at:at] = rng.choice(ODD)
            case 5 if rng.random() < 0.1:
                del found[at:]
        if not found:
            break
    return bytes(found)


def search(make, folder, seconds, seed, most=10**9):
    path, read = make(folder)
    data, rng = path.read_bytes(), random.Random(seed)
    head = 8 + int.from_bytes(data[:8], "little") if path.suffix == ".safetensors" else len(data)
    try:
        read()
        assert make not in NEVER_WHOLE
    except TnemuError:
        assert make in NEVER_WHOLE
    tried, refused, stop = 0, 0, time.monotonic() + seconds
    while tried < most and (tried < 20 or time.monotonic() < stop):
        now = changed(data, rng, head)
        path.write_bytes(now)
        try:
            read()
        except TnemuError as error:
            refused += 1
            message = str(error)
            assert len(message) < 2500, message[:2600]
            assert "unsafe" not in message and "\x1b" not in message and "Traceback" not in message
        except Exception as error:
            error.add_note(f"input {tried} of seed {seed}: {now[:3000]!r}")
            raise
        tried += 1
    return tried, refused


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_a_damaged_file_is_whole_or_refused(make, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _, refused = search(make, tmp_path, 0.5, 1, 300)
    assert refused


@pytest.mark.slow
@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_a_million_damaged_files_are_whole_or_refused(make, tmp_path):
    seconds = float(os.environ.get("TNEMU_FUZZ_SECONDS", "60"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tried, refused = search(make, tmp_path, seconds, os.getpid(), 10**6)
    print(f"{make.__name__}: {tried} tried, {refused} refused")
    assert refused
