"""The help of trainings: written once, below the settings' fields."""

from __future__ import annotations

from dataclasses import dataclass, fields

import pytest

pytest.importorskip("torch")

from tnemu.learn.distil.distil import DistilSettings
from tnemu.learn.distil.distil import main as student
from tnemu.learn.distil.settings import StudentSettings
from tnemu.learn.distil.together import TogetherSettings
from tnemu.learn.precision.ladder import LadderSettings
from tnemu.learn.run.runs import meanings
from tnemu.learn.teachers.teacher import TeacherSettings


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
        "first": "Of 100 %%, this many.",
        "not_said": "not said",
        "second": "Said.",
    }


@pytest.mark.parametrize(
    "settings", [TeacherSettings, DistilSettings, TogetherSettings, LadderSettings]
)
def test_every_setting_of_a_training_says_what_it_means(settings):
    said = meanings(settings)
    assert set(said) == {f.name for f in fields(settings)}
    assert not [name for name, text in said.items() if text == name.replace("_", " ")]


def test_the_help_names_what_was_typed_what_is_needed_and_every_default(capsys):
    with pytest.raises(SystemExit) as end:
        student(["--help"], name="tnemu learn student")
    assert end.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "usage: tnemu learn student game --teacher TEACHER --out OUT [option ...]" in text
    assert "--keep-every KEEP_EVERY Decisions per kept state" in text
    assert f"(default: {StudentSettings.states})" in text
    assert "(default: None)" not in text
