"""The command ``python -m tnemu.learn.evaluate``, as files that ship quote it: compare, and print."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from tnemu.errors import TnemuError
from tnemu.files import check_writable, write_json
from tnemu.formats.errors import FormatError
from tnemu.learn.players.evaluate import (
    Others,
    ScoreRow,
    check_record,
    evaluate,
    file_of,
    is_file,
    record,
)
from tnemu.learn.players.selection import warnings
from tnemu.learn.players.settings import EvaluateSettings
from tnemu.learn.run.options import add_options, parsed
from tnemu.learn.run.runs import say
from tnemu.tasks.atari.spec import read_spec


def print_score(what: str, row: ScoreRow | None) -> None:
    """The plain report: one line per player."""
    if row is None:
        return
    low, high = row["mean_95"]
    print(
        f"{what}: mean {row['mean']:.5g} [{low:.5g}, {high:.5g}] median "
        f"{row['median']:.5g} sd {row['sd']:.4g} ({row['seconds']:.0f} s)",
        flush=True,
    )


def main(argv: list[str] | None = None) -> int:
    """Play episodes and print scores; the exit status."""
    parser = argparse.ArgumentParser(
        description="Play episodes and report scores.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_options(parser, EvaluateSettings)
    values = parsed(parser, argv)
    try:
        _compare(EvaluateSettings(**values))
    except TnemuError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _compare(settings: EvaluateSettings) -> None:
    s = settings
    files = [file_of(player) for player in s.players]
    if s.json is not None:
        check_writable(s.json, error=FormatError)  # not after an hour of play
    if s.record is not None:
        check_record(files[-1], s.record)
    for warning in warnings(filter(is_file, files), s.seeds):
        print(warning, file=sys.stderr)
    others = Others(s.view, None if s.spec is None else read_spec(s.spec))
    more: dict[str, Any] = {"sticky": s.sticky, "frame_skip": s.frame_skip, "others": others}
    result = evaluate(files, s.seeds, s.epsilon, s.game, report=print_score, tell=say, **more)
    if s.json is not None:
        write_json(s.json, result, error=FormatError)
    if s.record is not None:
        record(files[-1], s.record, result)
