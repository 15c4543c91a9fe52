"""Seeds on which a player was chosen. Its scores there are too good to be quoted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from tnemu.formats.tensor_file import load_facts
from tnemu.learn.players.adapters import is_foreign

Range = tuple[int, int]
"""First and last seed."""


def selection_seeds(file: str) -> list[Range]:
    """The ranges of seeds that the training behind a player's file checked on, sorted; none where the
    file does not say.
    """
    if is_foreign(file):
        return []
    facts = load_facts(file)
    settings = json.loads(facts.get("settings", "{}"))
    if "check_seed" in settings:  # a teacher
        first = settings["check_seed"]
        return [(first, first + settings["check_episodes"] - 1)]
    if "tnemu" in facts:
        provenance = json.loads(facts["tnemu"])["provenance"]
    else:
        provenance = json.loads(facts.get("provenance", "{}"))
    stages = provenance.get("stages", [])
    return sorted({tuple(stage["check_seeds"]) for stage in stages if "check_seeds" in stage})


def chosen_on(files: Iterable[str], seeds: Sequence[int]) -> dict[str, list[Range]]:
    """By file, the ranges that meet ``seeds``; files without any are left out."""
    met = {
        file: [
            (first, last)
            for first, last in selection_seeds(file)
            if first <= seeds[-1] and seeds[0] <= last
        ]
        for file in files
    }
    return {file: ranges for file, ranges in met.items() if ranges}


def too_good(met: dict[str, list[Range]], seeds: Sequence[int]) -> Iterable[str]:
    """One warning per file of :func:`chosen_on`."""
    beyond = 1 + max((last for ranges in met.values() for _, last in ranges), default=0)
    for file, ranges in met.items():
        listed = ", ".join(f"{first}..{last}" for first, last in ranges)
        yield (
            f"warning: seeds {seeds[0]}..{seeds[-1]} meet {listed}, the selection seeds of {file}: "
            f"scores there are too good to quote; choose other seeds, as --seed {beyond}"
        )
