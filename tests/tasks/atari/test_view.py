"""A second view of the console is what the usual wrappers give, and changes nothing of the first."""

import dataclasses
import json

import numpy as np
import pytest

from tnemu.tasks.atari.spec import SPECS, SpecError
from tnemu.tasks.atari.view import VIEWS, AtariView, luminance, view_named

GYM = VIEWS["gymnasium"]
SPEC = dataclasses.replace(SPECS["pong"], sticky=0.0, noop_max=0)


def by_brute_force(grey, rows, columns):
    """The mean over every pixel's area, of fractions of pixels, in floats."""
    out = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            top, left = i * len(grey) / rows, j * grey.shape[1] / columns
            below, right = (i + 1) * len(grey) / rows, (j + 1) * grey.shape[1] / columns
            for y in range(int(top), int(np.ceil(below - 1e-9))):
                for x in range(int(left), int(np.ceil(right - 1e-9))):
                    high = min(below, y + 1) - max(top, y)
                    out[i, j] += high * (min(right, x + 1) - max(left, x)) * grey[y, x]
    return out * rows * columns / grey.size


@pytest.mark.parametrize(("rows", "columns"), [(84, 84), (10, 7), (42, 40), (210, 160), (3, 160)])
def test_a_screen_is_the_mean_of_the_area_of_each_pixel(rows, columns):
    grey = np.random.default_rng(0).integers(0, 256, (210, 160), dtype=np.uint8)
    exact = by_brute_force(grey, rows, columns)
    got = AtariView(rows=rows, columns=columns).screen(grey)
    assert (np.abs(got - exact) <= 0.5 + 1e-6).all()


def test_a_screen_may_be_of_some_rows():
    grey = np.arange(210, dtype=np.uint8)[:, None].repeat(160, 1)
    view = AtariView(rows=84, columns=40, crop_top=20, crop_rows=168)
    np.testing.assert_array_equal(view.screen(grey)[:, 0], np.rint(20.5 + 2 * np.arange(84)))


def test_luminance_is_that_of_the_usual_weights():
    colours = np.random.default_rng(0).integers(0, 256, (99, 3), dtype=np.uint8)
    assert (np.abs(luminance(colours) - colours @ [0.299, 0.587, 0.114]) <= 0.51).all()


def test_screens_are_those_of_opencv_but_for_one_in_a_few():
    cv2 = pytest.importorskip("cv2")
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (210, 160, 3), dtype=np.uint8)
    grey = cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY)
    np.testing.assert_array_equal(luminance(colours), grey)
    theirs = cv2.resize(grey, (84, 84), interpolation=cv2.INTER_AREA).astype(int)
    off = np.abs(theirs - GYM.screen(grey))
    assert off.max() <= 1 and (off > 0).mean() < 0.002


@pytest.mark.parametrize("frame_skip", [1, 2, 4])
def test_screens_are_as_far_apart_as_the_view_says_however_often_the_world_decides(frame_skip):
    spec = dataclasses.replace(SPEC, frame_skip=frame_skip, max_pool=min(2, frame_skip))
    watching = GYM.start(spec, 1)._watcher
    watching.begin(np.full((210, 160), 1, np.uint8))
    for frame in range(1 + frame_skip, 1 + 20 * frame_skip + 1, frame_skip):
        watching.add(np.full((210, 160), frame, np.uint8))
    now = 1 + 20 * frame_skip
    assert watching.seen()[:, 5, 5].tolist() == [now - 12, now - 8, now - 4, now]
    assert watching.seen().shape == GYM.shape


@pytest.mark.parametrize(("before", "older"), [("first", 9), ("black", 0)])
@pytest.mark.parametrize("newest", ["last", "first"])
def test_before_the_first_screen_there_is_that_or_black(before, older, newest):
    watching = AtariView(before=before, newest=newest).start(SPEC, 1)._watcher
    watching.begin(np.full((210, 160), 9, np.uint8))
    stack = [older] * 3 + [9]
    assert watching.seen()[:, 0, 0].tolist() == (stack if newest == "last" else stack[::-1])


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_watched_world_is_the_same_world(view):
    pytest.importorskip("ale_py")
    spec = SPECS["pong"]
    alone, watched = spec.start(3), view.start(spec, 3)
    np.testing.assert_array_equal(alone.reset(), watched.reset())
    for action in np.random.default_rng(0).integers(len(spec.actions), size=40):
        (a, *rest), (b, *others) = alone.step(int(action)), watched.step(int(action))
        np.testing.assert_array_equal(a, b)
        assert rest == others
    assert watched.seen().shape == (4, 84, 84) and watched.seen().std() > 1


def test_the_view_is_that_of_gymnasium_s_own_wrappers():
    pytest.importorskip("cv2")
    pytest.importorskip("ale_py")
    import ale_py
    import gymnasium
    from gymnasium.wrappers import AtariPreprocessing, FrameStackObservation

    gymnasium.register_envs(ale_py)
    base = gymnasium.make("ALE/Pong-v5", frameskip=1, repeat_action_probability=0.0)
    env = FrameStackObservation(AtariPreprocessing(base, noop_max=0), 4)
    theirs, _ = env.reset(seed=1)
    world = GYM.start(dataclasses.replace(SPEC, frame_skip=4, stack_stride=1), 1)
    world.reset()
    for action in np.random.default_rng(0).integers(6, size=60):
        assert np.abs(np.asarray(theirs).astype(int) - world.seen()).max() <= 1
        theirs, *_ = env.step(int(action))
        world.step(int(action))


def test_views_are_named_or_in_files(tmp_path):
    assert view_named("cleanrl") is VIEWS["cleanrl"]
    (tmp_path / "v.json").write_text(json.dumps({"stack": 3, "newest": "first"}))
    assert view_named(tmp_path / "v.json") == AtariView(stack=3, newest="first")
    (tmp_path / "w.json").write_text(json.dumps({"newest": "middle"}))
    with pytest.raises(
        SpecError, match=r"w\.json: AtariView\.newest = 'middle': must be last or f"
    ):
        view_named(tmp_path / "w.json")
    with pytest.raises(SpecError, match=r"no view 'cleanlr'; choose .*; did you mean 'cleanrl'"):
        view_named("cleanlr")
    with pytest.raises(SpecError, match=r"AtariView\.rows = 0"):
        AtariView(rows=0)
    with pytest.raises(
        SpecError, match=r"crop_top = 50: with crop_rows = 200 .*; choose at most 10"
    ):
        AtariView(crop_top=50, crop_rows=200)


def test_worlds_without_the_screens_that_a_view_needs_are_refused():
    with pytest.raises(SpecError, match="decides every 3 raw frames, which do not divide the 4"):
        GYM.start(dataclasses.replace(SPEC, frame_skip=3), 1)
    with pytest.raises(SpecError, match="max_pool of the spec is 1, the teacher's view"):
        GYM.start(dataclasses.replace(SPEC, max_pool=1), 1)
    from tnemu.tasks.atari.world import WorldError

    with pytest.raises(WorldError, match="nobody watches this world"):
        SPEC.start(1).seen()


def test_what_is_shown_is_said_in_words():
    assert VIEWS["stable-baselines3"].described() == (
        "4 screens of 84 x 84, the whole screen, the maximum of two raw frames, of colours, 4 frames "
        "apart, newest last"
    )
