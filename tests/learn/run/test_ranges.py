"""Settings out of their range are refused before anything is begun with them."""

# ruff: noqa: E402
import dataclasses
import math

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.errors import TnemuError
from tnemu.learn.distil import distil
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import save_player
from tnemu.learn.precision import ladder
from tnemu.learn.precision.settings import LadderSettings
from tnemu.learn.teachers import teacher
from tnemu.learn.teachers.settings import TeacherSettings
from tnemu.tasks.atari import world
from tnemu.tasks.atari.spec import SPECS

MAKE = {
    "teacher": lambda **changed: TeacherSettings("pong", "out", **changed),
    "student": lambda **changed: DistilSettings("pong", "teacher", "out", **changed),
    "together": lambda **changed: DistilSettings(("pong",), ("teacher",), "out", **changed),
    "ladder": lambda **changed: LadderSettings("pong", "run", **changed),
}
COUNTS = {
    "teacher": "steps worlds batch learn_start steps_per_update n_first n_last n_updates replay "
    "epsilon_steps hold_most check_every check_episodes log_every",
    "student": "states dagger_states keep_every worlds batch iterations calibration check_every "
    "check_episodes log_every",
    "together": "states worlds batch iterations",
    "ladder": "batch iterations range_states calibration episodes",
}
FROM_ZERO = {
    "teacher": "seed late_start refill check_seed",
    "student": "seed dagger_rounds control_iterations check_seed",
    "together": "seed dagger_rounds check_seed",
    "ladder": "seed evaluation_seed",
}
RATES = {
    "teacher": "learning_rate late_learning_rate adam_eps gradient_clip",
    "student": "learning_rate later_learning_rate control_learning_rate",
    "together": "learning_rate later_learning_rate",
    "ladder": "learning_rate",
}
SHARES = {
    "teacher": "gamma replay_alpha replay_beta target_rate ema_rate epsilon_last check_epsilon",
    "ladder": "epsilon",
}


def each(names):
    return [(kind, name) for kind, words in names.items() for name in words.split()]


def refused(kind, name, value, limit):
    with pytest.raises(TnemuError) as caught:
        MAKE[kind](**{name: value})
    option = name.replace("_", "-")
    assert str(caught.value) == f"{name} = {value}: must be {limit}; choose another --{option}"


@pytest.mark.parametrize(("kind", "name"), each(COUNTS))
def test_counts_are_1_or_more(kind, name):
    MAKE[kind](**{name: 4000})
    refused(kind, name, 0, "1 or more")
    refused(kind, name, -5, "1 or more")


@pytest.mark.parametrize(("kind", "name"), each(FROM_ZERO))
def test_seeds_and_what_may_be_left_out_are_0_or_more(kind, name):
    MAKE[kind](**{name: 0})
    refused(kind, name, -1, "0 or more")


@pytest.mark.parametrize(("kind", "name"), each(RATES))
def test_rates_are_finite_and_above_0(kind, name):
    MAKE[kind](**{name: 1e38})
    for value in (0.0, -1e-3, math.nan, math.inf):
        refused(kind, name, value, "finite and above 0")


@pytest.mark.parametrize(("kind", "name"), each(SHARES))
def test_shares_are_between_0_and_1(kind, name):
    MAKE[kind](**{name: 1.0})
    for value in (-0.1, 1.1, math.nan):
        refused(kind, name, value, "between 0 and 1")


@pytest.mark.parametrize("name", ["percentile", "weight_percentile"])
def test_percentiles_are_above_0_and_at_most_100(name):
    MAKE["ladder"](**{name: 100.0})
    for value in (0.0, -1.0, 100.1, math.nan, math.inf):
        refused("ladder", name, value, "above 0 and at most 100")


@pytest.mark.parametrize(
    ("kind", "name", "value", "what"),
    [
        ("teacher", "steps", "5", "a whole number"),
        ("teacher", "steps", 2.5, "a whole number"),
        ("teacher", "batch", True, "a whole number"),
        ("teacher", "gamma", None, "a number"),
        ("student", "width", [], "a whole number"),
        ("student", "loss", 3, "text"),
        ("student", "out", "a\0b", "text"),
        ("together", "games", ("pong", 3), "a tuple of one text or more"),
        ("together", "games", (), "a tuple of one text or more"),
        ("ladder", "bits", (8, "4"), "a tuple of whole numbers"),
    ],
)
def test_values_of_another_type_are_refused_by_name(kind, name, value, what):
    """Settings come from files too."""
    make = {"teacher": TeacherSettings, "ladder": LadderSettings}.get(kind, DistilSettings)
    first = {TeacherSettings: ("pong", "o"), LadderSettings: ("pong", "r")}
    given = dict(
        zip(
            [f.name for f in dataclasses.fields(make)],
            first.get(make, ("p", "t", "o")),
            strict=False,
        )
    )
    with pytest.raises(TnemuError) as caught:
        make(**given | {name: value})
    option = name.replace("_", "-")
    assert str(caught.value) == f"{name} = {value!r}: must be {what}; choose another --{option}"


@pytest.mark.parametrize("value", [0.0, 1.0, math.nan])
def test_the_label_peak_is_a_probability_that_is_neither_0_nor_1(value):
    refused("student", "label_peak", value, "above 0 and below 1")


def test_some_states_are_held_out_and_some_are_not():
    refused("student", "hold_out", 1, "2 or more")
    MAKE["student"](hold_out=30, states=30)
    with pytest.raises(TnemuError) as caught:
        MAKE["student"](hold_out=31, states=30)
    assert str(caught.value) == (
        "hold_out = 31: 1 / hold_out of 30 states leaves none for validation; choose --hold-out 30 or "
        "less, or more --states"
    )


@pytest.mark.parametrize("kind", ["teacher", "student", "together"])
def test_seeds_of_checks_are_those_that_a_console_takes(kind):
    """Otherwise the first check would fail, after hours."""
    most = 2**31 - 3
    MAKE[kind](check_seed=most, check_episodes=3)
    with pytest.raises(TnemuError, match=r"check_seed = 2147483646: must be 2,147,483,645 or less"):
        MAKE[kind](check_seed=most + 1, check_episodes=3)


def test_a_command_with_a_setting_out_of_range_leaves_nothing_behind(tmp_path, capsys):
    out = tmp_path / "out"
    for kind, words in (
        (teacher, "pong --learning-rate nan"),
        (teacher, "pong --steps -5"),
        (distil, "pong --teacher t --worlds 0"),
        (distil, "pong krull --teachers t u --seed -1"),
        (ladder, "pong --run t --percentile 101"),
        (ladder, "pong --run t --learning-rate inf"),
    ):
        assert kind.main([*words.split(), "--out", str(out)]) == 1
        assert "must be" in capsys.readouterr().err
        assert not out.exists()


@pytest.mark.parametrize("kind", [teacher, distil])
def test_a_missing_rom_does_not_block_the_corrected_command(tmp_path, monkeypatch, capsys, kind):
    file, out, spec = tmp_path / "t.safetensors", tmp_path / "out", SPECS["freeway"]
    save_player(file, DuelNet(spec), TEACHER, spec)
    words = ["freeway", "--out", str(out)]
    words += [] if kind is teacher else ["--teacher", str(file)]

    def no_rom(*_):
        raise world.WorldError("no ROM for game 'freeway'")

    monkeypatch.setattr(world, "_console", no_rom)
    for _ in range(2):
        assert kind.main(words) == 1
        assert capsys.readouterr().err == "no ROM for game 'freeway'\n"
    assert not (out / "settings.json").exists()
