# ruff: noqa: E402
import csv
import dataclasses
import json

import numpy as np
import pytest
from tiny_teachers import tiny

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.errors import TnemuError
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_facts, load_tensors, save_tensors
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import load_teacher, save_player
from tnemu.learn.teachers import teacher
from tnemu.learn.teachers.teacher import (
    Trainer,
    train_teacher,
)
from tnemu.tasks.atari.spec import SPECS


def curve_of(run):
    with (run / "curve.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_a_resumed_run_cuts_the_rows_that_its_checkpoint_does_not_have(tmp_path):
    """The run was killed after them; they are made again."""
    s = tiny(tmp_path, steps=300)
    train_teacher(s, report=lambda row: None)
    run, before = tmp_path / "run", curve_of(tmp_path / "run")
    whole = (run / "curve.csv").read_text()
    later = [{"steps": n, "loss": 0.5} for n in (301, 400, "x", "9" * 40)]
    with (run / "curve.csv").open("a", newline="") as file:
        csv.DictWriter(file, teacher.COLUMNS).writerows(later)
    trainer = Trainer(dataclasses.replace(s, steps=400), teacher.spec_for("breakout"))
    trainer.resume()
    trainer.run(lambda row: None)
    steps = [int(row["steps"]) for row in curve_of(run)]
    assert steps == sorted(steps), "no step goes backwards"
    assert curve_of(run)[: len(before)] == before
    assert steps.count(400) == 2, "the row and the check"
    assert (run / "curve.csv").read_text().startswith(whole)


@pytest.fixture
def stopped(tmp_path):
    """The trainer of a run that stopped, its checkpoint, and what is in it."""
    trainer = Trainer(tiny(tmp_path, steps=210), teacher.spec_for("breakout"))
    trainer.run(lambda row: None)
    path = tmp_path / "run" / "checkpoint.safetensors"
    return trainer, path, load_tensors(path), load_facts(path)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("updates", "0", "counters: updates = '0': must be a whole number"),
        ("updates", -1, "counters: updates = -1: must be a whole number"),
        ("steps", 1.5, "counters: steps = 1.5: must be a whole number"),
        ("best_check", "7", "counters: best_check = '7': must be a finite number"),
        ("checks", [3], "counters: checks[0] = 3: must be an object"),
        ("checks", {}, "counters: checks = {}: must be a list"),
        ("commands", [{}], "counters: key 'commands[0].from' is missing"),
        ("more", 1, "counters: unknown key 'more'"),
    ],
)
@pytest.mark.slow
def test_counters_of_another_type_are_refused_by_name(stopped, key, value, message):
    trainer, path, arrays, facts = stopped
    counters = json.loads(facts["counters"]) | {key: value}
    save_tensors(path, arrays, facts | {"counters": json.dumps(counters)})
    with pytest.raises(FormatError) as caught:
        trainer.resume()
    assert f"checkpoint.safetensors: {message}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("ema.fc.bias", lambda a: a * np.nan, "fc.bias holds NaN or infinity"),
        ("online.fc.bias", lambda a: a[:3], "fc.bias of float32[3], not float32[256]"),
        ("target.fc.bias", None, "no fc.bias"),
        (
            "adam.0.exp_avg",
            lambda a: a[:3],
            "adam.0.exp_avg is float32[3, 4, 6, 6], needs float32[16",
        ),
        ("adam.0.exp_avg", lambda a: a * np.inf, "adam.0.exp_avg holds NaN, infinity"),
        (
            "adam.1.exp_avg_sq",
            lambda a: a - 1,
            "adam.1.exp_avg_sq holds NaN, infinity or a negative",
        ),
        ("adam.1.step", None, "adam.1.step is nothing, needs float32[]"),
        (
            "adam.99.step",
            lambda a: np.zeros((), np.float32),
            "adam.99.step is no part of a teacher",
        ),
        ("rest", lambda a: np.zeros(1, np.float32), "rest is no part of a teacher's checkpoint"),
    ],
)
@pytest.mark.slow
def test_tensors_that_no_checkpoint_has_are_refused_by_name(stopped, name, change, message):
    trainer, path, arrays, facts = stopped
    if change is None:
        del arrays[name]
    else:
        with np.errstate(all="ignore"):
            arrays[name] = change(arrays.get(name))
    save_tensors(path, arrays, facts)
    with pytest.raises(FormatError) as caught:
        trainer.resume()
    assert message in str(caught.value)


def test_a_checkpoint_before_its_first_check_is_gone_on_with_from_earlier_versions_too(stopped):
    trainer, path, arrays, facts = stopped
    for best in ("null", "-Infinity"):
        counters = json.dumps(json.loads(facts["counters"]) | {"best_check": None, "checks": []})
        counters = counters.replace("null", best)
        save_tensors(path, arrays, facts | {"counters": counters})
        trainer.resume()
        assert trainer.best_check == -np.inf


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_a_teacher_whose_weights_are_not_finite_is_refused_when_it_is_loaded(tmp_path, value):
    """Not after hours, with the advice to choose a smaller learning rate."""
    net, path = DuelNet(SPECS["pong"]), tmp_path / "t.safetensors"
    with torch.no_grad():
        net.value.weight[0, 7] = value
    save_player(path, net, TEACHER, SPECS["pong"])
    with pytest.raises(FormatError) as caught:
        load_teacher(path)
    assert str(caught.value) == (
        f"{path}: value.weight holds NaN or infinity; the network in it is of no use, give a file of "
        "an earlier checkpoint or train it again"
    )


def test_screens_that_are_too_small_for_a_teacher_are_refused():
    small = dataclasses.replace(SPECS["pong"], block=8, crop_rows=112, crop_top=40)
    with pytest.raises(TnemuError, match="screens of 14 x 21 are too small for a teacher"):
        DuelNet(small)


def test_a_training_leaves_threads_and_random_numbers_of_the_process_as_they_were(tmp_path):
    threads, drawn = torch.get_num_threads(), torch.get_rng_state()
    inside = []
    train_teacher(
        tiny(tmp_path, steps=200), report=lambda row: inside.append(torch.get_num_threads())
    )
    assert set(inside) == {1}
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), drawn)
