"""The help of trainings: written once, below the settings' fields."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pytest

from tnemu.errors import TnemuError
from tnemu.learn.distil.settings import DistilSettings
from tnemu.learn.players.settings import EvaluateSettings
from tnemu.learn.precision.settings import LadderSettings
from tnemu.learn.run.options import command, meanings, options_of, settings_from
from tnemu.learn.teachers.settings import TeacherSettings


@dataclass(frozen=True)
class Inner:
    first: int = 1
    """Of 100 %, this
    many.
    """
    not_said: int = 2


@dataclass(frozen=True)
class Outer(Inner):
    second: int = 3
    """Said."""


def test_a_fields_meaning_is_what_is_written_below_it_in_one_line():
    assert meanings(Outer) == {
        "first": "Of 100 %, this many.",
        "not_said": "not said",
        "second": "Said.",
    }


@pytest.mark.parametrize(
    "settings", [TeacherSettings, DistilSettings, LadderSettings, EvaluateSettings]
)
def test_every_setting_of_a_training_says_what_it_means(settings):
    said = meanings(settings)
    assert set(said) == {f.name for f in fields(settings)}
    assert not [name for name, text in said.items() if text == name.replace("_", " ")]


def test_the_help_names_what_was_typed_what_is_needed_and_every_default(capsys):
    pytest.importorskip("torch")
    from tnemu.learn.distil.distil import main

    with pytest.raises(SystemExit) as end:
        main(["--help"], name="tnemu learn student")
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    usage = "usage: tnemu learn student game [game ...] --teacher TEACHER --out OUT [option ...]"
    assert usage in text
    assert "--keep-every KEEP_EVERY Decisions per kept state" in text
    assert f"(default: {DistilSettings.states})" in text
    assert "(default: None)" not in text


def test_an_option_has_its_kind_its_default_and_how_many_values_it_takes():
    found = {option.name: option for option in options_of(DistilSettings)}
    games, teachers, states = found["games"], found["teachers"], found["states"]
    assert (games.flags, games.kind, games.several, games.required) == ((), str, True, True)
    assert (teachers.flags, teachers.required) == (("--teachers", "--teacher"), True)
    assert (states.kind, states.several, states.default) == (int, False, 40_000)
    assert found["width"].help == "What the features of its layers are multiplied by."
    sticky = {option.name: option for option in options_of(EvaluateSettings)}["sticky"]
    assert (sticky.kind, sticky.default, sticky.required) == (float, None, False)
    assert {o.name: o for o in options_of(LadderSettings)}["bits"].kind is int


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (DistilSettings("pong", "t", "o", width=2), "x.y pong --teacher t --out o --width 2"),
        (
            DistilSettings(("pong", "krull"), ("t", "u"), "o"),
            "x.y pong krull --teachers t u --out o",
        ),
        (LadderSettings("pong", "r", bits=(4,)), "x.y pong --run r --bits 4"),
    ],
)
def test_a_command_repeats_a_run(settings, words):
    assert command("x.y", settings) == f"python -m {words}"


def test_settings_that_a_file_has_are_read_back_and_named_where_they_are_wrong():
    settings = TeacherSettings("pong", "o", steps=7)
    stored = {"game": "pong", "out": "o", "steps": 7, "of another version": 1}
    assert settings_from(TeacherSettings, stored, "a file") == settings
    for values, message in (
        ([], r"a file: settings = \[\]: must be an object of named values"),
        ({"out": "o"}, "a file: its settings have no game; give the file as it was written"),
        ({**stored, "steps": "7"}, r"a file: steps = '7': must be a whole number"),
        ({**stored, "steps": 0}, "a file: steps = 0: must be 1 or more"),
    ):
        with pytest.raises(TnemuError, match=message):
            settings_from(TeacherSettings, values, "a file")
