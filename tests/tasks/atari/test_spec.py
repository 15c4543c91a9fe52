import dataclasses
import json
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tnemu.tasks.atari.spec import ACTION_NAMES, SPECS, AtariSpec, SpecError, read_spec, spec_for

KRULL = SPECS["krull"]


def test_hashes_are_stable():
    # A change here makes every stored teacher and student refuse to play: make it on purpose.
    assert {game: spec.sha256[:16] for game, spec in SPECS.items()} == {
        "assault": "8e67446c71ac50ac",
        "atlantis": "a94fbb79a4a76ce4",
        "boxing": "e572c8c69c829035",
        "breakout": "4b215a34fcef21be",
        "crazy_climber": "1f7c46f84a6d0b5c",
        "demon_attack": "55e0df312d079c3f",
        "freeway": "fee2297fc1feb715",
        "gopher": "f6c08b012e3686e9",
        "jamesbond": "eac4a84048258ca7",
        "krull": "892b7a6194e5d7b3",
        "kung_fu_master": "ba591bd33ea95ddc",
        "pong": "8265d8a90ce40e5c",
        "road_runner": "eabf8ea154fcee4f",
        "up_n_down": "bcb0eebbb354c6cc",
    }


def test_canonical_json_is_pinned():
    assert spec_for("freeway").to_json() == (
        '{"actions":["NOOP","UP","DOWN"],"block":4,"crop_rows":168,"crop_top":27,"frame_skip":2,'
        '"game":"freeway","life_loss_terminal":true,"max_frames":108000,"max_pool":2,'
        '"noop_max":30,"pad_columns":4,"reward_clip":true,"stack":4,"stack_stride":2,"sticky":0.25}'
    )


@pytest.mark.parametrize("spec", SPECS.values(), ids=str)
def test_json_round_trip(spec):
    again = AtariSpec.from_json(spec.to_json())
    assert again == spec
    assert again.sha256 == spec.sha256
    assert hash(again) == hash(spec)


def test_any_field_changes_the_hash():
    other = {
        "game": "pong",
        "actions": ("UP",),
        "crop_top": 7,
        "frame_skip": 3,
        "max_pool": 1,
        "crop_rows": 164,
        "block": 2,
        "pad_columns": 8,
        "stack": 3,
        "stack_stride": 1,
        "sticky": 0.0,
        "noop_max": 0,
        "max_frames": 99,
        "reward_clip": False,
        "life_loss_terminal": False,
    }
    assert other.keys() == json.loads(KRULL.to_json()).keys()
    hashes = {dataclasses.replace(KRULL, **{name: value}).sha256 for name, value in other.items()}
    assert len(hashes) == len(other)
    assert KRULL.sha256 not in hashes


def test_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        KRULL.crop_top = 3


def test_shape_and_rate():
    assert all(
        spec.shape == (4, 42, 42) and spec.decisions_per_second == 30 for spec in SPECS.values()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"crop_top": 43},
            "AtariSpec.crop_top = 43: with crop_rows = 168 it reaches below the last of 210 "
            "rows; choose at most 42",
        ),
        (
            {"crop_top": -1},
            "AtariSpec.crop_top = -1: must be a whole number in 0..209; choose one in that range",
        ),
        (
            {"frame_skip": 2.0},
            "AtariSpec.frame_skip = 2.0: must be a whole number in 1..60; choose one in that range",
        ),
        (
            {"stack": True},
            "AtariSpec.stack = True: must be a whole number in 1..16; choose one in that range",
        ),
        (
            {"block": 3},
            "AtariSpec.block = 3: must be 1, 2, 4 or 8, because the mean is a shift; choose "
            "one of the four",
        ),
        (
            {"crop_rows": 167},
            "AtariSpec.crop_rows = 167: must be a multiple of block = 4; choose 164",
        ),
        (
            {"pad_columns": 3},
            "AtariSpec.pad_columns = 3: 160 + 2 * pad_columns must be a multiple of block = 4; "
            "choose a multiple of 4",
        ),
        (
            {"max_pool": 3},
            "AtariSpec.max_pool = 3: must not be more than frame_skip = 2; choose at most 2",
        ),
        (
            {"sticky": 1},
            "AtariSpec.sticky = 1: must be a probability, 0 <= sticky < 1; choose 0.25, or 0 "
            "for none",
        ),
        (
            {"actions": ()},
            "AtariSpec.actions = (): must be a tuple of one or more ALE action names; write "
            'for instance ("NOOP", "UP")',
        ),
        (
            {"actions": ("UPP",)},
            "AtariSpec.actions = ('UPP',): 'UPP' is no ALE action; did you mean 'UP'?",
        ),
        (
            {"actions": ("UP", "UP")},
            "AtariSpec.actions = ('UP', 'UP'): names an action twice; name each action once",
        ),
        ({"reward_clip": 1}, "AtariSpec.reward_clip = 1: must be True or False; choose one"),
        (
            {"game": "Pong"},
            "AtariSpec.game = 'Pong': must be a ROM name in lower case, letters, digits and _; "
            'write for instance "crazy_climber"',
        ),
    ],
)
def test_errors_teach(change, message):
    with pytest.raises(SpecError) as caught:
        dataclasses.replace(KRULL, **change)
    assert str(caught.value) == message


