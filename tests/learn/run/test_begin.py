"""What a run's folder holds belongs to the settings it was begun with."""

from __future__ import annotations

import dataclasses
import json

import pytest

pytest.importorskip("torch")

from tnemu.errors import TnemuError
from tnemu.learn.distil import distil
from tnemu.learn.distil.settings import FREE, DistilSettings, renamed
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.run.runs import begin
from tnemu.tasks.atari.spec import SPECS

ALONE = DistilSettings("pong", "teacher.safetensors", "run", seed=3, width=2)


def test_a_run_goes_on_with_the_settings_it_was_begun_with(tmp_path):
    begin(tmp_path, ALONE, resume=False, free=FREE, teacher_sha256="a")
    begin(tmp_path, ALONE, resume=True, free=FREE, teacher_sha256="a")
    other = dataclasses.replace(ALONE, width=1, label_peak=0.7)
    with pytest.raises(TnemuError) as caught:
        begin(tmp_path, other, resume=True, free=FREE, teacher_sha256="b")
    assert str(caught.value) == (
        f"the run in {tmp_path} was begun with other settings (label-peak was 0.8, is 0.7; width was "
        "2, is 1; teacher-sha256 was a, is b); give the same to resume it, or choose another --out"
    )
    assert json.loads((tmp_path / "settings.json").read_text())["width"] == 2, "nothing is changed"


def test_a_folder_that_holds_a_run_is_not_begun_anew(tmp_path):
    """What the other run has left would be read back as this one's when it is resumed."""
    begin(tmp_path, ALONE, resume=False, free=FREE)
    message = "holds a run already; go on with it with --resume, or choose another --out"
    with pytest.raises(TnemuError, match=message):
        begin(tmp_path, ALONE, resume=False, free=FREE)


def test_a_run_whose_settings_are_not_known_is_not_resumed(tmp_path):
    (tmp_path / "stage0.json").touch()
    message = r"not the settings\.json it was begun with; choose another --out"
    with pytest.raises(TnemuError, match=message):
        begin(tmp_path, ALONE, resume=True, free=FREE)


@pytest.mark.parametrize(
    "changed",
    [
        {"dagger_rounds": 5, "learning_rate": 0.1},
        {"out": "here", "log_every": 1},
    ],
)
def test_rounds_rates_and_places_may_change_on_the_way(tmp_path, changed):
    begin(tmp_path, ALONE, resume=False, free=FREE)
    begin(tmp_path, dataclasses.replace(ALONE, **changed), resume=True, free=FREE)


def test_a_folder_that_only_holds_states_is_taken_as_it_is(tmp_path):
    """Those that a run was collecting when it was stopped."""
    (tmp_path / "data").mkdir()
    begin(tmp_path, ALONE, resume=True, free=FREE)
    assert json.loads((tmp_path / "settings.json").read_text())["width"] == 2


def test_games_in_another_order_are_another_run(tmp_path):
    settings = DistilSettings(("pong", "krull"), ("a", "b"), "run")
    begin(tmp_path, settings, resume=False, free=FREE)
    begin(tmp_path, settings, resume=True, free=FREE)
    turned = dataclasses.replace(settings, games=("krull", "pong"))
    with pytest.raises(TnemuError, match=r"games was \['pong', 'krull'\], is \['krull', 'pong'\]"):
        begin(tmp_path, turned, resume=True, free=FREE)


@pytest.mark.parametrize("games", [("pong",), ("pong", "krull")])
def test_the_settings_that_may_change_exist(monkeypatch, tmp_path, games):
    """Those that a run itself names as free: a name that is misspelt would free nothing."""
    asked = []
    monkeypatch.setattr(distil, "begin", lambda *a, **more: asked.append((a[3], more)))
    monkeypatch.setattr(distil, "check_start", lambda spec, seed: None)
    monkeypatch.setattr(distil, "teacher_of", lambda game, *more: DuelNet(SPECS[game]))
    monkeypatch.setattr(distil, "file_sha256", lambda path: f"hash of {path}")
    settings = DistilSettings(games, tuple("ab"[: len(games)]), str(tmp_path))
    distil.Run(settings).begin()
    ((free, more),) = asked
    assert free <= {field.name for field in dataclasses.fields(settings)}
    hashes = {"pong": "hash of a", "krull": "hash of b"}
    assert more == {"teacher_sha256": hashes if len(games) == 2 else "hash of a"}


def test_a_run_that_an_earlier_version_began_goes_on(tmp_path):
    """It had one game and one teacher, by other names."""
    before = {"game": "pong", "teacher": "t", "seed": 3, "teacher_sha256": "a"}
    (tmp_path / "settings.json").write_text(json.dumps(before))
    same = DistilSettings("pong", "moved", "run", seed=3)
    begin(tmp_path, same, True, FREE, renamed, teacher_sha256="a")
    (tmp_path / "settings.json").write_text(json.dumps(before))
    other = dataclasses.replace(same, games=("krull",))
    with pytest.raises(TnemuError, match=r"games was \['pong'\], is \['krull'\]"):
        begin(tmp_path, other, True, FREE, renamed, teacher_sha256="a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"\xff", r"settings\.json is not a text file"),
        (b"[1]", r"settings\.json: \[1\]: must be an object"),
        (b"{", r"settings\.json:1:2: is not JSON"),
        (b"[" * 100_000, r"settings\.json"),
    ],
)
def test_settings_that_cannot_be_read_are_refused_by_name(tmp_path, text, message):
    (tmp_path / "settings.json").write_bytes(text)
    with pytest.raises(TnemuError, match=message):
        begin(tmp_path, ALONE, resume=True, free=FREE)
