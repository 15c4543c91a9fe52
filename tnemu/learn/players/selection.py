"""Seeds on which a player was chosen. Its scores there are too good to be quoted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tnemu.files import Fields, parse_fields, place
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_facts
from tnemu.formats.weights import read_heads
from tnemu.learn.players.files import is_foreign

Range = tuple[int, int]
"""First and last seed."""
_MOST = 1 << 53


def selection_seeds(file: str) -> list[Range]:
    """The ranges of seeds that the training behind a player's file checked on, sorted; none where the
    file does not say. Raises FormatError for a file that says it in other words.
    """
    if is_foreign(file):
        return []
    facts = load_facts(file)
    if "tnemu" in facts:
        made = Fields(
            read_heads(file)[0].provenance, f"{place(file)}: provenance", error=FormatError
        )
        return _of_stages(made)
    if "settings" in facts:
        settings = _parsed(file, "settings", facts["settings"])
        if "check_seed" in settings:  # a teacher
            first = settings.whole("check_seed", 0, _MOST)
            return [(first, first + settings.whole("check_episodes", 1, _MOST) - 1)]
    if "provenance" in facts:
        return _of_stages(_parsed(file, "provenance", facts["provenance"]))
    return []


def _parsed(file: str, name: str, text: str) -> Fields:
    return parse_fields(text, f"{place(file)}: {name}", error=FormatError)


def _of_stages(provenance: Fields) -> list[Range]:
    stages = provenance.mappings("stages", [])
    ranges = [s.wholes("check_seeds", 0, _MOST, count=2) for s in stages if "check_seeds" in s]
    return sorted({(first, last) for first, last in ranges})


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


def warnings(files: Iterable[str], seeds: Sequence[int]) -> list[str]:
    """What to say before anything is played: one line for each file that was chosen on ``seeds``."""
    return list(too_good(chosen_on(files, seeds), seeds))
