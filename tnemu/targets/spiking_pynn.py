"""A converted network in PyNN, observations side by side in one population of each layer.

    IF_curr_delta   dV/dt = (i_offset + what is injected) / cm, a spike adds its weight to V;
                    V >= 1: a spike, and V <- 0, as NEST's iaf_psc_delta; reset "zero" alone

Potentials are millivolts, times milliseconds, as in tnemu.targets.spiking_nest, whose answers these are where
the simulator is NEST: steps of 0.1 ms, delays of 1 ms, the output read 1 ms before the end. Bias and observation
are currents in nA through a capacity of 1 nF, so that 1 nA is 1 mV in a millisecond. Of PyNN's simulators
NEST has IF_curr_delta. PyNN 0.13 hands NEST 3.10 values of numpy that it does not know, which are made
plain on the way, and does not say that its v is NEST's V_m there.
"""

from __future__ import annotations

import importlib
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.dense import DenseNetwork, checked
from tnemu.networks.spiking.recipe import Recipe
from tnemu.targets.spiking_nest import DELAY_MS, LAG_MS, NEVER, STEP_MS, check_recipe, silence

SIMULATOR = "pyNN.nest"
_CELL = {
    "v_rest": 0.0, "cm": 1.0, "tau_m": NEVER, "tau_refrac": 0.0, "v_reset": 0.0, "v_thresh": 1.0,
}  # fmt: skip


class PynnTarget:
    """Asked for the answers to observations. Raises NetworkError where PyNN or its simulator is not
    installed, and for a recipe that it has no neuron for.
    """

    def __init__(self, network: DenseNetwork, recipe: Recipe, simulator: str = SIMULATOR) -> None:
        self.network, self.recipe, self.simulator = network, recipe, simulator
        check_recipe(recipe, "PyNN")
        if recipe.reset != "zero":
            raise NetworkError(
                f"reset = {recipe.reset!r}: IF_curr_delta of PyNN resets to 0; leave --reset out, or "
                "choose --target nest, which has a neuron that subtracts"
            )
        self._sim = load(simulator)

    def decide(self, observations: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """The answers int64 [n]: the highest potential, the first of them on a tie."""
        return self.potentials(observations).argmax(1)

    def potentials(self, observations: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Of the output, float64 [n, answers], for observations [n, in]."""
        with warnings.catch_warnings():  # PyNN uses names that NEST is to lose
            warnings.simplefilter("ignore")
            return self._run(observations)

    def _run(self, observations: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        sim, net = self._sim, self.network
        x = checked(net, observations).astype(np.float64)
        with silence():
            exact = {"spike_precision": "on_grid"} if self.simulator == SIMULATOR else {}
            sim.setup(timestep=STEP_MS, min_delay=DELAY_MS, **exact)
        last = len(net.weights) - 1
        before, currents = None, x @ net.weights[0]
        for k, (w, b) in enumerate(zip(net.weights, net.biases, strict=True)):
            layer = self._layer(len(x), b.astype(np.float64), k == last)
            if before is None:
                self._inject(layer, currents.ravel())
            else:
                self._connect(before, layer, w.astype(np.float64), len(x))
            before = layer
        layer.record("v")
        with silence():
            sim.run(self.recipe.ticks)
        trace = layer.get_data().segments[0].analogsignals[0]
        at = round((self.recipe.ticks - LAG_MS) / STEP_MS)
        found = np.asarray(trace.magnitude, np.float64)[at].reshape(len(x), -1)
        sim.end()
        return found

    def _layer(self, copies: int, bias: npt.NDArray[np.float64], last: bool) -> Any:
        cell = dict(_CELL, i_offset=np.tile(bias, copies), v_thresh=NEVER if last else 1.0)
        layer = self._sim.Population(copies * len(bias), self._sim.IF_curr_delta(**cell))
        layer.initialize(v=0.0 if last else self.recipe.start)
        return layer

    def _inject(self, layer: Any, amplitudes: npt.NDArray[np.float64]) -> None:
        """A current for each neuron, from the time that NEST's generators are first felt."""
        for k, amplitude in enumerate(amplitudes.tolist()):
            source = self._sim.DCSource(
                amplitude=amplitude, start=0.0, stop=float(self.recipe.ticks)
            )
            layer[k : k + 1].inject(source)

    def _connect(self, source: Any, layer: Any, w: npt.NDArray[np.float64], copies: int) -> None:
        """``w`` [in, out] from every copy of the source to the same copy of the layer."""
        n, m = w.shape
        copy, i, j = np.indices((copies, n, m)).reshape(3, -1)
        values = np.tile(w.ravel(), copies)
        for sign, receptor in ((values >= 0, "excitatory"), (values < 0, "inhibitory")):
            rows = np.column_stack([copy * n + i, copy * m + j, values])[sign]
            pairs = [(int(a), int(b), float(v), DELAY_MS) for a, b, v in rows]
            if pairs:
                connector = self._sim.FromListConnector(pairs, column_names=["weight", "delay"])
                self._sim.Projection(source, layer, connector, receptor_type=receptor)

    def facts(self) -> dict[str, Any]:
        """Its recipe, in PyNN's words."""
        r = self.recipe
        return {
            "ticks": r.ticks, "encoding": r.encoding, "decoding": r.decoding, "reset": r.reset,
            "start": r.start, "model": "IF_curr_delta", "simulator": self.simulator,
            "pynn": importlib.import_module("pyNN").__version__,
        }  # fmt: skip


def load(simulator: str = SIMULATOR) -> Any:
    """A simulator's module of PyNN, without its banner. Raises NetworkError where it is not there."""
    try:
        with silence(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = importlib.import_module(simulator)
            if simulator == SIMULATOR:
                _plain_values(importlib.import_module("nest"))
    except ImportError as error:
        raise NetworkError(
            f"{simulator} cannot be loaded ({error}); pip install 'tnemu[pynn]', or choose another "
            "--target"
        ) from None
    cell = getattr(module, "IF_curr_delta", None)
    if cell is None:
        raise NetworkError(f"{simulator} has no IF_curr_delta; choose {SIMULATOR}")
    if simulator == SIMULATOR and not hasattr(cell, "variable_map"):
        cell.variable_map, cell.scale_factors = {"v": "V_m"}, {"v": 1}
    return module


def _plain_values(nest: Any) -> None:
    """NEST's NodeCollection.set made to take numpy's numbers and truth values."""
    collection = nest.NodeCollection
    if getattr(collection.set, "plain", False):
        return
    old = collection.set

    def set_plain(self: Any, params: Any = None, **more: Any) -> Any:
        if isinstance(params, dict):
            params = {k: v.item() if isinstance(v, np.generic) else v for k, v in params.items()}
        return old(
            self,
            params,
            **{k: v.item() if isinstance(v, np.generic) else v for k, v in more.items()},
        )

    set_plain.plain = True  # type: ignore[attr-defined]
    collection.set = set_plain
