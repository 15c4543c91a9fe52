"""Networks at work: spikes in by pin and tick, spikes out by name, tick and pin."""

from __future__ import annotations

import numpy as np

import tnemu
from tnemu.emulator.emulator import Emulator
from tnemu.networks.codec import Window


def play(thing, stimuli, ticks, board="tiny", engine="reference", **fitting):
    """{output name: [(tick, pin), ...]} of ``thing`` fitted on a board and run for ``ticks``.

    ``stimuli`` maps input names to rows (tick, pin); tick is the source tick.
    """
    plan = tnemu.fit(thing, tnemu.load_board(board), **fitting)
    return play_image(plan.image, stimuli, ticks, engine)


def play_image(image, stimuli, ticks, engine="reference"):
    with Emulator(image, engine=engine) as chip:
        for name, rows in stimuli.items():
            for tick, pin in rows:
                chip.inject_pins(name, [pin], tick)
        spikes = chip.run(ticks)
    return {
        connector.name: [(int(r["tick"]), int(r["pin"])) for r in spikes.of(connector.name)]
        for connector in image.outputs
    }


def pipelined(plan, source, name, frames, engine):
    """bool [n, width] of output ``name`` for one frame a tick: frames bool [n, pins of source]."""
    window = Window.wave(plan.latency_ticks)
    with Emulator(plan.image, engine=engine) as chip:
        for tick, bits in enumerate(frames):
            chip.inject_pins(source, np.flatnonzero(bits), tick)
        spikes = chip.run(len(frames) + window.last).of(name)
    return window.per_frame(spikes, 0, plan.image.output(name).width, len(frames)) > 0
