"""A converted network in NEST, observations side by side as copies in one kernel.

    iaf_psc_delta   reset "zero":      V <- 0 after a spike, and what was above the threshold is lost
    pp_psc_delta    reset "subtract":  the threshold rises by 1 with every spike, which is as good as
                                       subtracting; fires as soon as V > 0, one spike before the others

Bias is a current I_e, an observation one of direct-current generators through the first weights; a
millisecond is a tick, a step 0.1 ms, so that a spike loses a tenth of what it would lose in steps of 1.
The potentials of the output, which never fires, are read a step of the multimeter, 1 ms, before the end.
Every call builds the kernel anew: NEST cannot reset a network in place. Source: Hahn 2020, section 4.6.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.networks.errors import NetworkError
from tnemu.networks.spiking.dense import DenseNetwork, checked
from tnemu.networks.spiking.recipe import Recipe

_IAF_NAME = "iaf_psc_delta"
MODELS = {"zero": _IAF_NAME, "subtract": "pp_psc_delta"}
"""Reset -> neuron of NEST."""
NEVER = 1e10
"""Time constant, in ms, of what keeps its potential; threshold of what never fires."""
STEP_MS, DELAY_MS, LAG_MS = 0.1, 1.0, 1.0
LEAST_TICKS = 2
SEEDS = (1 << 32) - 1
_PLAIN = {"C_m": 1.0, "tau_m": NEVER, "V_m": 0.0}
_IAF = {**_PLAIN, "E_L": 0.0, "t_ref": 0.0, "V_reset": 0.0, "V_th": 1.0}
_PP = {
    **_PLAIN, "q_sfa": 1.0, "tau_sfa": NEVER, "dead_time": 1e-8, "c_1": 1e10, "c_2": 10.0, "c_3": 5.0,
    "with_reset": False,
}  # fmt: skip


class NestTarget:
    """Asked for the answers to observations; ``seed`` decides what pp_psc_delta draws. Raises
    NetworkError where NEST is not installed, and for a recipe that it has no neuron for.
    """

    def __init__(self, network: DenseNetwork, recipe: Recipe, seed: int) -> None:
        self.network, self.recipe = network, recipe
        self.model = MODELS[recipe.reset]
        check_recipe(recipe, "NEST")
        self._nest = load()
        self._rng = np.random.default_rng(seed)

    def decide(self, observations: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """The answers int64 [n]: the highest potential, the first of them on a tie."""
        return self.potentials(observations).argmax(1)

    def potentials(self, observations: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Of the output, float64 [n, answers], for observations [n, in]."""
        nest, net = self._nest, self.network
        x = checked(net, observations).astype(np.float64)
        nest.ResetKernel()
        nest.resolution, nest.print_time = STEP_MS, False
        nest.rng_seed = int(self._rng.integers(1, SEEDS))
        source = nest.Create("dc_generator", x.size)
        source.amplitude = x.ravel()
        last = len(net.weights) - 1
        for k, (w, b) in enumerate(zip(net.weights, net.biases, strict=True)):
            layer = self._layer(len(x), b.astype(np.float64), k == last)
            self._connect(source, layer, w.astype(np.float64), len(x))
            source = layer
        nest.Simulate(self.recipe.ticks - LAG_MS)
        return np.array(source.V_m, np.float64).reshape(len(x), -1)

    def _layer(self, copies: int, bias: npt.NDArray[np.float64], last: bool) -> Any:
        """The neurons of one layer, copy after copy."""
        values = (
            {**_IAF, "V_th": NEVER} if last else dict(_IAF if self.recipe.reset == "zero" else _PP)
        )
        values["V_m"] = 0.0 if last else self.recipe.start
        layer = self._nest.Create(_IAF_NAME if last else self.model, copies * len(bias), values)
        layer.I_e = np.tile(bias, copies)
        return layer

    def _connect(self, source: Any, layer: Any, w: npt.NDArray[np.float64], copies: int) -> None:
        """``w`` [in, out] from every copy of the source to the same copy of the layer."""
        n, m = w.shape
        copy, i, j = np.indices((copies, n, m)).reshape(3, -1)
        self._nest.Connect(
            copy * n + i + source[0].global_id,
            copy * m + j + layer[0].global_id,
            "one_to_one",
            {"weight": np.tile(w.ravel(), copies), "delay": np.full(copy.size, DELAY_MS)},
        )

    def facts(self) -> dict[str, Any]:
        """Its recipe, in NEST's words."""
        recipe = self.recipe
        return {
            "ticks": recipe.ticks,
            "encoding": recipe.encoding,
            "decoding": recipe.decoding,
            "reset": recipe.reset,
            "start": recipe.start,
            "model": self.model,
            "nest": self._nest.__version__,
        }


def check_recipe(recipe: Recipe, where: str) -> None:
    """Raises NetworkError for what ``where``, NEST or PyNN, is not run with."""
    for name, value, wanted in (
        ("encoding", recipe.encoding, "constant"),
        ("decoding", recipe.decoding, "potentials"),
        ("order", recipe.order, "thesis"),
    ):
        if value != wanted:
            raise NetworkError(
                f"{name} = {value!r}: {where} is run with {wanted!r} alone; leave it out, or choose another "
                "--target"
            )
    if recipe.ticks < LEAST_TICKS:
        raise NetworkError(
            f"ticks = {recipe.ticks}: the output is read 1 ms before the end in {where}; give {LEAST_TICKS} "
            "or more"
        )


def load() -> Any:
    """The module ``nest``, without its banner. Raises NetworkError where it is not installed."""
    try:
        with silence():
            import nest
    except ImportError as error:
        raise NetworkError(
            f"NEST cannot be loaded ({error}); pip install 'tnemu[nest]', or choose another --target"
        ) from None
    nest.verbosity = nest.VerbosityLevel.ERROR
    return nest


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Nothing is printed: NEST writes its banner to file descriptor 1, past Python."""
    sys.stdout.flush()
    with open(os.devnull, "w") as nowhere, contextlib.ExitStack() as after:
        kept = os.dup(1)
        after.callback(os.close, kept)
        after.callback(os.dup2, kept, 1)
        os.dup2(nowhere.fileno(), 1)
        yield
        sys.stdout.flush()
