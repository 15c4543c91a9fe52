"""Reading board files: YAML with the line of every key, and errors that name line, key and limit."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Mapping
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from tnemu.errors import did_you_mean, shown
from tnemu.hardware.errors import BoardError

Loc = tuple[int | str, ...]
"""Path of a key inside a file, such as ("chip", "cores_x") or ("dead_cores", 0, "x")."""

MOST_DEPTH = 20
"""Mappings and lists inside each other; a board file needs 3."""
MOST_ERRORS = 8
"""Mistakes of one file that are told at once."""
_TAG = "tag:yaml.org,2002:"


def parse(text: str, source: str) -> tuple[dict[str, Any], dict[Loc, int]]:
    """(data, line of every key, from 1) of a YAML mapping made of plain values.

    Plain values are text, decimal numbers, true and false, null, lists and mappings. Raises
    BoardError naming ``source`` and the line: broken YAML, a key given twice, a key that is not
    text, an alias, a value of another type, deep nesting, or a document that is not a mapping.
    """
    try:
        node = _compose(text, source)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = _short(error.problem or error.context or "broken")
        raise BoardError(f"{source}:{line} is not YAML: {problem}; correct the line") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise BoardError(
            f"{source}:{line} is not YAML: it holds the character {shown(text[error.position])}; "
            "remove it"
        ) from error
    except BoardError:
        raise
    except (ValueError, OverflowError) as error:  # Python's own, from chr() and int() in PyYAML
        raise BoardError(
            f"{source} is not YAML: an escape such as \\U00110000 or the version of a %YAML line is "
            "out of range; correct it"
        ) from error
    if not isinstance(node, yaml.MappingNode):
        raise BoardError(f"{source} is not a mapping of keys to values; write 'name: ...' first")
    reader = _Reader(source)
    return reader.value(node, ()), reader.lines


def _short(text: str) -> str:
    return " ".join(text.split())[:120]


def _compose(text: str, source: str) -> yaml.Node | None:
    loader = _Loader(text)
    loader.source = source
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """PyYAML's reader, which nests its calls as deeply as the file does: bounded."""

    source: str
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MOST_DEPTH:
            line = self.line + 1  # of the reader, which is just beyond the node's first token
            raise BoardError(
                f"{self.source}:{line} nests more than {MOST_DEPTH} lists and mappings; a board "
                "file needs 3"
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.lines: dict[Loc, int] = {}
        self.seen: set[int] = set()

    def value(self, node: yaml.Node, loc: Loc) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(loc, line)
        # An alias is the same node met again; a few of them can grow a file without bound.
        if id(node) in self.seen:
            raise BoardError(f"{self.source}:{line} uses an alias (*name); write the value out")
        self.seen.add(id(node))
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.value(item, (*loc, index)) for index, item in enumerate(node.value)]
        if not isinstance(node, yaml.MappingNode) or node.tag != f"{_TAG}map":
            return self.plain(node, loc)
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            where = f"{self.source}:{key_node.start_mark.line + 1}"
            key = key_node.value
            if key_node.tag != f"{_TAG}str":
                said = shown(key) if isinstance(key, str) else f"<{key_node.id}>"
                raise BoardError(f"{where} has the key {said}, which is not text; quote it")
            if key in data:
                first = self.lines[(*loc, key)]
                raise BoardError(
                    f"{where} {dotted((*loc, key))}: is given twice, first on line {first}; "
                    "keep one of the two"
                )
            self.lines[(*loc, key)] = key_node.start_mark.line + 1
            data[key] = self.value(value_node, (*loc, key))
        return data

    def plain(self, node: yaml.Node, loc: Loc) -> Any:
        """A scalar; BoardError where YAML would give it a type that a board file has no use for."""
        kind, text = node.tag.removeprefix(_TAG), node.value
        if isinstance(node, yaml.ScalarNode) and kind in _SCALARS:
            pattern, convert = _SCALARS[kind]
            if pattern.fullmatch(text):
                return convert(text)
        if isinstance(node, yaml.ScalarNode):
            said = f"{shown(text)} {_PROBLEMS.get(kind, f'has the type {_short(kind)!r}')}"
        else:
            said = f"has the type {_short(kind)!r}"
        raise BoardError(
            f"{self.source}:{node.start_mark.line + 1} {dotted(loc)}: {said}; correct the value, or "
            "quote it if it is text"
        )


