# ruff: noqa: E402
import csv
import dataclasses
import json
import shutil
from collections import namedtuple

import numpy as np
import pytest
from tiny_teachers import tiny

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.errors import TnemuError
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_tensors, save_tensors
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.episodes import Episode
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import load_teacher, save_player
from tnemu.learn.run.trouble import Diverged
from tnemu.learn.teachers import checkpoint, teacher
from tnemu.learn.teachers.checkpoint import TrainingError
from tnemu.learn.teachers.settings import TeacherSettings, exploration, n_step
from tnemu.learn.teachers.teacher import (
    Trainer,
    double_dqn_target,
    main,
    move_towards,
    train_teacher,
)
from tnemu.tasks.atari.spec import SPECS

FILES = ["first checkpoint", "best teacher", "second checkpoint"]
"""What is written at a check, in this order."""


def test_double_dqn_target_by_hand():
    """The online net likes action 1, then 0; the target net says what those are worth."""
    online, target = (
        torch.tensor([[1.0, 2.0], [5.0, 4.0]]),
        torch.tensor([[10.0, 20.0], [30.0, 40.0]]),
    )
    got = double_dqn_target(torch.tensor([0.5, -1.0]), torch.tensor([0.9, 0.0]), online, target)
    torch.testing.assert_close(got, torch.tensor([0.5 + 0.9 * 20, -1.0]))


def test_move_towards_is_the_ema_formula():
    follower, leader = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    before = [p.detach().clone() for p in follower.parameters()]
    move_towards(follower, leader, 0.25)
    for old, now, goal in zip(before, follower.parameters(), leader.parameters(), strict=True):
        torch.testing.assert_close(now.detach(), old + 0.25 * (goal.detach() - old))


def test_schedules():
    s = TeacherSettings("krull", "x")
    assert [n_step(s, u) for u in (0, 20_000, 40_000, 90_000)] == [20, 11, 6, 6]
    assert exploration(s, 0) == 1
    assert exploration(s, 80_000) == pytest.approx(0.51)
    assert exploration(s, 500_000) == pytest.approx(0.02)


def test_random_actions_are_held_with_inverse_square_lengths(tmp_path):
    trainer = Trainer(tiny(tmp_path, worlds=1, hold_most=4), SPECS["krull"])
    actions = np.array([trainer.choose_actions(1.0)[0] for _ in range(6000)])
    starts = np.flatnonzero(np.diff(actions)) + 1
    lengths = np.diff(starts)
    shares = np.bincount(lengths, minlength=5)[1:5] / len(lengths)
    # two holds of the same action in a row (1 in 18) look like one longer hold
    np.testing.assert_allclose(
        shares, np.array([1, 1 / 4, 1 / 9, 1 / 16]) / (1 + 1 / 4 + 1 / 9 + 1 / 16), atol=0.06
    )


def test_network_is_dueling_and_subtracts_the_background():
    net = DuelNet(SPECS["freeway"])
    screens = torch.randint(0, 256, (5, 4, 42, 42), dtype=torch.uint8)
    net.background.copy_(torch.rand(42, 42) * 200)
    x = torch.relu(net.conv2(torch.relu(net.conv1((screens - net.background) / 100)))).flatten(1)
    x = torch.relu(net.fc(x))
    torch.testing.assert_close(
        net(screens).mean(1, keepdim=True), net.value(x), atol=1e-5, rtol=1e-4
    )
    assert sum(p.numel() for p in DuelNet(SPECS["krull"]).parameters()) < 250_000


