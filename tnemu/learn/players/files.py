"""Files of players: what kind each is, which world it plays, and integer students. No torch in here.

All kinds but weight files (tnemu.formats.weights) are safetensors with metadata: the kind, the spec they
play under, its hash, and where they come from. Networks of torch are read by tnemu.learn.players.nets, and
checkpoints of other libraries by tnemu.learn.players.adapters.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tnemu.errors import TnemuError, shown
from tnemu.files import Fields, json_text, parse_fields, parse_json, place
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_facts, load_tensors, save_tensors
from tnemu.learn.eedn.wiring import size_of
from tnemu.learn.players.integers import Arrays, IntegerStudent, check_bits
from tnemu.tasks.atari.spec import AtariSpec

TEACHER = "tnemu teacher 1"
CONTROL = "tnemu float student 1"
QUANTISED = "tnemu quantised student 1"
KINDS = (TEACHER, CONTROL, QUANTISED)
_WRITERS = {TEACHER: "teacher", CONTROL: "distil", QUANTISED: "ladder"}
FOREIGN = (".zip", ".cleanrl_model", ".pth", ".pt")
"""How names of other libraries' checkpoints end."""


def is_foreign(path: str | Path) -> bool:
    """Whether a file's name ends like those of the other libraries."""
    return Path(path).suffix in FOREIGN


def kind_of(path: str | Path) -> str | None:
    """TEACHER, CONTROL or QUANTISED; None for a safetensors file of another kind, which may be a weight
    file. Raises FormatError for what is no safetensors file.
    """
    kind = load_facts(path).get("format")
    return kind if kind in KINDS else None


def read_player(path: str | Path, kind: str) -> tuple[AtariSpec, Mapping[str, str]]:
    """The spec that a file's player was trained under, and all its metadata.

    Raises FormatError for a file of another kind and one whose spec is not the one whose hash it has.
    """
    metadata = load_facts(path)
    if metadata.get("format") != kind:
        raise FormatError(
            f"{place(path)}: format is {shown(metadata.get('format'))}, needs {kind!r}; "
            f"write it with tnemu.learn.{_WRITERS[kind]}"
        )
    facts = Fields(metadata, place(path), error=FormatError)
    spec, sha256 = read_spec(facts.text("spec"), place(path)), facts.text("spec_sha256")
    if spec.sha256 != sha256:
        raise FormatError(
            f"{place(path)}: its spec has hash {spec.sha256[:12]}, it was trained under "
            f"{sha256[:12]}; the file was altered, get it again"
        )
    return spec, metadata


def read_spec(text: str, where: str) -> AtariSpec:
    """The spec in a file's metadata; raises FormatError that begins with ``where``."""
    parse_fields(text, f"{where}: spec", error=FormatError)
    try:
        return AtariSpec.from_json(text)
    except TnemuError as error:
        raise FormatError(f"{where}: {error}") from None


def provenance_of(path: str | Path) -> Fields:
    """How the float or integer student of a file was made; raises FormatError where it does not say."""
    facts = Fields(load_facts(path), place(path), error=FormatError)
    return parse_fields(
        facts.text("provenance", most=1 << 26), f"{place(path)}: provenance", error=FormatError
    )


def save_arrays(path: str | Path, arrays: Arrays, kind: str, spec: AtariSpec, **facts: Any) -> None:
    """A player's numbers; ``facts`` are stored as JSON in the metadata. Raises FormatError."""
    metadata = {"format": kind, "spec": spec.to_json(), "spec_sha256": spec.sha256}
    metadata |= {key: json_text(value, key, error=FormatError) for key, value in facts.items()}
    save_tensors(path, arrays, metadata)


def load_quantised(path: str | Path) -> tuple[IntegerStudent, AtariSpec]:
    """The n-bit student and its spec; raises FormatError that names the file and the array."""
    spec, metadata = read_player(path, QUANTISED)
    bits = parse_json(metadata.get("bits", "null"), f"{place(path)}: bits", error=FormatError)
    arrays = load_tensors(path)
    try:
        check_bits(bits)
        actions = len(spec.actions)
        student = IntegerStudent(spec.shape, actions, bits, arrays, **size_of(arrays, actions))
    except TnemuError as error:
        raise FormatError(f"{place(path)}: {error}") from None
    return student, spec
