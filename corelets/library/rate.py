"""Spiking networks in whole numbers, converted from float ones, on cores."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from corelets.language.corelet import Corelet
from corelets.language.errors import CoreletError
from corelets.language.pins import Pins
from corelets.language.ports import Input, Output
from corelets.language.raster import Raster
from corelets.library.entry import Entry
from tnemu.errors import shown
from tnemu.hardware.neuron import AXONS, FIELDS, NEURON_DTYPE
from tnemu.networks.spiking.dense import DenseNetwork
from tnemu.networks.spiking.quantise import Fit, quantised
from tnemu.networks.spiking.rate import RateLayer, RateNetwork
from tnemu.networks.spiking.recipe import Recipe
from tnemu.networks.spiking.rows import Rows

GAMMA = {"zero": 0, "subtract": 1, "none": 2}


class Converted(Corelet):
    """rails -> integrate-and-fire layers -> readout, one tick a layer, potentials kept between ticks.

    ``rails`` has a pin for each input, sign and level, ``readout`` one for each pair of answers, or one
    for each answer: see :mod:`tnemu.networks.spiking.rate`, which also says in which ticks an answer is
    read. A decision begins with a board that was loaded: potentials are not reset on the chip.

    A layer is a core: every input takes as many axons as its weights have rows (4 for 4 bits, 14 for 8),
    and the mapper repeats the neuron that drives them. Raises CoreletError for what is no rate network,
    and for a layer with more inputs or neurons than a core takes.
    """

    def __init__(self, network: RateNetwork) -> None:
        if not isinstance(network, RateNetwork):
            raise CoreletError(
                f"Converted({shown(network)}): expected a RateNetwork; "
                "tnemu.networks.spiking.quantise makes one of a float network"
            )
        self.network = network
        self.rails, self.readout = Input(network.pins), Output(network.outputs)
        source: Pins = self.rails
        for k in range(len(network.layers)):
            source = self._layer(k, source)
        self.connect(source, self.readout)

    def _layer(self, k: int, source: Pins) -> Pins:
        """One core that is driven by ``source``, a tick later; its neurons."""
        layer = self.network.layers[k]
        rows = Rows.of(layer.bits)
        for number, noun in ((layer.inputs * len(rows), "axons"), (layer.neurons, "neurons")):
            if number > AXONS:
                raise CoreletError(
                    f"{self.describe()}: layer {k} of {self.network.name!r}, {layer.inputs} inputs of "
                    f"{layer.bits} bits and {layer.neurons} neurons, needs {number} {noun}, a core has "
                    f"{AXONS}: use fewer bits or a narrower layer"
                )
        bits = rows.crossbar(layer.weights)
        core = self.core(
            [(bits.shape[0] * bits.shape[1], np.repeat(rows.types, layer.inputs))],
            self._records(k, layer),
            bits.reshape(-1, layer.neurons),
            layer=f"layer{k}",
            elements=np.arange(layer.neurons),
        )
        for row in range(len(rows)):
            first = row * layer.inputs
            self.connect(source, core.axons[first : first + layer.inputs], delay=1)
        return core.neurons

    def _records(self, k: int, layer: RateLayer) -> np.ndarray:
        records = np.zeros(layer.neurons, NEURON_DTYPE)
        weights = Rows.of(layer.bits).weights
        records["s"][:, : len(weights)] = weights
        records["leak"], records["alpha"], records["V0"] = layer.leak, layer.alpha, layer.start
        records["beta"], records["sigma_VR"] = FIELDS["beta"].high, 1
        recipe = self.network.recipe
        compared = k == len(self.network.layers) - 1 and not recipe.counts
        records["gamma"] = GAMMA["none" if compared else recipe.reset]
        records["kappa"] = not compared  # a comparator may go below -beta, a hidden neuron not
        return records

    def model(self, rails: Raster) -> dict[str, Raster]:
        """The integer model of the network, loaded a tick for each layer before its answer to row 0."""
        ticks = len(self.network.layers)
        given = np.concatenate([rails, np.zeros((ticks, rails.shape[1]), np.bool_)])
        return {"readout": self.network.run(given[:, None])[ticks:, 0]}

    def origin(self) -> dict[str, Any]:
        """Name, task and hash of the network."""
        network = self.network
        return {
            "corelet": "Converted",
            "weights": network.name,
            "task": network.task.name if network.task else "",
            "weights_sha256": network.sha256,
        }


def _example(*widths: int, **recipe: Any) -> Converted:
    """Weights from a seed, for inputs that fire often."""
    rng = np.random.default_rng(sum(widths))
    pairs = list(itertools.pairwise(widths))
    network = DenseNetwork(
        tuple(rng.normal(0.1, 0.5, pair) for pair in pairs),
        tuple(rng.normal(0.1, 0.2, m) for _, m in pairs),
    )
    fit = Fit(np.ones(widths[0]), bits=4, levels=1)
    answers = [f"ANSWER{k}" for k in range(widths[-1])]
    return Converted(quantised(network, Recipe(**{"ticks": 12, **recipe}), fit, answers))


ENTRIES = (
    Entry(
        Converted,
        source="this project, after Hahn, TUM 2020, and Rueckauer et al., 2017",
        latency_ticks=lambda rate: 1 + len(rate.network.layers),
        examples=(
            lambda: _example(3, 6, 5, 3, order="textbook"),
            lambda: _example(2, 40, 40, 4, order="textbook", reset="zero"),
            lambda: _example(4, 9, 2, decoding="counts-last"),
        ),
    ),
)
