"""Small IBM model files for tests, as dictionaries to change and as text in both dialects."""

from __future__ import annotations

import json
from typing import Any

TYPE: dict[str, Any] = {
    "name": "N00000001",
    **{f"sigma{g}": 1 for g in range(4)},
    **{f"s{g}": g for g in range(4)},
    **{f"b{g}": False for g in range(4)},
    "sigma_lambda": -1,
    "lambda": 0,
    "c_lambda": False,
    "epsilon": True,
    "alpha": 22,
    "beta": 0,
    "TM": 0,
    "gamma": 1,
    "kappa": False,
    "sigma_VR": 1,
    "VR": 0,
    "V": 0,
}
"""A neuron type with all 24 parameters."""


def identity_rows() -> list[dict[str, str]]:
    """Axon i reaches crossbar column i; axon i has type i mod 4."""
    rows = []
    for i in range(256):
        row = ["00"] * 32
        row[i // 8] = f"{128 >> i % 8:02X}"
        rows.append({"type": f"S{i % 4}", "synapses": " ".join(row)})
    return rows


def empty_rows() -> list[dict[str, str]]:
    return [{"type": "S0", "synapses": " ".join(["00"] * 32)} for _ in range(256)]


def model(cores: int = 2) -> dict[str, Any]:
    """Every core: type 1 throughout, neuron j to axon j of the next core; the last sends to -32."""
    return {
        "model": {
            "coreCount": cores,
            "neuronclass": "NeuronGeneral",
            "crossbarSize": 256,
            "crossbarclass": "CrossbarBinary",
            "networking": "INTRA",
        },
        "crossbarTypes": [{"name": "identity", "crossbar": {"rows": identity_rows()}}],
        "neuronTypes": [dict(TYPE)],
        "cores": [
            {
                "id": c,
                "timeScaleExponent": 0,
                "rngSeed": 4294967295,
                "neurons": {
                    "dendrites": ["0:255"],
                    "types": ["1x256"],
                    "destCores": [f"{c + 1 if c + 1 < cores else -32}x256"],
                    "destAxons": ["0:255"],
                    "destDelays": ["1x256"],
                },
                "crossbar": {"name": "identity"},
            }
            for c in range(cores)
        ],
    }


def listed(delay: str = "delay") -> list[dict[str, Any]]:
    """256 neurons as pytruenorth writes them: one object each, here not used and unconnected."""
    return [
        {"type": 0, "dendrite": j, "destCore": -1, "destAxon": -1, delay: 1} for j in range(256)
    ]


def text(parts: dict[str, Any]) -> str:
    """The file: one value a line, and the key ``core`` once for every core."""
    sections = [(key, value) for key, value in parts.items() if key != "cores"]
    sections += [("core", core) for core in parts.get("cores", [])]
    members = (f"{json.dumps(key)}: {json.dumps(value, indent=1)}" for key, value in sections)
    return "{\n" + ",\n".join(members) + "\n}\n"


def line_of(source: str, marker: str) -> int:
    """The line on which ``marker``, which occurs once, begins."""
    assert source.count(marker) == 1, f"{marker!r} occurs {source.count(marker)} times"
    return source[: source.index(marker)].count("\n") + 1