def test_from_json_is_strict():
    values = json.loads(KRULL.to_json())
    with pytest.raises(
        SpecError,
        match=r"AtariSpec: unknown key 'stick', did you mean 'sticky' or 'stack'\?; remove it or update tnemu",
    ):
        AtariSpec.from_json(json.dumps({**values, "stick": 1}))
    values.pop("stack")
    with pytest.raises(
        SpecError,
        match="AtariSpec: key 'stack' is missing; a stored spec names every field, write it "
        "again with to_json",
    ):
        AtariSpec.from_json(json.dumps(values))
    with pytest.raises(SpecError, match=r"AtariSpec: \[\]: must be an object of named values"):
        AtariSpec.from_json("[]")
    with pytest.raises(SpecError, match=r"AtariSpec:1:2: is not JSON"):
        AtariSpec.from_json("{")


def test_unknown_game_suggests():
    with pytest.raises(SpecError) as caught:
        spec_for("crazy-climer")
    assert str(caught.value) == (
        "no AtariSpec for game 'crazy-climer'; there are assault, atlantis, boxing, breakout, "
        "crazy_climber, demon_attack, freeway, gopher, jamesbond, krull, kung_fu_master, pong, "
        "road_runner, up_n_down: "
        "did you mean 'crazy_climber' or 'road_runner'? (or write one of your own in a JSON file and "
        "train its teacher with --spec FILE)"
    )
    with pytest.raises(SpecError, match="choose among them"):
        spec_for("zzz")


def test_a_spec_file_names_what_has_no_default(tmp_path):
    path = tmp_path / "seaquest.json"
    path.write_text('{"game": "seaquest", "actions": ["NOOP", "FIRE"], "crop_top": 30, "block": 2}')
    assert read_spec(path) == AtariSpec("seaquest", ("NOOP", "FIRE"), 30, block=2)
    path.write_text('{"game": "seaquest", "actions": ["NOOP"]}')
    with pytest.raises(SpecError) as caught:
        read_spec(path)
    assert str(caught.value) == (
        f"{path}: key 'crop_top' is missing; add it; the other fields have defaults"
    )


