"""Recorded states belong to a spec, to the teacher who labelled them, and to how they were collected."""

# ruff: noqa: E402
import dataclasses
import json
import mmap

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("ale_py")

from tnemu.files import COPY_BELOW
from tnemu.formats.errors import FormatError
from tnemu.learn.distil import distil
from tnemu.learn.distil.states import States
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import TEACHER
from tnemu.learn.players.nets import save_player
from tnemu.tasks.atari.spec import SPECS

SPEC = dataclasses.replace(SPECS["freeway"], max_frames=160)
FACTS = {"spec_sha256": SPEC.sha256, "teacher_sha256": "ab" * 32, "states": 20, "epsilons": [0.01]}
AGAIN = "delete it and go on with the run with --resume, it is collected again"


def numbered(count, first=0):
    """States of which each observation is its own number, everywhere."""
    screens = np.broadcast_to(
        np.arange(first, first + count, dtype=np.uint8)[:, None, None, None], (count, *SPEC.shape)
    )
    return States(screens, np.arange(3 * count, dtype=np.float32).reshape(count, 3))


@pytest.fixture
def folder(tmp_path):
    """A folder of 20 states."""
    numbered(20).save(tmp_path / "states", FACTS, device="cpu")
    return tmp_path / "states"


def test_states_come_back_with_what_they_are_states_of(folder):
    states = States.load(folder, SPEC, FACTS)
    assert torch.equal(states.q, numbered(20).q)
    assert states.take(torch.tensor([7, 3, 7])).shape == (3, 4, 42, 42)
    assert states.take(torch.tensor([7, 3, 7]))[:, 0, 0, 0].tolist() == [7, 3, 7]
    assert json.loads((folder / "facts.json").read_text()) == {
        "facts": FACTS,
        "made": {"device": "cpu"},
    }


def test_states_of_several_rounds_stay_where_they_are_and_are_numbered_in_a_row():
    rounds = [numbered(5), numbered(1, 5), numbered(6, 6)]
    joined = States.join(rounds)
    index = torch.tensor([11, 0, 5, 4, 6, 5])
    assert torch.equal(joined.take(index)[:, 3, 41, 41], index.byte())
    assert torch.cat(list(joined.batches(5))).shape == (12, 4, 42, 42)
    assert torch.cat(list(joined.batches(5)))[:, 0, 0, 0].tolist() == list(range(12))
    kept, held = joined.split(3)
    assert (len(kept), len(held)) == (8, 4)
    assert held.take(torch.arange(4))[:, 0, 0, 0].tolist() == [8, 9, 10, 11]
    assert torch.equal(torch.cat([kept.q, held.q]), joined.q)
    assert np.shares_memory(joined._parts[0][0], rounds[0]._parts[0][0]), "not copied"


def test_many_states_are_mapped_and_a_file_that_is_cut_meanwhile_is_refused(tmp_path):
    count = COPY_BELOW // (4 * 42 * 42) + 1
    screens = np.zeros((count, *SPEC.shape), np.uint8)
    States(screens, np.zeros((count, 3), np.float32)).save(tmp_path / "many", FACTS)
    states = States.load(tmp_path / "many", SPEC, FACTS)
    owner = states._parts[0][0]
    while isinstance(owner, np.ndarray):
        owner = owner.base
    assert isinstance(owner, memoryview | mmap.mmap)
    assert not states.take(torch.tensor([count - 1])).any()
    with (tmp_path / "many" / "screens.npy").open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(FormatError, match=r"screens\.npy: its file was cut from"):
        states.take(torch.tensor([0]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"spec_sha256": "ef" * 32},
            f"spec_sha256 {SPEC.sha256[:12]}, the run's is efefefefefef",
        ),
        (
            {"teacher_sha256": "cd" * 32},
            "teacher_sha256 abababababab, the run's is cdcdcdcdcdcd",
        ),
        ({"states": 21}, "states 20, the run's is 21"),
        ({"epsilons": [0.1]}, "epsilons [0.01], the run's is [0.1]"),
        ({"seed": 3}, "seed None, the run's is 3"),
    ],
)
def test_states_made_with_other_facts_are_refused(folder, change, message):
    with pytest.raises(FormatError) as caught:
        States.load(folder, SPEC, FACTS | change)
    assert str(caught.value) == f"{folder}: its states were made with {message}; {AGAIN}"


def test_a_fact_that_the_run_does_not_know_is_refused(folder):
    fewer = {name: value for name, value in FACTS.items() if name != "epsilons"}
    with pytest.raises(FormatError, match=r"made with epsilons \[0\.01\], the run's is None"):
        States.load(folder, SPEC, fewer)


