"""What C. Hahn's thesis printed (Deep Spiking Q Networks, TUM 2020), row by row.

Every row is a network of some kind, run with spikes in some way for 100 episodes of at most 500 decisions.
Numbers are the mean return and the share of decisions that agree with the source, along the spiking
network's own way; None where nothing was printed. Normalised with the 0.99 quantile where no table varies it.
"""

from __future__ import annotations

from dataclasses import dataclass

from tnemu.networks.spiking.recipe import Recipe

ROBUST = "robust:0.99"
KINDS = ("dqn", "classifier", "policy", "dsqn")
"""Of networks: Q-learning, a classifier of its decisions, a policy gradient, and spiking Q-learning."""


@dataclass(frozen=True)
class Row:
    """One row of a table of the thesis. ``target`` is numpy or nest."""

    table: str
    task: str
    kind: str
    recipe: Recipe
    normalise: str
    mean_return: float | None
    agreement: float | None
    target: str = "numpy"


@dataclass(frozen=True)
class Trained:
    """Five trainings of 1,000 episodes: how many solved the task, mean of their best averages of 100."""

    task: str
    kind: str
    preset: str
    solved: int
    best_average: float


_NAMES = {"CP": "cartpole", "MC": "mountaincar"}
_LENGTHS = """
10     CP dqn 18.61 56.00    CP classifier 14.12 44.55    CP policy 500.00 79.27   MC dqn -500 0          MC classifier -500 0
50     CP dqn 122.4 62.08    CP classifier 169.61 88.97   CP policy 467.78 83.28   MC dqn -463.51 5.68    MC classifier -417.34 81.21
100    CP dqn 122.26 60.72   CP classifier 195.18 95.58   CP policy 462.15 89.37   MC dqn -206.27 51.65   MC classifier -278.92 93.89
500    CP dqn 160.12 81.61   CP classifier 217.56 99.10   CP policy 438.04 97.76   MC dqn -147.34 96.56   MC classifier -199.75 99.49
1000   CP dqn 175.57 89.39   CP classifier 229.72 99.43   CP policy - 98.98        MC dqn -169.5 98.36    MC classifier -188.33 99.71
5000   CP dqn - 97.6         CP policy - 99.60            MC dqn - 99.56
10000  CP dqn - 99.0         CP policy - 99.86            MC dqn - 99.79
"""
_NORMALISATIONS = """
model         CP dqn 120.85 59.97   CP classifier 203.23 96.63   MC dqn -330.57 36.93   MC classifier -256.74 92.61
data          CP dqn 125.47 61.35   CP classifier 190.28 94.88   MC dqn -184.18 67.14   MC classifier -256.23 94.75
robust:0.99   CP dqn 121.99 60.82   CP classifier 195.18 95.58   MC dqn -180.32 64.38   MC classifier -278.92 93.89
robust:0.95   CP dqn 127.59 62.89   CP classifier 196.27 96.06   MC dqn -271.05 36.85   MC classifier -283.45 95.20
"""
_CODES = """
poisson/counts-last         CP dqn 423.89 63.98   CP classifier 374.70 83.39   MC classifier -169.16 84.59
poisson/potentials          CP dqn 128.77 63.71   CP classifier 384.47 83.27   MC classifier -166.33 86.30   MC dqn -225.7 57.09
equidistant/counts-last     CP dqn 105.51 65.28   CP classifier 181.08 82.41
equidistant/potentials      CP dqn 88.45 61.20    CP classifier 181.62 81.20   MC classifier -314.6 84.83    MC dqn -430.65 12.44
constant/counts-last        CP dqn 390.94 64.81   CP classifier 190.03 95.23
constant/potentials         CP dqn 121.99 60.82   CP classifier 195.18 95.58
"""
_NEST = """
iaf/100   CP dqn - 58.88   CP classifier - 94.73   CP policy - 88.70   MC dqn - 89.46   MC classifier - 95.70
iaf/500   CP dqn - 60.53   CP classifier - 98.69   CP policy - 92.76   MC dqn - 92.86   MC classifier - 99.28
pp/100    CP dqn - 78.10   CP classifier - 93.16   CP policy - 84.37   MC dqn - 7.86    MC classifier - 80.92
pp/500    CP dqn - 78.76   CP classifier - 98.99   CP policy - 96.85   MC dqn - 95.31   MC classifier - 97.84
"""
_RESETS = {"iaf": "zero", "pp": "subtract"}
"""What NEST's neurons, iaf_psc_delta and pp_psc_delta, do."""


def _rows(table: str, text: str) -> list[Row]:
    rows = []
    for line in text.strip().splitlines():
        how, *words = line.split()
        recipe, normalise, target = _how(table, how)
        for at in range(0, len(words), 4):
            task, kind, mean, share = words[at : at + 4]
            rows.append(
                Row(
                    table, _NAMES[task], kind, recipe, normalise, _number(mean),
                    None if share == "-" else float(share) / 100, target,
                )
            )  # fmt: skip
    return rows


def _number(text: str) -> float | None:
    return None if text == "-" else float(text)


def _how(table: str, how: str) -> tuple[Recipe, str, str]:
    """Recipe, normalisation and target that the first word of a line stands for."""
    if table == "lengths":
        return Recipe(int(how)), ROBUST, "numpy"
    if table == "normalisations":
        return Recipe(100), how, "numpy"
    if table == "nest":
        model, ticks = how.split("/")
        return Recipe(int(ticks), reset=_RESETS[model]), ROBUST, "nest"
    encoding, decoding = how.split("/")
    return Recipe(100, encoding, decoding), ROBUST, "numpy"


TABLES = {
    "lengths": _rows("lengths", _LENGTHS),
    "normalisations": _rows("normalisations", _NORMALISATIONS),
    "codes": _rows("codes", _CODES),
    "loaded": [
        Row("loaded", "cartpole", "dsqn", Recipe(20), "none", 454.84, None),
        Row("loaded", "mountaincar", "dsqn", Recipe(20), "none", -130.92, None),
    ],
    "nest": _rows("nest", _NEST),
}
"""Table name -> its rows: sections 4.3 to 4.6. Ties of spike counts go to the last action here; the
thesis says the first, but its numbers appear only with the last.
"""

TRAININGS = (
    Trained("cartpole", "dqn", "B", 3, 197.79),
    Trained("cartpole", "dsqn", "D", 1, 190.94),
    Trained("cartpole", "dqn", "C", 1, 198.00),
    Trained("cartpole", "dsqn", "E", 1, 195.54),
    Trained("mountaincar", "dqn", "B", 3, -120.13),
    Trained("mountaincar", "dsqn", "D", 0, -137.52),
    Trained("mountaincar", "dqn", "C", 3, -123.85),
    Trained("mountaincar", "dsqn", "E", 3, -130.05),
)
"""Section 4.6."""
