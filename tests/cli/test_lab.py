"""``tnemu lab``: figures for scripts."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from tnemu.cli.main import app
from tnemu.networks.boltzmann.sampler import SAMPLERS


def lab(line: str, *more: str) -> dict:
    result = CliRunner().invoke(app, ["lab", *line.split(), *more, "--json", "-"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_sampler_prints_the_sum_and_the_probability_by_potential():
    line = "sampler --window 1 --threshold -130 --mask 8 --leak 0 --scale 50 --rule"
    strict, literal = lab(f"{line} strict"), lab(f"{line} literal")
    assert round(strict["sum_of_squared_errors"], 4) == 0.5111
    assert round(literal["sum_of_squared_errors"], 4) == 0.5279
    assert (strict["probability"]["0"], literal["probability"]["0"]) == (130 / 256, 131 / 256)
    assert list(literal["probability"]) == [str(v) for v in range(-1000, 1001)]
    assert literal == lab(line.removesuffix(" --rule"))


def test_sampler_without_json_prints_a_table(plain_terminal):
    g5 = SAMPLERS["G5"]
    words = "lab sampler --window 16 --threshold 186 --mask 9 --leak 36 --scale 50".split()
    lines = CliRunner().invoke(app, words).stdout.splitlines()
    assert lines[0] == "sum of squared errors (literal): 0.0428"
    assert lines[6].split() == ["0", f"{float(g5.probability(0)):.4f}", "0.5000"]


@pytest.mark.parametrize(
    ("weights", "strategy", "neurons"),
    [
        ("1 2 3 4 5 6", "none", 8),
        ("1,2,3,4,5,6", "1.1", 6),
        (" ".join(map(str, range(-20, 21))), "1.2:5", 106),
    ],
)
def test_pack_prints_the_neurons(weights, strategy, neurons):
    facts = lab(f"pack --window 4 --strategy {strategy} --weights", weights)
    assert facts["neurons"] == facts["neurons_of_four_types"] == neurons


@pytest.mark.parametrize("weights", ["", "1 two", "1.5", "--3"])
def test_weights_that_are_no_whole_numbers_are_refused(weights):
    result = CliRunner().invoke(app, ["lab", "pack", "--window", "4", "--weights", weights])
    assert result.exit_code == 1
    assert "is no whole number; give them as in --weights '1 -2 3'" in result.stderr


def test_figures_go_to_a_file_as_well(tmp_path):
    file = tmp_path / "figures.json"
    words = ["lab", "pack", "--window", "4", "--weights", "5", "--json", str(file)]
    assert "2 neurons" in CliRunner().invoke(app, words).stdout
    assert json.loads(file.read_text())["neurons"] == 2


def test_rbm_map_prints_cores_by_stage():
    facts = {how: lab(f"rbm-map digits8 --strategies {how}") for how in ("none", "1.1+2+3")}
    for each in facts.values():
        assert list(each["cores"]) == ["stage1", "stage2", "stage3", "control"]
        assert sum(each["cores"].values()) == each["total_cores"]
        assert (each["ticks_a_layer"], each["ticks_a_sample"]) == (50, 100)
    assert facts["1.1+2+3"]["total_cores"] < facts["none"]["total_cores"] / 3
    double = lab("rbm-map digits8 --times 2")
    assert double["mean_weight"] == pytest.approx(2 * facts["none"]["mean_weight"], rel=0.05)


def test_rbm_kl_prints_the_divergence_of_each_machine_each_way():
    facts = lab("rbm-kl --machines 1 --samples 3000 --sampler G3 --board ns1e --seed 3")
    rows = facts["rows"]
    assert rows["G3"]["exact"]["mean"] > 10 * rows["logistic"]["exact"]["mean"]
    for way in ("operator", "board"):
        more = rows["G3"][way]["mean"] - rows["G3"]["exact"]["mean"]
        assert 0.3 < more / facts["bias_of_sampling"] < 2