@pytest.mark.parametrize(
    ("name", "array", "why"),
    [
        ("q", np.full((20, 3), np.nan, np.float32), "it holds NaN or infinity"),
        ("q", np.full((20, 3), np.inf, np.float32), "it holds NaN or infinity"),
        ("q", np.zeros((20, 3)), "it holds float64, must be float32"),
        ("q", np.zeros((19, 3), np.float32), "its shape is (19, 3)"),
        ("q", np.zeros((20, 6), np.float32), "its shape is (20, 6)"),
        ("screens", np.zeros((20, 4, 42, 42), np.int16), "it holds int16, must be uint8"),
        ("screens", np.zeros((20, 4, 84, 84), np.uint8), "its shape is (20, 4, 84, 84)"),
        ("screens", np.zeros((20, 4), np.uint8), "its shape is (20, 4)"),
    ],
)
def test_numbers_that_no_states_have_are_refused(folder, name, array, why):
    np.save(folder / f"{name}.npy", array)
    with pytest.raises(FormatError) as caught:
        States.load(folder, SPEC, FACTS)
    assert str(caught.value).startswith(f"{folder} cannot be read as states ({folder}/{name}.npy: ")
    assert why in str(caught.value)
    assert str(caught.value).endswith(f"); {AGAIN}")


def test_no_states_at_all_are_refused(folder):
    np.save(folder / "screens.npy", np.zeros((0, 4, 42, 42), np.uint8))
    np.save(folder / "q.npy", np.zeros((0, 3), np.float32))
    with pytest.raises(FormatError, match=r"q\.npy: it holds no states"):
        States.load(folder, SPEC, FACTS)


@pytest.mark.parametrize("name", ["screens.npy", "q.npy", "facts.json"])
@pytest.mark.parametrize("left", [0, 30, -1, None])
def test_states_that_cannot_be_read_are_named(folder, name, left):
    content = (folder / name).read_bytes()
    if left is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content[:left].rstrip(b"\n}"))
    with pytest.raises(FormatError) as caught:
        States.load(folder, SPEC, FACTS)
    assert str(caught.value).startswith(f"{folder} cannot be read as states (")
    assert str(caught.value).endswith(f"); {AGAIN}")
    assert "pickle" not in str(caught.value)


def run_of(tmp_path, games=("freeway",), **changes):
    """Words of a small run, its teachers made where they are not there yet."""
    words = list(games)
    files = []
    for seed, game in enumerate(games):
        files.append(tmp_path / f"{game}.safetensors")
        if not files[-1].exists():
            torch.manual_seed(seed)
            spec = dataclasses.replace(SPECS[game], max_frames=160)
            save_player(files[-1], DuelNet(spec), TEACHER, spec)
    options = {
        "states": 80, "worlds": 2, "batch": 8, "iterations": 1, "dagger-rounds": 0,
        "calibration": 20, "control-iterations": 0, "check-episodes": 1,
    }  # fmt: skip
    words += ["--teachers", *map(str, files)]
    for name, value in (options | changes).items():
        words += [f"--{name}", str(value)]
    return words


@pytest.mark.slow
def test_a_run_collects_again_what_was_damaged_and_deleted(tmp_path, capsys):
    out = tmp_path / "out"
    words = run_of(tmp_path, out=out)
    assert distil.main(words) == 0
    (states,) = (out / "data").iterdir()
    before = (states / "screens.npy").read_bytes()
    (states / "screens.npy").write_bytes(before[:1000])
    assert distil.main([*words, "--resume"]) == 1
    assert f"{states} cannot be read as states (" in capsys.readouterr().err
    for file in states.iterdir():
        file.unlink()
    states.rmdir()
    assert distil.main([*words, "--resume"]) == 0
    assert (states / "screens.npy").read_bytes() == before


@pytest.mark.slow
def test_runs_of_other_sizes_losses_and_games_share_the_states_in_a_data_folder(
    tmp_path, monkeypatch
):
    collected = []

    def watched(player, teacher, spec, *rest):
        collected.append(spec.game)
        return collect(player, teacher, spec, *rest)

    collect = distil.collect
    monkeypatch.setattr(distil, "collect", watched)
    data, runs = tmp_path / "data", iter("abcde")

    def run(*games, **changes):
        out = tmp_path / next(runs)
        assert distil.main(run_of(tmp_path, games, out=out, data=data, **changes)) == 0
        assert not (out / "data").exists()

    run("freeway")
    run("freeway", blocks=1, loss="nll", minibatch="one")
    run("pong", "freeway", width=2)
    assert collected == ["freeway", "pong"]
    run("freeway", seed=1)
    run("freeway", states=96)
    assert collected == ["freeway", "pong", "freeway", "freeway"]
    assert sorted(path.name.split("-")[0] for path in data.iterdir()) == ["freeway"] * 3 + ["pong"]
