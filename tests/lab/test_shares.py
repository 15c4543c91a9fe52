"""Shares of many games side by side, from results as ``tnemu learn evaluate --json`` writes them."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from tnemu.cli.main import app
from tnemu.lab.shares import SharesError, read_result, shares_of
from tnemu.learn.players.scores import mean_teacher_share, teacher_share
from tnemu.measure.share_plots import MEAN, SharePlot, draw_shares

LABELS = {"KL": "zoo/", "NLL": "nll-"}


def result(folder, game, players, teacher="t.safetensors", **more):
    rows = {name: {"scores": scores, "seeds": [7, 9]} for name, scores in players.items()}
    facts = {"game": game, "players": rows, "sticky": 0.25, "epsilon": 0.01} | more
    facts["normalised"] = {"teacher_share": {"random": "random", "teacher": teacher}}
    path = folder / f"{game}.json"
    path.write_text(json.dumps(facts))
    return path


@pytest.fixture
def two(tmp_path):
    pong = {"random": [0, 2], "t.safetensors": [10, 12], "zoo/a": [6, 6], "runs/nll-a": [1, 1]}
    krull = {"random": [100.0], "t.safetensors": [300.0], "zoo/b": [400.0]}
    return [result(tmp_path, "pong", pong), result(tmp_path, "krull", krull)]


def test_a_share_is_between_random_play_and_the_teacher(two):
    found = shares_of([read_result(path) for path in two], LABELS)
    assert found.games == ("pong", "krull") and found.reference == "teacher"
    assert {k: {g: s.share for g, s in v.items()} for k, v in found.of.items()} == {
        "KL": {"pong": 0.5, "krull": 1.5}, "NLL": {"pong": 0.0},
    }  # fmt: skip
    assert found.mean["KL"][0] == 1.0 and found.mean["NLL"][0] == 0.0
    assert found.of["KL"]["pong"].points_95 == (6, 6)
    low, high = found.of["KL"]["pong"].share_95
    assert low < 0.5 < high
    assert found.facts == (
        "episodes 2, seeds 7-9, sticky 0.25, epsilon 0.01",
        "episodes 1, seeds 7-9, sticky 0.25, epsilon 0.01",
    )


def test_another_player_may_be_the_reference(two):
    found = shares_of([read_result(two[0])], LABELS, "KL")
    assert list(found.of) == ["NLL"] and found.of["NLL"]["pong"].share == 0.0
    with pytest.raises(SharesError, match=r"krull\.json: KL did not play in krull") as caught:
        shares_of([read_result(two[1])], {"KL": "nobody", "NLL": "zoo/"}, "KL")
    assert "choose another --by" in str(caught.value)
    with pytest.raises(
        SharesError, match="the reference 'twin' is no label; choose teacher or one"
    ):
        shares_of([], LABELS, "twin")


def test_the_mean_of_games_has_the_interval_of_their_episodes():
    rng = np.random.default_rng(0)
    parts = [(rng.normal(5, 2, 50), np.zeros(50), np.full(50, 10.0)) for _ in range(4)]
    mean, (low, high) = mean_teacher_share(parts)
    assert np.isclose(mean, np.mean([p[0].mean() / 10 for p in parts]))
    half = 1.96 * np.sqrt(sum(p[0].var(ddof=1) / 50 for p in parts)) / 4 / 10
    assert np.isclose(high - mean, half, rtol=0.1) and np.isclose(mean - low, half, rtol=0.1)
    (one,) = [teacher_share(*parts[0])]
    assert mean_teacher_share(parts[:1])[0] == one["mean"]
    assert mean_teacher_share([([1.0], [0.0, 9.0], [5.0])])[1] is None


def test_results_that_cannot_be_put_side_by_side_are_refused(tmp_path, two):
    pong = read_result(two[0])
    with pytest.raises(
        SharesError, match="two of the results are of 'pong'; give one for each game"
    ):
        shares_of([pong, pong], LABELS)
    with pytest.raises(
        SharesError, match=r"'a' stands in the names of .* and .*; choose a text that"
    ):
        shares_of([pong], {"KL": "a"})
    with pytest.raises(
        SharesError, match="no player of any result has 'x' in its name, as label 'K'"
    ):
        shares_of([pong], {"K": "x"})
    lonely = result(tmp_path, "up", {"t.safetensors": [1.0], "zoo/": [1.0]})
    with pytest.raises(
        SharesError, match="nobody played at random, so there is no 0 to measure from"
    ):
        read_result(lonely)
    flat = result(tmp_path, "down", {"random": [3.0], "t.safetensors": [2.0], "zoo/": [1.0]})
    with pytest.raises(
        SharesError, match="the reference has 2 points, random play 3: there is noth"
    ):
        shares_of([read_result(flat)], LABELS)
    empty = result(tmp_path, "x", {"random": []})
    with pytest.raises(SharesError, match="'random' has no scores; evaluate it again"):
        read_result(empty)


def test_the_command_prints_a_table_and_draws_the_picture(tmp_path, two):
    png = tmp_path / "shares.png"
    words = [*map(str, two), "--label", "KL=zoo/", "--label", "NLL=nll-", "--plot", str(png)]
    done = CliRunner().invoke(app, ["learn", "shares", *words])
    assert done.exit_code == 0, done.output
    rows = {line.split()[0]: line.split() for line in done.stdout.splitlines()}
    assert rows["pong"][1:4] == ["6", "6..6", "0.50"] and rows["krull"][-4:] == ["-"] * 4
    assert rows["mean"][1] == "1.00"
    assert png.read_bytes()[:4] == b"\x89PNG"
    done = CliRunner().invoke(app, ["learn", "shares", str(two[0]), "--label", "KL"])
    assert done.exit_code == 1 and "--label KL: must be LABEL=TEXT" in done.stderr


def test_bars_are_as_high_as_the_shares_and_the_mean_stands_apart():
    bars = {"a": {"pong": (0.5, (0.4, 0.6)), MEAN: (0.7, None)}, "b": {MEAN: (1.2, (1.0, 1.3))}}
    figure = draw_shares(SharePlot("title", "how", ["pong"], bars, "teacher"))
    (axes,) = figure.axes
    assert [round(bar.get_height(), 3) for bar in axes.patches] == [0.5, 0.7, 1.2]
    assert axes.patches[1].get_x() > 1
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["a", "b"]