_PROBLEMS = {
    "str": "holds a character that cannot be printed",
    "int": "is no number as a board file has it: up to 20 digits, the first of them no 0",
    "float": "is no number as a board file has it, such as 0.5 or 1.0e-3",
    "bool": "is neither true nor false",
    "null": "is not null",
    "timestamp": "is a date to YAML, and a board file has none",
}
_SCALARS: dict[str, tuple[re.Pattern[str], Any]] = {
    # No control characters, and no halves of characters, which nothing could print.
    "str": (re.compile(r"[^\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]*"), str),
    "null": (re.compile(r"~|null|Null|NULL|"), lambda _: None),
    "bool": (
        re.compile(r"(?i:true|yes|on|false|no|off)"),
        lambda text: text.lower() in ("true", "yes", "on"),
    ),
    # Not 010, which is 8 to YAML, and not 1:30, which is 90.
    "int": (re.compile(r"[-+]?(0|[1-9][0-9]{0,19})"), int),
    "float": (
        re.compile(
            r"(?i:[-+]?([0-9]{1,20}\.?[0-9]{0,30}|\.[0-9]{1,30})(e[-+]?[0-9]{1,4})?|[-+]?\.inf|\.nan)"
        ),
        lambda text: float(re.sub(r"\.(?=[in])", "", text.lower())),
    ),
}
"""Of each type: what is read, and how. Nothing else is, so that no value is another than it looks."""


def scalar(key: str, text: str) -> Any:
    """The value of ``text`` read as YAML, or a BoardError naming ``key``."""
    name = shown_key(key)
    try:
        data = parse(f"value: {text}", name)[0]
    except BoardError as error:
        raise BoardError(str(error).replace(f"{name}:1 value:", f"{name}:", 1)) from error
    if set(data) != {"value"}:
        raise BoardError(f"{name}: {shown(text)} is more than one value; give one")
    return data["value"]


def shown_key(key: str) -> str:
    """A key as messages name it: one line, cut at a length."""
    return key if key.isprintable() and len(key) <= 60 else shown(key)


def dotted(loc: Loc) -> str:
    """``("dead_cores", 0, "x")`` as ``dead_cores[0].x``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{shown_key(part)}" for part in loc]
    return "".join(parts).removeprefix(".")


def near(name: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?``, or the list of known names where none is close."""
    names = list(known)
    return did_you_mean(name, names) or f"known: {', '.join(names)}"


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
    lines_told = [text for _, text in texts[:MOST_ERRORS]]
    if len(texts) > MOST_ERRORS:
        lines_told.append(f"and {len(texts) - MOST_ERRORS:,} more")
    return f"{source} has {len(texts):,} errors:" + "".join(f"\n  {text}" for text in lines_told)


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
        return f"{name}: {shown(value)} is not a mapping of keys to values{meaning}; indent keys below it"
    if kind == "literal_error":
        return (
            f"{name}: {shown(value)} is not {item['ctx']['expected']}{meaning}; choose one of them"
        )
    if kind in _KINDS:
        low, high = _bounds(field)
        limits = "" if low is None else f" {low}..{high}"
        if kind in _RANGE_KINDS:
            return (
                f"{name}: {shown(value)} is outside{limits}{meaning}; choose a value in that range"
            )
        return f"{name}: {shown(value)} is not {_KINDS[kind]}{limits}{meaning}; correct the value"
    message = item["msg"] if kind in ("board", "span") else f"is refused: {item['msg']}"
    return f"{name}: {shown(value)} {message}"


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
