# ruff: noqa: E402
"""Trainings compute on the device that was asked for."""

import dataclasses
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.formats.tensor_file import load_facts, load_tensors
from tnemu.formats.weights import read_weights
from tnemu.learn.distil.distil import train_student
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.nets import net_player
from tnemu.learn.run.device import DeviceError, device_name, find_device
from tnemu.learn.teachers import teacher
from tnemu.learn.teachers.settings import TeacherSettings
from tnemu.learn.teachers.teacher import train_teacher
from tnemu.tasks.atari.spec import SPECS


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_auto_is_the_cpu_where_there_is_no_gpu(no_gpu):
    assert find_device("auto") == find_device("cpu") == torch.device("cpu")
    assert device_name(find_device("auto")) == "cpu"


def test_auto_is_the_gpu_where_torch_sees_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert find_device("auto") == find_device("cuda") == torch.device("cuda")
    assert find_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("main", ["teacher", "distil"])
def test_cuda_without_a_gpu_is_refused(no_gpu, main, tmp_path, capsys):
    from importlib import import_module

    run = import_module(
        {"teacher": "tnemu.learn.teachers.teacher", "distil": "tnemu.learn.distil.distil"}[main]
    ).main
    more = ["--teacher", "none"] if main == "distil" else []
    assert run(["pong", "--out", str(tmp_path), "--device", "cuda", *more]) == 1
    message = capsys.readouterr().err
    assert "device 'cuda': torch" in message
    assert "sees no CUDA GPU; choose cpu or auto" in message


def test_an_unknown_device_is_refused():
    with pytest.raises(DeviceError, match="device 'tpu' is unknown; choose among auto, cpu, cuda"):
        find_device("tpu")


def test_a_player_computes_where_its_weights_are():
    net = DuelNet(SPECS["freeway"])
    seen = np.zeros((2, 4, 42, 42), np.uint8)
    assert net_player(net)(seen).shape == (2, 3)
    # "meta" tensors have no numbers and refuse to meet the CPU's: this error says that the screens
    # went to the weights, and that the result was fetched from there.
    with pytest.raises(NotImplementedError, match="Cannot copy out of meta tensor"):
        net_player(net.to("meta"))(seen)


def tiny_teacher(out, device):
    return TeacherSettings(
        "breakout", str(out), steps=200, learn_start=60, worlds=2, replay=2000, refill=20,
        check_every=100, check_episodes=1, log_every=100, device=device,
    )  # fmt: skip


def tiny_student(out, teacher_file, device):
    return DistilSettings(
        "breakout", teacher_file, str(out), states=160, dagger_rounds=1, dagger_states=64,
        worlds=4, batch=16, iterations=3, calibration=64, control_iterations=2, check_every=2,
        check_episodes=1, log_every=1, device=device,
    )  # fmt: skip


@pytest.fixture
def short_episodes(monkeypatch):
    short = dataclasses.replace(SPECS["breakout"], max_frames=120)
    monkeypatch.setattr(teacher, "spec_for", lambda game: short)


@pytest.mark.slow
def test_auto_without_a_gpu_trains_what_the_cpu_trains(no_gpu, short_episodes, tmp_path):
    files = [train_teacher(tiny_teacher(tmp_path / name, name)) for name in ("auto", "cpu")]
    first, second = (load_tensors(file) for file in files)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert json.loads(load_facts(files[0])["device"]) == "cpu"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_gpu_trains_teacher_and_student_and_resumes(short_episodes, tmp_path):
    settings = tiny_teacher(tmp_path / "teacher", "cuda")
    train_teacher(settings)
    best = train_teacher(dataclasses.replace(settings, steps=300), resume=True)
    assert json.loads(load_facts(best)["device"]).startswith("cuda (")
    (student,) = train_student(tiny_student(tmp_path / "student", str(best), "cuda"))
    assert read_weights(student).provenance["device"].startswith("cuda (")
