# ruff: noqa: E402
"""Agents of other libraries, their networks built here anew: what they answer, and what is refused."""

import dataclasses
import json
import pickle
import re
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from torch import nn

from tnemu.errors import TnemuError
from tnemu.formats.errors import FormatError
from tnemu.learn.distil import distil
from tnemu.learn.distil.distil import Run
from tnemu.learn.distil.rounds import collect, mean_screen
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.players.adapters import ForeignTeacher, load_foreign, teacher_of
from tnemu.learn.players.episodes import play_episodes
from tnemu.learn.players.evaluate import Others, evaluate
from tnemu.learn.players.nets import net_player
from tnemu.tasks.atari.spec import SPECS, SpecError
from tnemu.tasks.atari.view import VIEWS

SCREENS = torch.arange(2 * 4 * 84 * 84).mul(7919).remainder(251).view(2, 4, 84, 84).to(torch.uint8)


def trunk():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(4, 32, 8, stride=4), nn.ReLU(), nn.Conv2d(32, 64, 4, stride=2), nn.ReLU(),
        nn.Conv2d(64, 64, 3, stride=1), nn.ReLU(), nn.Flatten(), nn.Linear(3136, 512), nn.ReLU(),
    )  # fmt: skip


def named(net, prefix):
    return {f"{prefix}{name}": value for name, value in net.state_dict().items()}


def sb3_names(net, prefix):
    """Features as stable-baselines3 names them."""
    state = {}
    for name, value in net.state_dict().items():
        layer, part = name.split(".")
        state[f"{prefix}linear.0.{part}" if layer == "7" else f"{prefix}cnn.{layer}.{part}"] = value
    return state


def zipped(path, state, facts="{}"):
    torch.save(state, path.with_suffix(".policy"))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data", facts)
        archive.write(path.with_suffix(".policy"), "policy.pth")
    return path


def qr_dqn(path, actions=6, count=25, facts=None):
    features, out = trunk(), nn.Linear(512, actions * count)
    state = sb3_names(features, "quantile_net.features_extractor.")
    state |= named(out, "quantile_net.quantile_net.0.")
    facts = json.dumps({"action_space": {"n": str(actions)}}) if facts is None else facts
    want = out(features(SCREENS / 255)).reshape(2, count, actions).mean(1)
    return zipped(path / "agent.zip", state, facts), want


def actor_critic(path, prefixes=("features_extractor.",)):
    features, actor = trunk(), nn.Linear(512, 6)
    state = named(actor, "action_net.") | named(nn.Linear(512, 1), "value_net.")
    for prefix in prefixes:
        state |= sb3_names(features, prefix)
    return zipped(path / "agent.zip", state), actor(features(SCREENS / 255))


def separate(path):
    """Actor and critic have features of their own; those of the critic are others."""
    agent, want = actor_critic(path, ("pi_features_extractor.",))
    state = torch.load(path / "agent.policy", weights_only=True)
    other = {k.replace("pi_", "vf_"): torch.zeros_like(v) for k, v in state.items() if "pi_" in k}
    plain = {k.replace("pi_", ""): v for k, v in other.items()}
    return zipped(agent, state | other | plain), want


def clean_ppo(path):
    features, actor = trunk(), nn.Linear(512, 6)
    state = named(features, "network.") | named(actor, "actor.")
    state |= named(nn.Linear(512, 1), "critic.")
    torch.save(state, path / "agent.cleanrl_model")
    return path / "agent.cleanrl_model", actor(features(SCREENS / 255))


def c51(path, env_id="PongNoFrameskip-v4"):
    features, out = trunk(), nn.Linear(512, 6 * 51)
    values = torch.linspace(-10, 10, 51)
    state = named(features, "network.") | named(out, "network.9.") | {"atoms": values}
    args = {"env_id": env_id, "seed": 1, "n_atoms": 51}
    torch.save({"model_weights": state, "args": args}, path / "agent.cleanrl_model")
    shares = out(features(SCREENS / 255)).view(2, 6, 51).softmax(2)
    return path / "agent.cleanrl_model", (shares * values).sum(2)


