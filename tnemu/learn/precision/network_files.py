"""Files of quantised networks: safetensors with the steps as JSON in the metadata. No torch in here.

format "tnemu integer network 1"; ``steps`` [{kind, inputs, numbers, bound, name}], ``unit`` (the logit of
one unit of the answer), ``bits``, ``provenance``; arrays as tnemu.learn.precision.integer_network names them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tnemu.errors import TnemuError, shown
from tnemu.files import Fields, json_text, parse_json, place
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_facts, load_tensors, save_tensors
from tnemu.learn.precision.integer_network import IntegerNetwork, Step

INTEGER_NETWORK = "tnemu integer network 1"


def save_network(path: str | Path, net: IntegerNetwork, **facts: Any) -> None:
    """Write it; ``facts`` as JSON in the metadata. Raises FormatError."""
    said = {"steps": [step.json() for step in net.steps], "unit": net.unit, **facts}
    metadata = {key: json_text(value, key, error=FormatError) for key, value in said.items()}
    save_tensors(path, net.arrays, {"format": INTEGER_NETWORK, **metadata})


def load_network(path: str | Path) -> IntegerNetwork:
    """The network of a file. Raises FormatError that names the file and what is odd in it."""
    facts, where = load_facts(path), place(path)
    if facts.get("format") != INTEGER_NETWORK:
        raise FormatError(
            f"{where}: format is {shown(facts.get('format'))}, needs {INTEGER_NETWORK!r}; write it with "
            "tnemu learn quantise"
        )
    steps = parse_json(facts.get("steps", "null"), f"{where}: steps", error=FormatError)
    unit = parse_json(facts.get("unit", "null"), f"{where}: unit", error=FormatError)
    if not isinstance(steps, list):
        raise FormatError(f"{where}: steps = {shown(steps)}: must be a list; get the file again")
    found = [_step(each, f"{where}: step {k}") for k, each in enumerate(steps)]
    scale = Fields({"unit": unit}, where, error=FormatError).real("unit", 0)
    try:
        return IntegerNetwork(found, load_tensors(path), scale)
    except TnemuError as error:
        raise FormatError(f"{where}: {error}") from None


def _step(said: Any, where: str) -> Step:
    if not isinstance(said, dict) or not isinstance(said.get("numbers"), dict):
        raise FormatError(f"{where} is {shown(said)}: must be an object; get the file again")
    fields = Fields(said, where, error=FormatError)
    inputs = said.get("inputs")
    if not isinstance(inputs, list) or not all(type(i) is int for i in inputs):
        raise FormatError(
            f"{where}: inputs = {shown(inputs)}: must be numbers of steps; get it again"
        )
    numbers = {name: _numbers(value, where) for name, value in said["numbers"].items()}
    bound = fields.whole("bound", 0, 1 << 62)
    return Step(fields.text("kind"), tuple(inputs), numbers, bound, fields.text("name", ""))


def _numbers(value: Any, where: str) -> Any:
    whole = tuple(value) if isinstance(value, list) else value
    if not all(
        type(n) is int or type(n) is bool for n in (whole if isinstance(whole, tuple) else [whole])
    ):
        raise FormatError(f"{where}: {shown(value)}: must be whole numbers; get the file again")
    return whole
