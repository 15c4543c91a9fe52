"""A converted network on an emulated board.

Every decision begins with a board that was just loaded, all potentials at their first values: on a real
one the host would load it anew.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.hardware.board import BoardSpec, load_board
from tnemu.lab.episodes import Answers, Observations
from tnemu.mapping.errors import FitError
from tnemu.mapping.fit import Plan, fit
from tnemu.measure import energy
from tnemu.networks.spiking.rate import RateNetwork
from tnemu.networks.spiking.rate_codec import RateCodec

COUNTED = ("spikes", "synaptic_operations", "hops", "chip_crossings", "output_spikes")
"""The emulator's counters that are added up."""


def rate_plan(network: RateNetwork, board: BoardSpec | str | Path) -> Plan:
    """The network on a board. Raises FitError where it does not fit, or where the mapper had to put
    cores between its layers, which come too late then.
    """
    from corelets import Converted

    spec = load_board(board)  # before the corelet, which warns where nothing comes of it
    plan = fit(Converted(network), spec)
    wanted = 1 + len(network.layers)
    if plan.latency_ticks != wanted:
        raise FitError(
            f"{network.name!r} on {spec.name}: spikes take {plan.latency_ticks} ticks from input to "
            f"output, its potentials are set for {wanted}; use fewer bits or narrower layers, so that "
            "no splitter is needed"
        )
    return plan


class ModelTarget:
    """A rate network's integer model, which decides as the board does; ``seed`` as for BoardTarget."""

    def __init__(self, network: RateNetwork, seed: int) -> None:
        self.network, self.codec = network, RateCodec(network, seed)

    def decide(self, observations: Observations) -> Answers:
        """The answers int64 [n]."""
        return self.codec.decide(observations)

    def facts(self) -> dict[str, Any]:
        """Its recipe, bits and levels."""
        return _recipe_facts(self.network)


class BoardTarget:
    """A rate network on a board, every decision compared with the integer model's.

    ``seed`` decides what a poisson code draws. ``decisions`` counts those that were asked for,
    ``equal`` those in which board and model answered the same.
    """

    def __init__(self, network: RateNetwork, board: BoardSpec | str | Path, seed: int) -> None:
        self.network, self.plan = network, rate_plan(network, board)
        self.codec = RateCodec(network, seed)
        self.decisions = self.equal = 0
        self.counted = dict.fromkeys(COUNTED, 0)

    def decide(self, observations: Observations) -> Answers:
        """The board's answers int64 [n]."""
        pins = self.codec.pins(observations)
        counts = self._ask(pins)
        answers = self.network.scores(counts).argmax(1).astype(np.int64)
        model = self.network.scores(self.network.counts(pins)).argmax(1)
        self.decisions += len(answers)
        self.equal += int((answers == model).sum())
        return answers

    def _ask(self, pins: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
        """Spikes int32 [n, outputs] in the window, of a board that is loaded for each question."""
        from tnemu.emulator.emulator import Emulator

        net, n = self.network, pins.shape[1]
        counts = np.empty((n, net.outputs), np.int32)
        for k in range(n):
            ticks, which = np.nonzero(pins[:, k])
            with Emulator(self.plan.image, threads=1) as board:
                board.inject_pins(self.codec.input, which, ticks)
                spikes = board.run(net.window.ticks).of(self.codec.output)
                counters = board.counters
            counts[k] = net.window.counts(spikes, 0, net.outputs)
            for name in COUNTED:
                self.counted[name] += getattr(counters, name)
        return counts

    def facts(self) -> dict[str, Any]:
        """Recipe, resources, and of a decision: ticks, spikes, operations, energy in microjoules."""
        net, board, n = self.network, self.plan.image.board, max(self.decisions, 1)
        ticks = net.window.ticks
        used = energy.estimate(
            round(self.counted["synaptic_operations"] / n), ticks, tick_us=board.tick_us
        )
        return {
            **_recipe_facts(net),
            "board": board.name,
            "cores": self.plan.image.core_count,
            "ticks_per_decision": ticks,
            "spikes_per_decision": self.counted["spikes"] / n,
            "synaptic_operations_per_decision": self.counted["synaptic_operations"] / n,
            "counted_uj_per_decision": used.counted_mw * used.hardware_s * 1e3,
            "assumed_uj_per_decision": used.assumed_mw * used.hardware_s * 1e3,
            "decisions_as_the_integer_model": self.equal,
        }


def _recipe_facts(network: RateNetwork) -> dict[str, Any]:
    bits = [layer.bits for layer in network.layers]
    return {**asdict(network.recipe), "bits": bits, "levels": network.levels}
