"""Reading board files: YAML with the line of every key, and errors that name line, key and limit."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from tnemu.hardware.errors import BoardError

Loc = tuple[int | str, ...]
"""Path of a key inside a file, such as ("chip", "cores_x") or ("dead_cores", 0, "x")."""


def parse(text: str, source: str) -> tuple[dict[str, Any], dict[Loc, int]]:
    """(data, line of every key, from 1) of a YAML mapping made of plain values.

    Raises BoardError naming ``source`` and the line: broken YAML, a key given twice, a key that is
    not text, an alias, a tag beyond plain YAML, or a document that is not a mapping.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode):
            raise BoardError(
                f"{source} is not a mapping of keys to values; write 'name: ...' first"
            )
        reader = _Reader(source)
        return reader.value(node, ()), reader.lines
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BoardError(
            f"{source}:{line} is not YAML: {error.problem}; correct the line"
        ) from error
    except yaml.YAMLError as error:
        raise BoardError(f"{source} is not YAML: {error}") from error


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[Loc, int] = {}
        self.seen: set[int] = set()
        self.plain = yaml.SafeLoader("")

    def value(self, node: yaml.Node, loc: Loc) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(loc, line)
        # An alias is the same node met again; a few of them can grow a file without bound.
        if id(node) in self.seen:
            raise BoardError(f"{self.source}:{line} uses an alias (*name); write the value out")
        self.seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*loc, index)) for index, item in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode):
            return self.plain.construct_object(node)
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            where = f"{self.source}:{key_node.start_mark.line + 1}"
            key = key_node.value
            if key_node.tag != "tag:yaml.org,2002:str":
                raise BoardError(f"{where} has the key {key!r}, which is not text; quote it")
            if key in data:
                first = self.lines[(*loc, key)]
                raise BoardError(
                    f"{where} {dotted((*loc, key))}: is given twice, first on line {first}; "
                    "keep one of the two"
                )
            self.lines[(*loc, key)] = key_node.start_mark.line + 1
            data[key] = self.value(value_node, (*loc, key))
        return data


def scalar(key: str, text: str) -> Any:
    """The value of ``text`` read as YAML, or a BoardError naming ``key``."""
    return parse(f"value: {text}", key)[0]["value"]


def dotted(loc: Loc) -> str:
    """``("dead_cores", 0, "x")`` as ``dead_cores[0].x``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc]
    return "".join(parts).removeprefix(".")


def near(name: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?``, or the list of known names where none is close."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(repr(item) for item in close)}?"
    return f"known: {', '.join(names)}"


def explain(
    error: ValidationError,
    model: type[BaseModel],
    source: str,
    lines: Mapping[Loc, int] | None = None,
) -> str:
    """All mistakes of one validation: ``source:line key: value is ...; what is allowed``."""
    texts = []
    for item in error.errors():
        loc: Loc = item["loc"]
        known = [loc[:end] for end in range(len(loc), -1, -1) if lines and loc[:end] in lines]
        where = f"{source}:{lines[known[0]]}" if lines and known else f"{source}:"
        texts.append((lines[known[0]] if lines and known else 0, f"{where} {_say(item, model)}"))
    texts.sort(key=lambda pair: pair[0])
    if len(texts) == 1:
        return texts[0][1]
    return f"{source} has {len(texts)} errors:" + "".join(f"\n  {text}" for _, text in texts)


def _say(item: Any, model: type[BaseModel]) -> str:
    loc, kind, value = item["loc"], item["type"], item["input"]
    parent = _model_at(model, loc[:-1])
    name = dotted(loc) or "board"
    if kind == "extra_forbidden":
        return f"{name}: is not a key of a board file; {near(str(loc[-1]), parent.model_fields)}"
    field = parent.model_fields.get(str(loc[-1])) if loc else None
    meaning = f" ({field.description})" if field and field.description else ""
    if kind == "missing":
        return f"{name}: is missing{meaning}; add it"
    if kind == "model_type":
        return (
            f"{name}: {value!r} is not a mapping of keys to values{meaning}; indent keys below it"
        )
    if kind == "literal_error":
        return f"{name}: {value!r} is not {item['ctx']['expected']}{meaning}; choose one of them"
    if kind in _KINDS:
        low, high = _bounds(field)
        limits = "" if low is None else f" {low}..{high}"
        if kind in _RANGE_KINDS:
            return f"{name}: {value!r} is outside{limits}{meaning}; choose a value in that range"
        return f"{name}: {value!r} is not {_KINDS[kind]}{limits}{meaning}; correct the value"
    message = item["msg"] if kind in ("board", "span") else f"is refused: {item['msg']}"
    return f"{name}: {value!r} {message}"


_RANGE_KINDS = ("greater_than_equal", "less_than_equal")
_KINDS = dict.fromkeys(_RANGE_KINDS, "") | {
    "int_type": "a whole number",
    "finite_number": "a finite number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "string_pattern_mismatch": "a name of a-z, 0-9, '.', '_' and '-'",
}


def _model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel]:
    """The model that holds the keys below ``loc``."""
    for part in loc:
        if isinstance(part, str) and part in model.model_fields:
            model = _inner(model.model_fields[part].annotation) or model
    return model


def _inner(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_inner(argument) for argument in typing.get_args(annotation))
    return next((item for item in found if item is not None), None)


def _bounds(field: FieldInfo | None) -> tuple[Any, Any]:
    """(lowest, highest) legal value of a field, (None, None) where it has no limits."""
    metadata = field.metadata if field else []
    low = next((m.ge for m in metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in metadata if hasattr(m, "le")), None)
    return low, high
