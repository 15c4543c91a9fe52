"""The thesis's tables run again: its rows, whose networks stand beside them, intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from spiking_networks import DSQN, finished_run

from tnemu.lab.grid import GridError, interval, own_networks, run_row, thesis_networks, trainings
from tnemu.lab.hahn import TABLES, TRAININGS, Row
from tnemu.networks.spiking.recipe import Recipe


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for seed in (11, 12, 13):
        finished_run(tmp_path / "a" / f"run-{seed}", seed, preset="A")
    finished_run(tmp_path / "b", 14, preset="B")
    finished_run(tmp_path / "p", 15, "policy", method="reinforce")
    finished_run(tmp_path / "q", 16, "policy", method="actor-critic")
    return tmp_path


def test_the_rows_are_the_thesiss() -> None:
    counts = {name: len(rows) for name, rows in TABLES.items()}
    assert counts == {"lengths": 31, "normalisations": 16, "codes": 17, "loaded": 2, "nest": 20}
    (row,) = [
        r for r in TABLES["lengths"]
        if (r.task, r.kind, r.recipe.ticks) == ("mountaincar", "classifier", 100)
    ]  # fmt: skip
    assert (row.mean_return, row.agreement) == (-278.92, 0.9389)
    best = [r.kind for r in TABLES["codes"] if r.mean_return == 423.89]
    assert best == ["dqn"]
    assert {r.recipe.reset for r in TABLES["nest"]} == {"zero", "subtract"}
    assert sum(t.solved for t in TRAININGS) == 15


def test_an_interval_is_students() -> None:
    # t(0.975, 2) = 4.303, sd = 1, n = 3
    assert interval(np.array([1.0, 2.0, 3.0])) == pytest.approx(
        [2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5]
    )
    assert interval(np.array([5.0])) is None


def test_runs_are_told_apart_by_what_they_were_begun_with(runs: Path) -> None:
    found = own_networks(runs)
    assert [(c.kind, c.preset) for c in found] == [
        ("dqn", "A"), ("dqn", "A"), ("dqn", "A"), ("dqn", "B"), ("policy", ""), ("actor-critic", ""),
    ]  # fmt: skip
    rows = trainings(found)
    dqn = next(row for row in rows if row["preset"] == "A")
    assert (dqn["runs"], dqn["solved"], dqn["best_average"]) == (3, 1, 112.0)


def test_a_row_stands_beside_every_network_of_its_kind(runs: Path) -> None:
    found = own_networks(runs)
    row = Row("lengths", "cartpole", "dqn", Recipe(20), "none", 1.0, 0.5)
    (facts,) = run_row(row, found, 1, 3, 50)
    assert len(facts["networks"]) == 3
    assert facts["return_95"][0] < facts["mean_return"] < facts["return_95"][1]
    policy = Row("lengths", "cartpole", "policy", Recipe(20), "robust:0.99", None, 0.5)
    assert [facts["kind"] for facts in run_row(policy, found, 1, 2, 30)] == [
        "policy",
        "actor-critic",
    ]
    assert run_row(Row("x", "mountaincar", "dqn", Recipe(5), "none", 0, 0), found, 1, 1, 5) == []


def test_folders_without_networks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        GridError, match="holds no finished run of tnemu learn dqn, dsqn, policy or"
    ):
        own_networks(tmp_path)
    with pytest.raises(
        GridError, match="holds none of the thesis's networks, such as CartPole-A__DQN"
    ):
        thesis_networks(tmp_path)


@pytest.mark.slow
def test_the_thesiss_networks_give_its_table_of_lengths() -> None:
    if not DSQN.exists():
        pytest.skip("no ../shared/data/dsqn")
    networks = thesis_networks(DSQN)
    for row in TABLES["lengths"]:
        if row.task != "cartpole" or row.recipe.ticks not in (50, 100):
            continue
        (facts,) = run_row(row, networks, 1, 100, 500)
        assert facts["agreement"] == pytest.approx(row.agreement, abs=0.015)
