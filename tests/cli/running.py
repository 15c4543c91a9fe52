"""What the tests of ``tnemu run`` share: calling it, and small models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from typer.testing import CliRunner

from tnemu.cli.main import app
from tnemu.formats.spike_file import spikes, write_spikes
from tnemu.hardware import load_board, neuron
from tnemu.hardware.image import BoardImage
from tnemu.mapping.build import build_image
from tnemu.mapping.place import in_order
from tnemu.networks.logical import LogicalCore, LogicalNetwork, LogicalOutput, wires_from

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "formats" / "data"
EX1 = ("run", DATA / "ex1.json", "--spikes", DATA / "ex1_spikes.sfti", "--ticks", 46)
NO_CLAMP = ("--set", "chip.leak_zero_clamp=false")

TONIC = {
    0: list(range(9, 100, 10)),
    1: list(range(8, 100, 10)),
    2: list(range(5, 100, 6)),
    123: list(range(5, 100, 5)),
}
"""Fire ticks by pin, from the periods and phases that pytruenorth states for simulator and chip."""


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def ran(*arguments: object) -> Any:
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    return result


def refused(*arguments: object) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    return str(result.stderr)


def tonic_model() -> str:
    """The example of pytruenorth as pytruenorth would write it: neurons as objects, types by name.

    Neurons that the example leaves alone have a threshold of 0, so they fire in every tick, to
    nowhere.
    """
    zeros = {
        **{f"sigma{g}": 1 for g in range(4)},
        **{f"{key}{g}": 0 for key in "sb" for g in range(4)},
        **{"sigma_lambda": -1, "lambda": 0, "c_lambda": False, "epsilon": False},
        **{"alpha": 0, "beta": 0, "TM": 0, "gamma": 0, "kappa": False},
        **{"sigma_VR": 1, "VR": 0, "V": 0},
    }
    special = {
        (0, 0): {"alpha": 10, "lambda": 1, "sigma_lambda": 1, "pin": 0},
        (0, 1): {"alpha": 10, "lambda": 1, "sigma_lambda": 1, "V": 1, "pin": 1},
        (0, 2): {"alpha": 11, "lambda": 2, "sigma_lambda": 1, "pin": 2},
        (1, 7): {"alpha": 10, "lambda": 1, "s0": 3, "pin": 123},
    }
    types, cores = [zeros | {"name": "-77"}], []
    for c in range(2):
        neurons = []
        for j in range(256):
            change = dict(special.get((c, j), {}))
            pin = change.pop("pin", -1)
            name = f"10{c}{j}" if change else "-77"
            if change:
                types.append(zeros | change | {"name": name})
            core = -32 if pin >= 0 else -1
            neurons.append(
                {"type": name, "dendrite": j, "destCore": core, "destAxon": pin, "delay": 1}
            )
        rows = [{"type": "S0", "synapses": " ".join(["00"] * 32)} for _ in range(256)]
        if c == 1:
            rows[3]["synapses"] = "01" + " 00" * 31  # axon 3 reaches column 7
        core_ = {"id": c, "rngSeed": 1, "timeScaleExponent": 0}
        cores.append(core_ | {"neurons": neurons, "crossbar": {"rows": rows}})
    model = {
        "coreCount": 2,
        "neuronClass": "NeuronGeneral",
        "crossbarSize": 256,
        "crossbarclass": "CrossbarBinary",
        "networking": "INTRA",
    }
    sections = [("model", model), ("neuronTypes", types), *(("core", core) for core in cores)]
    return "{\n" + ",\n".join(f'"{k}": {json.dumps(v, indent=4)}' for k, v in sections) + "\n}"


def write_tonic(folder: Path) -> tuple[Path, Path]:
    """The model of :func:`tonic_model` and its input spikes, as files."""
    (folder / "tonic.json").write_text(tonic_model())
    ticks = np.repeat(np.arange(100), 2)
    write_spikes(folder / "in.sfti", spikes(ticks, 1, np.tile([3, 4], 100)), version="sfti1.0")
    return folder / "tonic.json", folder / "in.sfti"


def network_of(core_count: int = 2, width: int = 256) -> LogicalNetwork:
    """Core k with number 10 k fires in every tick to pin k, core 1 to the output's last pin."""
    cores = [LogicalCore(f"core {10 * k}", number=10 * k) for k in range(core_count)]
    for core in cores:
        core.used[0] = True
        core.neurons[0] = neuron(alpha=0, beta=0)
    pins = [k if k != 1 else width - 1 for k in range(core_count)]
    wires = wires_from([(k, 0, -1, pin, 1) for k, pin in enumerate(pins)])
    return LogicalNetwork(cores, wires, outputs={"-32": LogicalOutput(width, -32)})


def image_of(network: LogicalNetwork) -> BoardImage:
    board = load_board("tiny")
    return build_image(network, board, in_order(network, board), {})
