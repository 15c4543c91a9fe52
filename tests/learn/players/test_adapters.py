# ruff: noqa: E402
"""Checkpoints of other libraries, built here from their layer names, play and teach."""

import dataclasses
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

import gymnasium

from tnemu.errors import TnemuError
from tnemu.formats.errors import FormatError
from tnemu.learn.distil.distil import Run
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.players import adapters
from tnemu.learn.players.adapters import foreign_spec, load_any_teacher, load_foreign
from tnemu.learn.players.evaluate import evaluate, load_player
from tnemu.tasks.atari.spec import SPECS, SpecError


def nature(actions: int = 6) -> torch.nn.Sequential:
    """CleanRL's QNetwork.network; its layers have the numbers that the checkpoint's names have."""
    torch.manual_seed(1)
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(4, 32, 8, stride=4), nn.ReLU(), nn.Conv2d(32, 64, 4, stride=2), nn.ReLU(),
        nn.Conv2d(64, 64, 3, stride=1), nn.ReLU(), nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(),
        nn.Linear(512, actions),
    )  # fmt: skip


def cleanrl(path, net):
    torch.save({f"network.{name}": value for name, value in net.state_dict().items()}, path)
    return str(path)


def baselines(path, net):
    """A .zip with policy.pth among other things; the target network is in it as well."""
    names = {"7": "features_extractor.linear.0", "9": "q_net.0"}
    state = {}
    for key, value in net.state_dict().items():
        layer, kind = key.split(".")
        name = names.get(layer, f"features_extractor.cnn.{layer}")
        state[f"q_net.{name}.{kind}"] = value
        state[f"q_net_target.{name}.{kind}"] = torch.zeros_like(value)
    torch.save(state, path.with_suffix(".pth"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", "{}")
        archive.write(path.with_suffix(".pth"), "policy.pth")
    return str(path)


ID = "tnemu.tasks.atari.env:tnemu/Atari-v0"
WRITERS = [(cleanrl, "dqn.cleanrl_model"), (cleanrl, "dqn.pth"), (baselines, "dqn.zip")]


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_a_checkpoint_gives_the_values_of_its_network(tmp_path, write, name):
    net = nature()
    screens = torch.randint(0, 256, (3, 4, 84, 84), dtype=torch.uint8)
    loaded = load_foreign(write(tmp_path / name, net), "pong")
    with torch.no_grad():
        torch.testing.assert_close(loaded(screens), net(screens / 255))
    assert loaded.spec.shape == (4, 84, 84)


def test_a_foreign_teacher_sees_means_of_two_by_two_pixels_every_four_frames():
    spec = foreign_spec("pong")
    assert (spec.frame_skip, spec.max_pool, spec.stack, spec.stack_stride) == (4, 2, 4, 1)
    raw = np.random.default_rng(0).integers(0, 256, (210, 160), dtype=np.uint8)
    screen = spec.screen(raw)
    top = spec.crop_top
    assert (screen[:, :2] == 0).all() and (screen[:, -2:] == 0).all()
    assert screen[5, 7] == (int(raw[top + 10 : top + 12, 10:12].sum()) + 2) >> 2


def test_it_can_be_trained_on_the_environment_under_its_spec():
    spec = foreign_spec("pong")
    env = gymnasium.make(ID, game="pong", atari_spec=spec)
    seen, facts = env.reset(seed=1)
    assert (seen.shape, facts["spec_sha256"]) == (spec.shape, spec.sha256)
    with pytest.raises(SpecError, match="atari_spec is of 'pong', the game is 'krull'"):
        gymnasium.make(ID, game="krull", atari_spec=spec)


@pytest.mark.slow
def test_the_environment_is_made_as_this_module_says_with_nothing_else_imported():
    code = (
        "import gymnasium\n"
        "from tnemu.learn.players.adapters import foreign_spec\n"
        "env = "
        + "gymnasium"
        + adapters.__doc__.split("    gymnasium")[1].split("The libraries'")[0]
    )
    done = subprocess.run(
        [sys.executable, "-c", code + "\nprint(env.reset(seed=1)[0].shape)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split("\n")[0] == "(4, 84, 84)"


def test_it_is_the_teacher_of_an_evaluation(tmp_path, monkeypatch):
    short = dataclasses.replace(SPECS["pong"], max_frames=160)
    monkeypatch.setattr(adapters, "spec_for", lambda game: short)
    file = cleanrl(tmp_path / "dqn.pth", nature())
    with pytest.raises(TnemuError, match="does not say what it plays; say it with --game"):
        load_player(file)
    result = evaluate(["random", file], [1, 2], game="pong")
    assert result["spec_sha256"] == foreign_spec("pong").sha256
    assert result["normalised"]["human_share"]["human"] == 14.6
    assert len(result["players"][file]["scores"]) == 2


def test_it_labels_the_states_of_a_student_of_its_spec(tmp_path, monkeypatch):
    short = dataclasses.replace(SPECS["pong"], max_frames=160)
    monkeypatch.setattr(adapters, "spec_for", lambda game: short)
    file = cleanrl(tmp_path / "dqn.pth", nature())
    out = str(tmp_path / "run")
    run = Run(DistilSettings("pong", file, out, states=16, worlds=2), resume=False)
    states = run.round(0, 0, lambda seen: np.zeros((len(seen), 6)))
    assert states.screens.shape == (16, 4, 84, 84)
    with torch.no_grad():
        torch.testing.assert_close(states.q, nature()(states.screens / 255))
    assert run.heads[0].student.background.shape == (4, 84, 84)


@pytest.mark.parametrize(("write", "name"), WRITERS)
def test_another_number_of_actions_is_refused_with_the_layer(tmp_path, write, name):
    file = write(tmp_path / name, nature(actions=4))
    layer = "q_net.q_net.0" if write is baselines else "network.9"
    message = rf"layer {layer}.weight is \[4, 512\], needs \[6, 512\]; .*pong has 6 actions: NOOP"
    with pytest.raises(FormatError, match=message):
        load_foreign(file, "pong")


def test_another_network_is_refused(tmp_path):
    state = {f"network.{k}": v for k, v in nature().state_dict().items()}
    torch.save(state | {"network.0.weight": torch.zeros(32, 1, 8, 8)}, tmp_path / "a.pth")
    with pytest.raises(FormatError, match=r"network.0.weight is \[32, 1, 8, 8\], needs \[32, 4, 8"):
        load_foreign(tmp_path / "a.pth", "pong")
    del state["network.7.bias"]
    torch.save(state, tmp_path / "b.pth")
    with pytest.raises(FormatError, match=r"network.7.bias is nothing, needs \[512\]"):
        load_foreign(tmp_path / "b.pth", "pong")
    torch.save({"actor.weight": torch.zeros(1)}, tmp_path / "c.pth")
    with pytest.raises(FormatError, match=r"has neither .* but actor.weight; pass a DQN"):
        load_foreign(tmp_path / "c.pth", "pong")


class Trap:
    """Unpickling it would run a command."""

    def __reduce__(self):
        return (open, ("/nowhere/at/all", "w"))


def test_nothing_but_tensors_is_unpickled(tmp_path):
    torch.save({"network.0.weight": Trap()}, tmp_path / "trap.pth")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Trap()))
    for name in ("trap.pth", "bare.pth"):
        with pytest.raises(FormatError, match="cannot be read as a checkpoint of weights"):
            load_foreign(tmp_path / name, "pong")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(FormatError, match="holds more than weights; save its state_dict"):
        load_foreign(tmp_path / "list.pth", "pong")


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "x.zip").write_bytes(b"hello")
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("data", "{}")
    (tmp_path / "z.pt").write_bytes(b"hello")
    for name in ("x.zip", "y.zip", "z.pt"):
        with pytest.raises(FormatError, match="cannot be read as a checkpoint of weights"):
            load_any_teacher(tmp_path / name, "pong")
    with pytest.raises(FormatError, match=r"cannot read checkpoint .*nowhere\.pth: No such file"):
        load_any_teacher(tmp_path / "nowhere.pth", "pong")


class Unpickled(torch.nn.Module):
    """Only its name is in the file."""


def test_a_module_in_place_of_its_weights_is_refused_without_the_advice_of_torch(tmp_path):
    """It advises to load the file in an unsafe way, in colours."""
    torch.save(Unpickled(), tmp_path / "module.pth")
    with pytest.raises(FormatError) as caught:
        load_foreign(tmp_path / "module.pth", "pong")
    assert str(caught.value) == (
        f"{tmp_path}/module.pth cannot be read as a checkpoint of weights (it holds other objects "
        "than tensors); pass a stable-baselines3 .zip or the state_dict of a CleanRL model"
    )
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused_by_the_name_of_their_layer(tmp_path, value):
    net = nature()
    with torch.no_grad():
        net[7].bias[5] = value
    with pytest.raises(FormatError, match=r"layer network\.7\.bias holds NaN or infinity; the net"):
        load_foreign(cleanrl(tmp_path / "dqn.pth", net), "pong")


@pytest.mark.parametrize(
    "odd",
    [
        torch.zeros(64, 3136, dtype=torch.int64).expand(512, 64, 3136)[:, 0],
        torch.zeros(512, 3136, dtype=torch.complex64),
        torch.zeros(512, 3136).to_sparse(),
    ],
)
def test_tensors_that_are_no_plain_numbers_are_refused(tmp_path, odd):
    state = {f"network.{k}": v for k, v in nature().state_dict().items()}
    torch.save(state | {"network.7.weight": odd}, tmp_path / "odd.pth")
    with pytest.raises(FormatError, match=r"layer network\.7\.weight is .* needs plain numbers"):
        load_foreign(tmp_path / "odd.pth", "pong")


def test_a_small_file_that_unpacks_to_a_large_one_is_refused(tmp_path, monkeypatch):
    file = cleanrl(tmp_path / "dqn.pth", nature())
    monkeypatch.setattr(adapters, "LARGEST", 1000)
    with pytest.raises(FormatError, match=r"its weights of [\d,]+ bytes, the limit is 1,000"):
        load_foreign(file, "pong")
    with pytest.raises(FormatError, match=r"policy\.pth of [\d,]+ bytes, the limit is 1,000"):
        load_foreign(baselines(tmp_path / "dqn.zip", nature()), "pong")