def test_a_spec_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SpecError) as caught:
        read_spec(tmp_path / "none.json")
    assert str(caught.value).startswith(f"cannot read spec {tmp_path / 'none.json'}: ")
    assert str(caught.value).endswith("; check the path")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "AtariSpec:1:65: more than 64 objects and arrays are inside one another"),
        ('{"game": ' + "9" * 5000 + "}", "a whole number has 5,000 digits, at most 400 are read"),
        ('{"stack": NaN}', "NaN is not a number in JSON"),
        ('{"stack": 1, "stack": 2}', "key 'stack' is repeated; keep one of the two"),
        ('{"game": "' + "x" * 10**6 + '"', "AtariSpec:1:1000012: is not JSON"),
    ],
    ids=["deep", "digits", "nan", "twice", "long"],
)
def test_json_that_is_deep_or_long_or_not_strict_is_refused(text, message):
    with pytest.raises(SpecError) as caught:
        AtariSpec.from_json(text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", json.loads(KRULL.to_json()))
@pytest.mark.parametrize("value", [None, [], {}, [[]], [{}], "x" * 10**5, 10**300, -1, {"a": [1]}])
def test_a_value_of_another_type_is_refused_by_its_field(name, value):
    values = {**json.loads(KRULL.to_json()), name: value}
    with pytest.raises(SpecError) as caught:
        AtariSpec.from_json(json.dumps(values))
    assert str(caught.value).startswith(f"AtariSpec.{name} = ")
    assert len(str(caught.value)) < 500


def test_numbers_of_numpy_become_pythons_and_mean_the_same():
    spec = dataclasses.replace(KRULL, stack=np.int8(4), sticky=np.float64(0.25))
    assert (type(spec.stack), type(spec.sticky), spec.sha256) == (int, float, KRULL.sha256)


def test_a_spec_file_that_is_no_regular_file_is_refused_by_its_kind(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with open(tmp_path / "sparse", "wb") as file:
        file.truncate(40 << 30)
    (tmp_path / "latin").write_bytes(b'{"game": "\xe9"}')
    for name, message in (
        ("pipe", "it is a pipe, not a regular file"),
        ("zero", "it is a device, not a regular file"),
        ("sparse", "has 42,949,672,960 bytes, the limit is 67,108,864"),
        ("latin", "byte 10 (0xe9) is no UTF-8"),
        ("nul\0", "the path holds a NUL character"),
    ):
        with pytest.raises(SpecError) as caught:
            read_spec(f"{tmp_path}/{name}")
        assert message in str(caught.value)


def test_a_wrong_value_in_a_spec_file_is_named_with_its_file(tmp_path):
    path = tmp_path / "x.json"
    path.write_text('{"game": "seaquest", "actions": ["NOOP"], "crop_top": 300}')
    with pytest.raises(SpecError) as caught:
        read_spec(path)
    assert str(caught.value).startswith(f"{path}: AtariSpec.crop_top = 300: must be a whole number")


def brute_force_screen(spec, grey):
    out = np.zeros((spec.rows, spec.columns), np.uint8)
    area = spec.block**2
    for i in range(spec.rows):
        for j in range(spec.columns):
            total = 0
            for y in range(i * spec.block, (i + 1) * spec.block):
                for x in range(j * spec.block, (j + 1) * spec.block):
                    column = x - spec.pad_columns
                    if 0 <= column < 160:
                        total += int(grey[spec.crop_top + y, column])
            out[i, j] = (total + area // 2) // area
    return out


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(list(SPECS.values())))
def test_screen_equals_brute_force(seed, spec):
    grey = np.random.default_rng(seed).integers(0, 256, (210, 160), dtype=np.uint8)
    np.testing.assert_array_equal(spec.screen(grey), brute_force_screen(spec, grey))


@pytest.mark.parametrize(
    "change",
    [
        {"block": 1, "pad_columns": 0},
        {"block": 2, "pad_columns": 1},
        {"block": 8, "pad_columns": 12, "crop_rows": 160},
    ],
)
def test_screen_with_other_blocks(change):
    spec = dataclasses.replace(KRULL, **change)
    grey = np.random.default_rng(0).integers(0, 256, (210, 160), dtype=np.uint8)
    np.testing.assert_array_equal(spec.screen(grey), brute_force_screen(spec, grey))


def test_screen_rounds_half_up_and_saturates_nowhere():
    grey = np.zeros((210, 160), np.uint8)
    grey[KRULL.crop_top, :8] = 1
    assert KRULL.screen(grey)[0, 1] == 0  # 4 / 16
    grey[KRULL.crop_top + 1, :8] = 1
    assert KRULL.screen(grey)[0, 1] == 1  # 8 / 16
    assert KRULL.screen(np.full((210, 160), 255, np.uint8))[:, 1:-1].min() == 255


def test_screen_refuses_other_arrays():
    with pytest.raises(SpecError, match=r"got float64\[210, 160\], needs uint8\[210, 160\]"):
        KRULL.screen(np.zeros((210, 160)))


def test_actions_are_ales():
    ale_py = pytest.importorskip("ale_py")
    assert set(ACTION_NAMES) <= set(ale_py.Action.__members__)