@pytest.mark.slow
def test_training_run_and_resume(tmp_path):
    s = tiny(tmp_path)
    best = train_teacher(s)
    with (tmp_path / "run" / "curve.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(r["steps"]) for r in rows if r["loss"]] == [200, 300, 400]
    assert [int(r["steps"]) for r in rows if r["check_mean"]] == [200, 400]
    assert int(rows[-1]["updates"]) == (400 - 160) // 16

    net = load_teacher(best)
    assert net(torch.zeros(2, 4, 42, 42, dtype=torch.uint8)).shape == (2, 4)
    assert net.background.abs().sum() > 0
    assert net.spec.game == "breakout"
    assert net.metadata["spec_sha256"] == net.spec.sha256
    assert json.loads(net.metadata["settings"]) == dataclasses.asdict(s)
    assert json.loads(net.metadata["check"])["seeds"] == [9000, 9000]

    more = dataclasses.replace(s, steps=600)
    trainer = Trainer(more, net.spec)
    trainer.resume()
    assert (trainer.steps, trainer.updates, len(trainer.checks)) == (400, 15, 2)
    assert trainer.optimiser.state_dict()["state"][0]["step"] == 15
    trainer.run()
    assert (trainer.steps, trainer.updates, len(trainer.checks)) == (600, 27, 3)
    assert trainer.replay.added * 2 == 200 + 60, "the replay was refilled before learning went on"
    commands = trainer.commands
    assert [c["from"] for c in commands] == [0, 400]
    assert "--steps 400" in commands[0]["command"]
    assert commands[1]["command"].endswith("--resume")
    best = load_teacher(tmp_path / "run" / "best.safetensors").metadata
    assert json.loads(best["commands"]) == commands[: 1 + (json.loads(best["steps"]) > 400)]


def test_resume_restores_every_tensor(tmp_path):
    s = tiny(tmp_path, steps=300)
    first = Trainer(s, teacher.spec_for("breakout"))
    first.run()
    second = Trainer(s, teacher.spec_for("breakout"))
    second.resume()
    for name in ("online", "target", "ema"):
        for a, b in zip(
            getattr(first, name).state_dict().values(),
            getattr(second, name).state_dict().values(),
            strict=True,
        ):
            assert torch.equal(a, b)
    old, new = first.optimiser.state_dict()["state"], second.optimiser.state_dict()["state"]
    assert old.keys() == new.keys()
    for i in old:
        assert all(torch.equal(old[i][k], new[i][k]) for k in ("step", "exp_avg", "exp_avg_sq"))


@pytest.mark.slow
def test_same_seed_same_weights(tmp_path):
    nets = []
    for k, seed in enumerate((1, 1, 2)):
        trainer = Trainer(
            tiny(tmp_path / str(k), steps=210, seed=seed), teacher.spec_for("breakout")
        )
        trainer.run()
        nets.append(torch.cat([p.detach().ravel() for p in trainer.ema.parameters()]))
    assert torch.equal(nets[0], nets[1])
    assert not torch.equal(nets[0], nets[2])


def test_stops_when_the_loss_is_not_a_number(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Trainer, "update", lambda self: torch.tensor(float("nan")))
    s = tiny(tmp_path)
    assert (
        main(
            [
                "breakout",
                "--out",
                s.out,
                "--steps",
                "400",
                "--learn-start",
                "160",
                "--worlds",
                "2",
                "--replay",
                "2000",
                "--log-every",
                "100",
            ]
        )
        == 1
    )
    assert (
        "breakout, step 200: the loss is nan; there is no checkpoint yet; begin again with a smaller "
        "--learning-rate (it was 0.0004)" in capsys.readouterr().err
    )
    assert not (tmp_path / "run" / "best.safetensors").exists()


def test_resume_without_a_checkpoint(tmp_path, capsys):
    assert main(["breakout", "--resume", "--out", str(tmp_path)]) == 1
    assert (
        f"there is no checkpoint {tmp_path}/checkpoint.safetensors to go on from; run without "
        "--resume, with another --out if there is a best teacher in this one"
    ) in capsys.readouterr().err


@pytest.mark.parametrize("left", ["best.safetensors", "checkpoint.safetensors"])
def test_a_folder_that_holds_a_teacher_is_not_begun_anew(tmp_path, capsys, left):
    (tmp_path / left).write_bytes(b"a teacher")
    assert main(["breakout", "--out", str(tmp_path)]) == 1
    message = "holds a run already; go on with it with --resume, or choose another --out"
    assert f"{tmp_path} {message}" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [left], "nothing is written"
    assert (tmp_path / left).read_bytes() == b"a teacher"


def test_resume_refuses_another_spec(tmp_path):
    s = tiny(tmp_path, steps=200)
    Trainer(s, teacher.spec_for("breakout")).run()
    with pytest.raises(TrainingError, match="was trained on another spec"):
        Trainer(s, SPECS["breakout"]).resume()


def test_resume_refuses_a_file_that_is_no_checkpoint(tmp_path, capsys):
    """A best teacher, and another program's file."""
    path = tmp_path / "checkpoint.safetensors"
    spec = teacher.spec_for("breakout")
    save_player(path, DuelNet(spec), TEACHER, spec, settings={})
    words = ["breakout", "--resume", "--replay", "1000", "--out", str(tmp_path)]
    assert main(words) == 1
    told = f"{path} is not the checkpoint of a teacher: it has no "
    rest = "; put the run's own checkpoint there, or choose another --out\n"
    assert capsys.readouterr().err == f"{told}counters{rest}"
    save_tensors(path, {"x.y": np.zeros(1)})
    assert main(words) == 1
    assert capsys.readouterr().err == f"{told}settings, spec, counters{rest}"


def test_load_refuses_other_files(tmp_path):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(ValueError, match="format is None, needs 'tnemu teacher 1'"):
        load_teacher(tmp_path / "x.safetensors")


def test_load_refuses_an_altered_spec(tmp_path):
    from safetensors.torch import load_file, save_file

    path = tmp_path / "t.safetensors"
    save_player(path, DuelNet(SPECS["freeway"]), TEACHER, SPECS["freeway"])
    metadata = {
        "format": TEACHER,
        "spec": dataclasses.replace(SPECS["freeway"], sticky=0.0).to_json(),
        "spec_sha256": SPECS["freeway"].sha256,
    }
    save_file(load_file(path), path, metadata)
    with pytest.raises(ValueError, match=r"it was trained under .*; the file was altered"):
        load_teacher(path)


def test_an_interrupted_run_keeps_its_checkpoint(tmp_path, monkeypatch):
    s = tiny(tmp_path)
    update, count = Trainer.update, []

    def breaks(self):
        count.append(1)
        return update(self) if self.steps <= 200 else torch.tensor(float("inf"))

    monkeypatch.setattr(Trainer, "update", breaks)
    trainer = Trainer(s, teacher.spec_for("breakout"))
    with pytest.raises(Diverged) as caught:
        trainer.run()
    assert str(caught.value) == (
        f"breakout, step 300: the loss is inf; the last good checkpoint is {s.out}/checkpoint"
        ".safetensors; go on with --resume and a smaller --learning-rate (it was 0.0004)"
    )
    again = Trainer(s, trainer.spec)
    again.resume()
    assert again.steps == 200


def test_a_spec_of_ones_own_makes_a_teacher_of_a_game_tnemu_has_no_spec_for(tmp_path):
    path = tmp_path / "seaquest.json"
    own = {"game": "seaquest", "actions": ["NOOP", "FIRE"], "crop_top": 30, "block": 8}
    path.write_text(json.dumps(own | {"max_frames": 120}))
    best = train_teacher(tiny(tmp_path, game="seaquest", spec=str(path)))
    net = load_teacher(best)
    assert (net.spec.game, net.spec.shape) == ("seaquest", (4, 21, 21))
    with pytest.raises(TnemuError) as caught:
        train_teacher(tiny(tmp_path / "other", spec=str(path)))
    assert str(caught.value) == (
        f"the spec {path} is of 'seaquest', not 'breakout'; name its game or give another file"
    )


@pytest.mark.parametrize("which", ["online", "ema"])
def test_weights_that_are_no_numbers_are_not_kept(tmp_path, monkeypatch, which):
    """The loss of the last updates may still be finite."""
    update = Trainer.update

    def spoils(self):
        loss = update(self)
        if self.steps > 300 - 16:
            with torch.no_grad():
                getattr(self, which).value.bias.fill_(float("nan"))
        return torch.zeros_like(loss)

    monkeypatch.setattr(Trainer, "update", spoils)
    s = tiny(tmp_path, steps=300, late_start=250)
    trainer = Trainer(s, teacher.spec_for("breakout"))
    with pytest.raises(Diverged) as caught:
        trainer.run()
    assert str(caught.value) == (
        f"breakout, step 300: the values of value.bias are not finite; the last good checkpoint is "
        f"{s.out}/checkpoint.safetensors; go on with --resume and a smaller --late-learning-rate (it "
        "was 0.0004)"
    )
    for name in ("best", "checkpoint"):
        arrays = load_tensors(tmp_path / "run" / f"{name}.safetensors")
        assert all(np.isfinite(array).all() for array in arrays.values())


@pytest.mark.parametrize("fails", FILES)
@pytest.mark.slow
def test_a_file_that_cannot_be_written_loses_no_better_teacher(tmp_path, monkeypatch, fails):
    """The check at step 400 is the better one; whichever write fails, the resumed run ends with it."""
    scores = {200: 1.0, 400: 9.0, 600: 5.0}
    s, written = tiny(tmp_path), []

    def played(player, spec, seeds, epsilon):
        return [Episode(9000, scores[trainer.steps], 1, False)]

    def writes(kind, write):
        def wrapped(*args, **facts):
            written.append(kind)
            if len(written) == 3 + FILES.index(fails) + 1:
                raise FormatError("the disk is full")
            return write(*args, **facts)

        return wrapped

    monkeypatch.setattr(teacher, "play_episodes", played)
    monkeypatch.setattr(checkpoint, "save_tensors", writes("checkpoint", checkpoint.save_tensors))
    monkeypatch.setattr(teacher, "save_player", writes("best", teacher.save_player))
    trainer = Trainer(s, teacher.spec_for("breakout"))
    with pytest.raises(FormatError, match="the disk is full"):
        trainer.run()
    assert written[:3] == ["checkpoint", "best", "checkpoint"]
    trainer = Trainer(dataclasses.replace(s, steps=600), trainer.spec)
    trainer.resume()
    trainer.run()
    best = load_teacher(tmp_path / "run" / "best.safetensors").metadata
    assert json.loads(best["check"])["scores"] == [9.0]
    assert [check["steps"] for check in trainer.checks] == [200, 400, 600]


@pytest.mark.slow
def test_a_disk_without_room_is_refused_before_a_teacher_trains(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    whole = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 1_000_000))
    s = tiny(tmp_path, steps=200)
    told = r"run has 1\.0 MB free, what is next needs [\d.]+ MB; make room and "
    with pytest.raises(
        TnemuError, match=told + r"begin again \(there is nothing to --resume yet\)"
    ):
        train_teacher(s, report=lambda row: None)
    monkeypatch.setattr(shutil, "disk_usage", whole)
    train_teacher(s, report=lambda row: None)
    size = sum(path.stat().st_size for path in (tmp_path / "run").glob("*.safetensors"))
    kept = (tmp_path / "run" / "checkpoint.safetensors").stat().st_size
    needed = []
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(0, 0, 1_000_000))
    monkeypatch.setattr(Trainer, "play_step", lambda *a: needed.append(1))
    with pytest.raises(TnemuError, match=told + "go on with --resume$"):
        train_teacher(dataclasses.replace(s, steps=400), resume=True, report=lambda row: None)
    assert not needed, "nothing was played"
    asked = []
    monkeypatch.setattr(teacher, "check_room", lambda folder, needs, step: asked.append(needs))
    Trainer(s, teacher.spec_for("breakout")).check_room()
    assert asked[0] == pytest.approx(size + kept, rel=0.01), "of what is written"
