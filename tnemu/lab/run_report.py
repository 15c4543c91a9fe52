"""What ``tnemu run`` tells of a run: one JSON object, and the picture.

docs/files.md says what every key means, and in which unit it is. Keys in WALL_CLOCK depend on the
computer; all others are the same for every run of the same image on the same spikes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

import tnemu.versions
from tnemu.emulator.emulator import Emulator
from tnemu.hardware.image import BoardImage
from tnemu.lab.model_run import ModelRun
from tnemu.lab.probes import COUNTED, Probe
from tnemu.measure.core_map import CoreMap
from tnemu.measure.model_plots import ModelPlot, save_model
from tnemu.runtime.report import PACKAGES, energy_of

FORMAT = "tnemu-run-1"
WALL_CLOCK = frozenset({"elapsed_s", "ticks_per_second", "times_real_time", "command"})
"""Keys whose values differ between two runs of the same thing."""

RASTER_SPIKES = 200_000
"""Firings that are drawn, the first."""
BINS = 400
"""Most points of the curves of counters."""


def build(done: ModelRun, image: BoardImage, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The report of a run; ``facts`` are what only the caller knows (model, command, files)."""
    counted = asdict(done.counters)
    rate = (done.ticks - 1) / done.elapsed_s if done.elapsed_s else None
    merged = counted.pop("merged")
    return {
        "format": FORMAT,
        **facts,
        "board": done.board,
        "engine": done.engine,
        "tick_us": image.board.tick_us,
        "cores": image.core_count,
        **counted,
        "merged_spikes": merged,
        "spikes_per_tick": round(done.counters.spikes / done.ticks, 3),
        "late_input_spikes": done.late,
        "elapsed_s": done.elapsed_s if done.elapsed_s is None else round(done.elapsed_s, 6),
        "ticks_per_second": rate and round(rate, 1),
        "times_real_time": rate and round(rate * image.board.tick_us * 1e-6, 3),
        **energy_of(asdict(done.counters), image),
        "notes": done.notes(),
        "image_sha256": image.sha256(),
        "board_sha256": image.board.sha256,
        "versions": tnemu.versions.versions(*PACKAGES),
    }


class PictureProbe(Probe):
    """What the picture needs: the first firings of all cores, and counters in at most BINS pieces."""

    def __init__(self, ticks: int) -> None:
        self.what, self.every = "the picture", -(-ticks // BINS)
        self.ticks, self.until = ticks, ticks
        self.found: list[Any] = []
        self.count = 0
        self.sums = np.zeros((-(-ticks // self.every), len(COUNTED)), np.int64)
        self.before = np.zeros(len(COUNTED), np.int64)

    def stop(self, tick: int) -> int:
        """The end of the piece that ``tick`` is in."""
        return tick - tick % self.every + self.every

    def start(self, image: BoardImage) -> None:
        """All cores are recorded; there is no file yet."""
        self.prepare(image)

    def prepare(self, image: BoardImage) -> None:
        """All cores."""
        self.recorded = frozenset(range(image.core_count))

    def take(self, emulator: Emulator) -> None:
        """Keep firings while there is room, and what was counted."""
        counters = asdict(emulator.counters)
        now = np.array([counters[name] for name in COUNTED], np.int64)
        self.sums[(emulator.tick - 1) // self.every] += now - self.before
        self.before = now
        spikes = emulator.last_spikes
        if spikes is None or not self.recorded:
            return
        self.found.append(spikes.records[: RASTER_SPIKES - self.count].copy())
        self.count += len(self.found[-1])
        if spikes.truncated or len(self.found[-1]) < len(spikes.records):
            # the tick in which the room ended is not whole
            self.until = int(self.found[-1]["tick"][-1]) if len(self.found[-1]) else emulator.tick
            self.recorded = frozenset()

    def finish(self) -> None:
        """Nothing: :func:`draw` writes, when the report is known."""


def draw(
    probe: PictureProbe,
    done: ModelRun,
    image: BoardImage,
    report: Mapping[str, Any],
    target: str | Path | IO[bytes],
) -> None:
    """Write the picture of a run as PNG: raster, rates, and the map of its cores."""
    fired = np.concatenate(probe.found) if probe.found else np.zeros(0, _FIRED)
    fired = fired[fired["tick"] < probe.until]
    spec = image.board
    last = probe.ticks - (len(probe.sums) - 1) * probe.every
    lengths = np.array([probe.every] * (len(probe.sums) - 1) + [last])
    speed = report["times_real_time"]
    times = "" if speed is None else f"  ·  {speed:,.3g} x the chip's own speed"
    save_model(
        ModelPlot(
            title=f"{report['model']} on {done.board}"[:90],
            subtitle=(
                f"{done.ticks:,} ticks, {done.engine} engine{times}  ·  {done.counters.spikes:,} spikes  ·  "
                f"estimated {report['estimated_power_mw']:.1f} mW, of which "
                f"{report['energy']['counted_mw']:.2g} counted"
            ),
            tick=fired["tick"].astype(np.int64),
            core=fired["core"].astype(np.int64),
            neuron=fired["neuron"].astype(np.int64),
            core_ids=np.array(image.core_ids),
            drawn_ticks=probe.until,
            ticks=done.ticks,
            count_tick=np.arange(len(probe.sums)) * probe.every,
            rates={
                name: probe.sums[:, COUNTED.index(key)] / lengths
                for name, key in (
                    ("fired", "spikes"),
                    ("came in", "input_spikes"),
                    ("left the board", "output_spikes"),
                )
            },
            cores=CoreMap(
                positions=image.positions,
                rate=done.firings / done.ticks,
                board_shape=(spec.units, spec.width, spec.height),
                chip_shape=(spec.chip.cores_x, spec.chip.cores_y),
            ),
        ),
        target,
    )


_FIRED = np.dtype([("tick", np.int64), ("core", np.int32), ("neuron", np.int16)])
