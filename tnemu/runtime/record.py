"""The log of a run, in memory that outlives whichever process is killed.

Host and board write, the supervisor reads: every field has one writer. Totals and episode returns
cover the whole run; details are kept of the latest ``DECISIONS`` decisions (2.4 hours at 30 a second),
so that a run of any length has bounded memory. A reader while the run goes on may see a decision half
written; once the writers have ended, everything they wrote is there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.runtime.link import Layout, SharedArrays

DECISIONS = 1 << 18
EPISODES = 1 << 16

DECISION_DTYPE = np.dtype(
    [
        ("reward", np.float64),
        ("score", np.float64),
        ("over", np.bool_),
        ("lateness_s", np.float64),
        ("response_s", np.float64),
        ("input_spikes", np.int32),
        ("output_spikes", np.int32),
        ("spikes", np.int64),
        ("synaptic_operations", np.int64),
    ]
)
"""One decision: points won, points of its episode so far, episode ended with it, delivery minus deadline (nan: no deadline), sense
to delivery, pins that spiked, votes, neurons that fired, synaptic operations."""

HOST_DTYPE = np.dtype(
    [
        ("beat", np.int64),
        ("running", np.int64),
        ("finished", np.int64),
        ("decisions", np.int64),
        ("episodes", np.int64),
        ("misses", np.int64),
        ("skipped", np.int64),
        ("elapsed_s", np.float64),
        ("score", np.float64),
        ("pauses", np.int64),
        ("paused_s", np.float64),
        ("pace_changes", np.int64),
    ]
)
"""Written by the host. ``beat`` moves as long as its loop does, ``finished`` is set when the run
reached its own end, ``score`` belongs to the latest decision's episode, ``elapsed_s`` ends when that
decision was acted upon, without the pauses that a watcher made."""

BOARD_DTYPE = np.dtype(
    [
        ("beat", np.int64),
        ("compiling", np.int64),
        ("ready", np.int64),
        ("ticks", np.int64),
        ("spikes", np.int64),
        ("synaptic_operations", np.int64),
        ("input_spikes", np.int64),
        ("output_spikes", np.int64),
        ("merged", np.int64),
        ("hops", np.int64),
        ("chip_crossings", np.int64),
        ("unread", np.int64),
    ]
)
"""Written by the board: ``compiling`` once its engine has to be compiled, ``ready`` when it can begin,
the emulator's counters, and output spikes ``unread`` because they left in
a tick in which no wave ends: neurons with thresholds of 0 fire whether or not they are asked."""


def record_layout(cores: int) -> Layout:
    """The arrays of a record for an image of ``cores`` cores."""
    return {
        "host": (HOST_DTYPE, ()),
        "board": (BOARD_DTYPE, ()),
        "decisions": (DECISION_DTYPE, (DECISIONS,)),
        "returns": (np.float64, (EPISODES,)),
        "core_spikes": (np.int64, (cores,)),
    }


class Record:
    """The log of one run; ``host`` and ``board`` are records of the dtypes above."""

    def __init__(self, memory: SharedArrays) -> None:
        self._memory = memory

    @property
    def host(self) -> Any:
        """What the host writes, of HOST_DTYPE."""
        return self._memory["host"]

    @property
    def board(self) -> Any:
        """What the board writes, of BOARD_DTYPE."""
        return self._memory["board"]

    @property
    def core_spikes(self) -> npt.NDArray[np.int64]:
        """Firings of every core of the image."""
        return self._memory["core_spikes"]

    def core_rate(self) -> npt.NDArray[np.float64]:
        """Firings per tick of every core, float64 [cores]."""
        return self.core_spikes / max(int(self.board["ticks"]), 1)

    def add(self, **fields: Any) -> None:
        """Append one decision (DECISION_DTYPE by name) and bring the host's totals up to date."""
        host = self.host
        count = int(host["decisions"])
        row = self._memory["decisions"][count % DECISIONS : count % DECISIONS + 1]
        for name, value in fields.items():
            row[name] = value
        host["score"] = fields["score"]
        host["misses"] += fields["lateness_s"] > 0  # nan, no deadline, is not a miss
        if fields["over"]:
            self._memory["returns"][int(host["episodes"]) % EPISODES] = fields["score"]
            host["episodes"] += 1
        host["decisions"] = count + 1

    def decisions(self, latest: int = DECISIONS) -> npt.NDArray[np.void]:
        """A copy of up to ``latest`` decisions, in order; those beyond memory are gone."""
        count = int(self.host["decisions"])
        kept = min(count, latest, DECISIONS)
        return self._memory["decisions"][np.arange(count - kept, count) % DECISIONS]

    def returns(self, latest: int = EPISODES) -> npt.NDArray[np.float64]:
        """Returns of up to ``latest`` of the episodes that have ended, in order."""
        count = int(self.host["episodes"])
        kept = min(count, latest, EPISODES)
        return self._memory["returns"][np.arange(count - kept, count) % EPISODES]


def percentiles_ms(seconds: npt.NDArray[np.float64]) -> dict[str, float | None]:
    """p50, p95, p99 and max in milliseconds, to the microsecond; None where nothing was measured."""
    found = seconds[~np.isnan(seconds)] * 1e3
    names = ("p50", "p95", "p99", "max")
    if not len(found):
        return dict.fromkeys(names)
    values = np.percentile(found, (50, 95, 99, 100))
    return {name: round(float(value), 3) for name, value in zip(names, values, strict=True)}
