"""A sweep: 15 activities of a chip, and growth from 64 to 65,536 cores; its rows and its picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from tnemu.lab.bench.computer import computer
from tnemu.lab.bench.measure import (
    QUICK_SEGMENT_S,
    QUICK_SEGMENTS,
    SEGMENT_S,
    SEGMENTS,
    Row,
    measure_recurrent,
)
from tnemu.measure import bench_plots
from tnemu.runtime.report import versions

RATES_HZ = (2.0, 20.0, 50.0, 100.0, 200.0)
"""Mean rates of the activities."""
SYNAPSES = (26, 128, 256)
"""Synapses of an axon; each at every rate."""
CHIP, QUICK_CHIP = 4096, 256
"""Cores at which activities are measured."""
GROWTH = (64, 256, 1024, 4096, 16384, 65536)
"""Cores at which 20 Hz and 128 synapses are measured."""
QUICK_MOST = 1024
"""Largest board of a quick sweep."""


def jobs(quick: bool = False, max_cores: int | None = None) -> list[tuple[str, int, float, int]]:
    """(name, cores, rate in Hz, synapses) of every measurement, in order.

    ``quick`` takes smaller boards; ``max_cores`` is the largest of all.
    """
    most = max_cores or (QUICK_MOST if quick else GROWTH[-1])
    chip = min(QUICK_CHIP if quick else CHIP, most)
    activity = [("activity", chip, rate, count) for count in SYNAPSES for rate in RATES_HZ]
    return activity + [("growth", cores, 20.0, 128) for cores in GROWTH if cores <= most]


def measure_sweep(
    chosen: Sequence[tuple[str, int, float, int]],
    *,
    quick: bool = False,
    threads: int | None = None,
    beside: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> list[Row]:
    """A row for each of the :func:`jobs`; ``tell`` is called at the beginning of each."""
    segments, segment_s = (QUICK_SEGMENTS, QUICK_SEGMENT_S) if quick else (SEGMENTS, SEGMENT_S)
    rows = []
    for name, cores, rate_hz, synapses in chosen:
        tell(f"{cores:,} cores, {rate_hz:g} Hz, {synapses} synapses")
        rows.append(
            measure_recurrent(
                cores, rate_hz, synapses, name=name, threads=threads, segments=segments,
                segment_s=segment_s, beside=beside,
            )
        )  # fmt: skip
    return rows


def draw(rows: Sequence[Row], file: str | Path | IO[bytes]) -> None:
    """Write the picture of a sweep's rows to ``file``, as PNG."""
    activity = [row for row in rows if row.name == "activity"]
    growth = [row for row in rows if row.name == "growth"]
    facts = computer()
    threads = "-".join(map(str, sorted({row.threads for row in rows})))
    plot = bench_plots.SweepPlot(
        title="tnemu bench sweep",
        subtitle=f"tnemu {versions()['tnemu']}, {facts['processor']}, {facts['usable_processors']} "
        f"processors, threads {threads}, deterministic neurons",
        cores=activity[0].cores,
        activity=[
            _points(f"{n} synapses", [r for r in activity if r.synapses == n], lambda r: r.rate_hz)
            for n in sorted({row.synapses for row in activity})
        ],
        growth=_points("20 Hz, 128 synapses", growth, lambda r: r.cores),
    )
    bench_plots.save_sweep(plot, file)


def _points(label: str, rows: Sequence[Row], x: Callable[[Row], float]) -> bench_plots.Points:
    return bench_plots.Points(
        label,
        np.array([x(row) for row in rows], float),
        np.array([row.realtime_factor for row in rows], float),
        np.array([row.sops for row in rows], float),
        np.array([row.realtime_factor / (row.ratio or np.nan) for row in rows], float),
        np.array([row.rss_mb for row in rows], float),
    )