class Block(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv0, self.conv1 = (nn.Conv2d(n, n, 3, padding=1) for _ in range(2))

    def forward(self, x):
        return x + self.conv1(torch.relu(self.conv0(torch.relu(x))))


def sequence(a, b):
    layers = {"conv": nn.Conv2d(a, b, 3, padding=1), "pool": nn.MaxPool2d(3, 2, 1)}
    return nn.Sequential(OrderedDict(layers | {"res_block0": Block(b), "res_block1": Block(b)}))


def qdagger(path):
    torch.manual_seed(3)
    net = nn.Sequential(
        sequence(4, 16), sequence(16, 32), sequence(32, 32), nn.Flatten(), nn.ReLU(),
        nn.Linear(32 * 11 * 11, 256), nn.ReLU(), nn.Linear(256, 6),
    )  # fmt: skip
    torch.save(named(net, "network."), path / "agent.cleanrl_model")
    return path / "agent.cleanrl_model", net(SCREENS / 255)


def compiled(path):
    agent, want = clean_ppo(path)
    state = torch.load(agent, weights_only=True)
    torch.save({f"_orig_mod.module.{k}": v for k, v in state.items()}, path / "agent.pt")
    return path / "agent.pt", want


AGENTS = {
    "QR-DQN of stable-baselines3": qr_dqn,
    "PPO or A2C of stable-baselines3": actor_critic,
    "PPO or A2C of stable-baselines3,": separate,
    "PPO of CleanRL": clean_ppo,
    "C51 of CleanRL": c51,
    "QDagger of CleanRL": qdagger,
    "PPO of CleanRL, wrapped by torch.compile and DataParallel": compiled,
}


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_answers_as_its_own_library_has_it(tmp_path, name):
    path, want = AGENTS[name](tmp_path)
    teacher = load_foreign(path, "pong")
    torch.testing.assert_close(teacher(SCREENS), want.detach(), rtol=1e-4, atol=1e-5)
    assert f"{path}, {name.rstrip(',')}" in teacher.described()
    assert "shown 4 screens of 84 x 84, the whole screen" in teacher.described()


@pytest.mark.parametrize(
    "facts", ["{}", "no JSON", "[]", json.dumps({"action_space": {"n": "-3"}})]
)
def test_where_a_file_does_not_say_how_many_actions_it_has_the_game_does(tmp_path, facts):
    path, want = qr_dqn(tmp_path, count=7, facts=facts)
    torch.testing.assert_close(load_foreign(path, "pong")(SCREENS), want.detach())


def test_an_agent_of_all_actions_is_asked_for_those_of_the_world(tmp_path):
    features, actor = trunk(), nn.Linear(512, 18)
    torch.save(named(features, "network.") | named(actor, "actor."), tmp_path / "a.pt")
    got = load_foreign(tmp_path / "a.pt", "pong")(SCREENS)
    torch.testing.assert_close(got, actor(features(SCREENS / 255))[:, [0, 1, 3, 4, 11, 12]])


class Trap:
    """Unpickling it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_what_is_pickled_in_a_zip_stays_closed(tmp_path):
    import base64

    trap = pickle.dumps(Trap(tmp_path / "sprung"))
    facts = {"policy_class": {":type:": "x", ":serialized:": base64.b64encode(trap).decode()}}
    path, want = qr_dqn(tmp_path, facts=json.dumps(facts))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("pytorch_variables.pth", trap)
        archive.writestr("policy.optimizer.pth", trap)
    torch.testing.assert_close(load_foreign(path, "pong")(SCREENS), want.detach())
    assert not (tmp_path / "sprung").exists()


def test_another_game_is_refused(tmp_path):
    path, _ = c51(tmp_path, "ALE/Breakout-v5")
    with pytest.raises(
        FormatError, match="trained on 'ALE/Breakout-v5', not on 'pong'; choose its"
    ):
        load_foreign(path, "pong")
    path, _ = c51(tmp_path, "ALE/UpNDown-v5")  # six actions too
    assert load_foreign(path, "up_n_down").spec.game == "up_n_down"
    path, _ = clean_ppo(tmp_path)
    with pytest.raises(
        FormatError, match=r"answers 6 outputs, freeway needs 3 actions \(NOOP UP DO"
    ):
        load_foreign(path, "freeway")
    with pytest.raises(SpecError, match="no AtariSpec for game 'pongg'"):
        load_foreign(path, "pongg")


def test_other_architectures_are_refused_in_words_of_their_own(tmp_path):
    _, _ = clean_ppo(tmp_path)
    state = torch.load(tmp_path / "agent.cleanrl_model", weights_only=True)

    def refused(more, match, without=()):
        kept = {k: v for k, v in state.items() if k not in without}
        torch.save(kept | more, tmp_path / "x.pt")
        with pytest.raises(FormatError, match=match):
            load_foreign(tmp_path / "x.pt", "pong")

    refused({"lstm.weight_ih_l0": torch.zeros(1)}, r"lstm\.weight_ih_l0 remembers what was seen")
    between = {"mlp_extractor.policy_net.0.weight": torch.zeros(1)}
    refused(
        between, r"mlp_extractor.policy_net\.0\.weight is between features and actions, where a"
    )
    odd = {"network.7.weight": torch.zeros(512, 77)}
    refused(
        odd, r"network\.7\.weight is \[512, 77\], needs \[512, 3136\] for what it is shown; pass"
    )
    refused({"actor.bias": torch.full((6,), torch.nan)}, r"actor\.bias holds NaN or infinity")
    refused({"actor.bias": torch.zeros(2, 2)}, r"actor answers 0 outputs, pong needs 6")


def test_another_view_changes_what_a_network_needs(tmp_path):
    path, _ = clean_ppo(tmp_path)
    (tmp_path / "v.json").write_text('{"stack": 3}')
    with pytest.raises(
        FormatError, match=r"network\.0\.weight is \[32, 4, 8, 8\], needs \[32, 3, 8"
    ):
        load_foreign(path, "pong", str(tmp_path / "v.json"))
    (tmp_path / "w.json").write_text('{"rows": 20}')
    with pytest.raises(TnemuError, match="screens of 20 x 84 are too small for the Nature network"):
        load_foreign(path, "pong", str(tmp_path / "w.json"))


@pytest.mark.filterwarnings("ignore")
def test_a_program_of_torchscript_is_refused(tmp_path):
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), str(tmp_path / "x.pt"))
    with pytest.raises(
        FormatError, match=r"it is a program of TorchScript, and would run\); pass a"
    ):
        load_foreign(tmp_path / "x.pt", "pong")


@pytest.mark.slow
def test_it_labels_what_it_sees_itself_at_the_moment_that_the_student_sees(tmp_path):
    path, _ = clean_ppo(tmp_path)
    teacher, spec, seen = load_foreign(path, "pong"), SPECS["pong"], []
    player = net_player(teacher)
    view = VIEWS["cleanrl"]

    def watched(observations):
        seen.append(observations.copy())
        return player(observations)

    watched.view = view
    states = collect(watched, watched, spec, 24, 2, 2, 5)
    (screens,) = states.batches()
    assert screens.shape == (24, 4, 42, 42) and seen[0].shape == (2, 4, 84, 84)
    want = np.concatenate([player(seen[2 * k]) for k in range(12)])
    np.testing.assert_array_equal(states.q.numpy(), want)
    newest = torch.from_numpy(np.concatenate([seen[2 * k] for k in range(12)]))[:, -1].float()
    # both are of the same moment: they brighten and darken together
    ours = screens[:, 0].float().flatten(1).mean(1)
    assert torch.corrcoef(torch.stack((ours, newest.flatten(1).mean(1))))[0, 1] > 0.9


@pytest.mark.slow
def test_it_teaches_a_student_that_keeps_its_own_view(tmp_path):
    path, _ = clean_ppo(tmp_path)
    told = []
    settings = DistilSettings("pong", str(path), str(tmp_path / "run"), states=16, worlds=2)
    run = Run(settings, tell=told.append)
    assert told == [load_foreign(path, "pong").described()]
    assert run.heads[0].student.background.shape == (4, 42, 42)
    assert run.specs == [SPECS["pong"]]
    want = mean_screen(SPECS["pong"], run.seed(6))
    np.testing.assert_array_equal(run.nets[0].background.numpy(), want)
    assert run.round(0, 0, run.teachers[0]).q.shape == (16, 6)
    (folder,) = (tmp_path / "run" / "data").iterdir()
    assert json.loads((folder / "facts.json").read_text())["facts"]["view"]["maximum"] == "colours"


def test_a_network_of_ones_own_teaches_as_the_documentation_says():
    """The largest mean of six bands of the screen; any callable will do."""

    def net(screens):
        return screens[:, -1].float().view(len(screens), 6, -1).mean(2)

    teacher = ForeignTeacher(net, SPECS["pong"])
    torch.testing.assert_close(teacher(SCREENS), net(SCREENS))
    (episode,) = play_episodes(net_player(teacher), _short("pong"), [1])
    assert episode.decisions == 80
    with pytest.raises(
        TnemuError, match="knows no FIRE, RIGHTFIRE, LEFTFIRE, which the spec of pong"
    ):
        ForeignTeacher(net, SPECS["pong"], actions=("NOOP", "RIGHT", "LEFT"))


def test_the_example_of_the_documentation_runs(tmp_path, monkeypatch):
    page = Path(__file__).parents[3] / "docs" / "learning.md"
    (code,) = re.findall(r"```python\n(import torch\n.*?)```", page.read_text(), flags=re.S)
    assert code.count("\n") <= 12
    monkeypatch.chdir(tmp_path)
    Path("net.pt").write_bytes(b"whatever a person keeps")
    trained = []
    monkeypatch.setattr(distil.Run, "run", lambda run: trained.append(run))
    exec(compile(code, str(page), "exec"), {})
    assert trained[0].teachers[0](SCREENS.numpy()).shape == (2, 6)


def _short(game):
    return dataclasses.replace(SPECS[game], max_frames=160, noop_max=0)


def test_a_game_without_a_spec_takes_that_of_a_file(tmp_path):
    (tmp_path / "s.json").write_text(
        '{"game": "seaquest", "actions": ["NOOP", "UP"], "crop_top": 30}'
    )
    features, actor = trunk(), nn.Linear(512, 18)
    torch.save(named(features, "network.") | named(actor, "actor."), tmp_path / "a.pt")
    settings = DistilSettings(
        "seaquest", str(tmp_path / "a.pt"), str(tmp_path / "run"), specs=(str(tmp_path / "s.json"),)
    )
    run = Run(settings, tell=lambda line: None)
    assert run.specs[0].actions == ("NOOP", "UP")
    with pytest.raises(SpecError, match="no AtariSpec for game 'seaquest'"):
        teacher_of("seaquest", tmp_path / "a.pt")
    with pytest.raises(TnemuError, match=r"s\.json is a spec of 'seaquest': nobody plays it; give"):
        Run(DistilSettings("pong", "x", str(tmp_path), specs=(str(tmp_path / "s.json"),)))


def test_an_evaluation_says_what_an_agent_is_shown_and_may_keep_its_pace(tmp_path):
    path, _ = clean_ppo(tmp_path)
    told, short = [], _short("pong")
    how = {"others": Others(spec=short), "frame_skip": 4, "tell": told.append}
    result = evaluate([str(path), "random"], [1, 2], game="pong", **how)
    assert (result["frame_skip"], len(told)) == (4, 1)
    assert result["players"][str(path)]["decisions"] == [40, 40]
    assert result["players"][str(path)]["own_spec_sha256"] == short.sha256
