"""Rows from a beginning to an end: what runs through ports and merges becomes one row, with one time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from corelets.language.errors import CoreletError
from corelets.language.numbering import Numbering, Rows
from tnemu.networks.logical import MOST_TICKS

Bits = npt.NDArray[np.bool_]


def follow(numbering: Numbering, begins: Bits, ends: Bits) -> Rows:
    """Rows from a pin of ``begins`` to one of ``ends``; those through a port that nothing drives go.

    On the way ``after`` adds up, also to a ``loop``. Raises CoreletError for ports that run in a
    circle and for two times on one way that do not go together.
    """
    rows = numbering.rows
    by_sink = rows[np.argsort(rows["sink"], kind="stable")]
    open_rows, done = by_sink[ends[by_sink["sink"]]], []
    # A chain passes every pin of a port at most once, so more rounds than pins means a circle.
    for _ in range(numbering.count + 1):
        finished = begins[open_rows["source"]]
        done.append(open_rows[finished])
        open_rows = open_rows[~finished]
        if not len(open_rows):
            return np.concatenate(done)
        low = np.searchsorted(by_sink["sink"], open_rows["source"], side="left")
        high = np.searchsorted(by_sink["sink"], open_rows["source"], side="right")
        number = high - low
        behind = np.repeat(open_rows, number)
        skip = np.repeat(low - (np.cumsum(number) - number), number)
        open_rows = _joined(numbering, behind, by_sink[skip + np.arange(len(skip))])
    where = numbering.lines[int(open_rows["by"][0])]
    raise CoreletError(
        f"connect() at {where}: the ports run in a circle without a neuron in it; put a Relay there"
    )


def _joined(numbering: Numbering, behind: Rows, ahead: Rows) -> Rows:
    """``ahead`` and then ``behind`` as one row each."""
    for clash, text in (
        ((behind["delay"] > 0) & (ahead["delay"] > 0), "two delays"),
        ((behind["loop"] > 0) & (ahead["loop"] > 0), "two loops"),
        ((behind["delay"] > 0) & ((ahead["after"] > 0) | (ahead["loop"] > 0)), "two times"),
        ((ahead["delay"] > 0) & ((behind["after"] > 0) | (behind["loop"] > 0)), "two times"),
    ):
        if clash.any():
            first, last = ahead[clash][0], behind[clash][0]
            raise CoreletError(
                f"connect() at {numbering.lines[int(first['by'])]} and connect() at "
                f"{numbering.lines[int(last['by'])]} give {text} ({_time(first)} and {_time(last)}) to "
                "one wire; keep one of them, a port has no delay"
            )
    timed = (ahead["delay"] > 0) | (ahead["after"] > 0) | (ahead["loop"] > 0)
    out = behind.copy()
    out["source"] = ahead["source"]
    out["by"] = np.where(timed, ahead["by"], behind["by"])
    for name in ("delay", "after", "loop"):
        out[name] += ahead[name]
    looped = out["loop"] > 0
    out["loop"][looped] += out["after"][looped]
    out["after"][looped] = 0
    long = (out["after"] > MOST_TICKS) | (out["loop"] > MOST_TICKS)
    if long.any():
        raise CoreletError(
            f"connect() at {numbering.lines[int(out['by'][long][0])]}: the wire takes more than "
            f"{MOST_TICKS:,} ticks; no relays are made for longer"
        )
    return out


def _time(row: np.void) -> str:
    if row["delay"]:
        return str(int(row["delay"]))
    return f"loop {row['loop']}" if row["loop"] else f"after {row['after']}"
