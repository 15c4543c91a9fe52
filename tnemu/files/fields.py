"""A parsed mapping seen through types and limits: nothing reads a raw one."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeVar, overload

from tnemu import errors
from tnemu.errors import TnemuError, did_you_mean, shown
from tnemu.files.json_text import bounded_depth, parse_json, read_json
from tnemu.files.places import TEXT_MOST, Failure, PathLike, place

T = TypeVar("T")
D = TypeVar("D")
MOST_CHARACTERS = 1 << 16
MOST_ITEMS = 1 << 20
_CORRECT = "correct the value"
_NEEDED: Any = object()


class Fields:
    """The members of ``mapping``, each read by type and limits; ``where`` names it in errors.

    Every method takes a key, marks it as known and gives its value, or ``default`` (as it is, not
    checked) where the key is not there. Without a default a missing key is an error. All raise
    ``error``: ``WHERE: KEY = VALUE: what is allowed; what to do``. ``done`` refuses keys that nobody
    asked for, in here and in the mappings handed out; as a context manager it is called at the end:

    >>> with Fields({"name": "retina", "size": [2, 4]}, "net.json", error=TnemuError) as fields:
    ...     fields.text("name"), fields.wholes("size", 1, 8, count=2)
    ('retina', [2, 4])
    """

    def __init__(self, mapping: Any, where: str, *, error: Failure, path: str = "") -> None:
        self.where, self.error, self.path = where, error, path
        self._known: dict[str, None] = {}
        self._inner: list[Fields] = []
        if not isinstance(mapping, Mapping):
            at = f"{where}: {path} = " if path else f"{where}: "
            raise error(f"{at}{shown(mapping)}: must be an object of named values; {_CORRECT}")
        self._mapping = mapping

    def __contains__(self, key: str) -> bool:
        self._known[key] = None
        return key in self._mapping

    def __iter__(self) -> Iterator[str]:
        """The keys; each counts as known. For mappings whose keys are data, such as names."""
        for key in self._mapping:
            if not isinstance(key, str):
                raise self.error(f"{self.where}: the key {shown(key)} is not text; quote it")
            self._known[key] = None
            yield key

    def absent(self, key: str) -> bool:
        """Whether the key is not there or its value is null."""
        return key not in self or self._mapping[key] is None

    @overload
    def text(self, key: str, *, most: int = ...) -> str: ...
    @overload
    def text(self, key: str, default: D, *, most: int = ...) -> str | D: ...
    def text(self, key: str, default: Any = _NEEDED, *, most: int = MOST_CHARACTERS) -> Any:
        """Text of at most ``most`` characters."""
        return self._one(key, default, lambda name, value: self._text(name, value, most))

    @overload
    def whole(self, key: str, low: int, high: int) -> int: ...
    @overload
    def whole(self, key: str, low: int, high: int, default: D) -> int | D: ...
    def whole(self, key: str, low: int, high: int, default: Any = _NEEDED) -> Any:
        """A whole number in ``low..high``; 2.0 and true are none."""
        return self._one(key, default, lambda name, value: self._whole(name, value, low, high))

    @overload
    def real(self, key: str, low: float = ..., high: float = ...) -> float: ...
    @overload
    def real(self, key: str, low: float = ..., high: float = ..., *, default: D) -> float | D: ...
    def real(
        self,
        key: str,
        low: float = -math.inf,
        high: float = math.inf,
        *,
        default: Any = _NEEDED,
    ) -> Any:
        """A finite number in ``low..high``, as a float."""
        return self._one(key, default, lambda name, value: self._real(name, value, low, high))

    @overload
    def flag(self, key: str) -> bool: ...
    @overload
    def flag(self, key: str, default: D) -> bool | D: ...
    def flag(self, key: str, default: Any = _NEEDED) -> Any:
        """True or false."""
        return self._one(key, default, self._flag)

    @overload
    def one_of(self, key: str, known: Collection[str]) -> str: ...
    @overload
    def one_of(self, key: str, known: Collection[str], default: D) -> str | D: ...
    def one_of(self, key: str, known: Collection[str], default: Any = _NEEDED) -> Any:
        """One of the texts ``known``; the error names the nearest."""
        return self._one(
            key,
            default,
            lambda name, value: errors.one_of(self._at(name), value, known, error=self.error),
        )

    @overload
    def mapping(self, key: str) -> Fields: ...
    @overload
    def mapping(self, key: str, default: D) -> Fields | D: ...
    def mapping(self, key: str, default: Any = _NEEDED) -> Any:
        """The object below ``key``, as Fields."""
        return self._one(key, default, self._fields)

    def json(self, key: str, default: Any = _NEEDED, *, most_depth: int = 64) -> Any:
        """Whatever is there, for values that are only kept or handed on, never looked into."""
        return self._one(
            key,
            default,
            lambda name, value: bounded_depth(value, most_depth, self._at(name), error=self.error),
        )

    def texts(
        self,
        key: str,
        default: Any = _NEEDED,
        *,
        count: int | None = None,
        least: int = 0,
        most: int = MOST_ITEMS,
    ) -> list[str]:
        """A list of texts: exactly ``count`` of them, or ``least..most``."""
        each = lambda name, value: self._text(name, value, MOST_CHARACTERS)  # noqa: E731
        return self._list(key, default, each, count, least, most)

    def wholes(
        self,
        key: str,
        low: int,
        high: int,
        default: Any = _NEEDED,
        *,
        count: int | None = None,
        least: int = 0,
        most: int = MOST_ITEMS,
    ) -> list[int]:
        """A list of whole numbers in ``low..high``: ``count`` of them, or ``least..most``."""
        each = lambda name, value: self._whole(name, value, low, high)  # noqa: E731
        return self._list(key, default, each, count, least, most)

    def reals(
        self,
        key: str,
        low: float = -math.inf,
        high: float = math.inf,
        default: Any = _NEEDED,
        *,
        count: int | None = None,
        least: int = 0,
        most: int = MOST_ITEMS,
    ) -> list[float]:
        """A list of finite numbers in ``low..high``: ``count`` of them, or ``least..most``."""
        each = lambda name, value: self._real(name, value, low, high)  # noqa: E731
        return self._list(key, default, each, count, least, most)

    def mappings(
        self,
        key: str,
        default: Any = _NEEDED,
        *,
        count: int | None = None,
        least: int = 0,
        most: int = MOST_ITEMS,
    ) -> list[Fields]:
        """A list of objects, each as Fields: ``count`` of them, or ``least..most``."""
        return self._list(key, default, self._fields, count, least, most)

    def tables(
        self,
        key: str,
        low: int,
        high: int,
        default: Any = _NEEDED,
        *,
        width: int,
        least: int = 0,
        most: int = MOST_ITEMS,
    ) -> list[list[int]]:
        """A list of rows of ``width`` whole numbers each, all in ``low..high``."""

        def row(name: str, value: Any) -> list[int]:
            each = lambda inner, item: self._whole(inner, item, low, high)  # noqa: E731
            return self._items(name, value, each, width, 0, width)

        return self._list(key, default, row, None, least, most)

    def refused(self, key: str, rule: str, then: str = _CORRECT) -> TnemuError:
        """The error ``WHERE: KEY = VALUE: RULE; THEN``, to be raised by a check of the caller's."""
        value = self._mapping.get(key)
        return self.error(f"{self._at(self._name(key))} = {shown(value)}: {rule}; {then}")

    def done(self) -> None:
        """Raises ``error`` for the first key that nobody asked for, and names the nearest known."""
        for key in self._mapping:
            if not isinstance(key, str) or key not in self._known:
                near = did_you_mean(key, self._known)
                name = shown(f"{self.path}.{key}" if self.path else key)
                hint = f", {near}" if near else ""
                raise self.error(
                    f"{self.where}: unknown key {name}{hint}; remove it or update tnemu"
                )
        for inner in self._inner:
            inner.done()

    def __enter__(self) -> Fields:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.done()

    def _one(self, key: str, default: Any, read: Callable[[str, Any], Any]) -> Any:
        if key in self:
            return read(self._name(key), self._mapping[key])
        if default is _NEEDED:
            raise self.error(f"{self.where}: key {shown(self._name(key))} is missing; add it")
        return default

    def _list(
        self,
        key: str,
        default: Any,
        each: Callable[[str, Any], T],
        count: int | None,
        least: int,
        most: int,
    ) -> list[T]:
        found: list[T] = self._one(
            key, default, lambda name, value: self._items(name, value, each, count, least, most)
        )
        return found

    def _items(
        self,
        name: str,
        value: Any,
        each: Callable[[str, Any], T],
        count: int | None,
        least: int,
        most: int,
    ) -> list[T]:
        low, high = (least, most) if count is None else (count, count)
        if not isinstance(value, list | tuple) or not low <= len(value) <= high:
            number = f"{low}" if low == high else f"{low}..{high}"
            raise self._wrong(name, value, f"must be a list of {number} values")
        return [each(f"{name}[{index}]", item) for index, item in enumerate(value)]

    def _text(self, name: str, value: Any, most: int) -> str:
        if not isinstance(value, str) or len(value) > most:
            raise self._wrong(name, value, f"must be text of at most {most:,} characters")
        return value

    def _whole(self, name: str, value: Any, low: int, high: int) -> int:
        return errors.whole(self._at(name), value, low, high, error=self.error, then=_CORRECT)

    def _real(self, name: str, value: Any, low: float, high: float) -> float:
        return errors.real(self._at(name), value, low, high, error=self.error, then=_CORRECT)

    def _flag(self, name: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self._wrong(name, value, "must be true or false")
        return value

    def _fields(self, name: str, value: Any) -> Fields:
        self._inner.append(Fields(value, self.where, error=self.error, path=name))
        return self._inner[-1]

    def _wrong(self, name: str, value: Any, rule: str) -> TnemuError:
        return self.error(f"{self._at(name)} = {shown(value)}: {rule}; {_CORRECT}")

    def _name(self, key: str) -> str:
        """Dotted path of a key inside the file."""
        short = key if len(key) <= 80 and key.isprintable() else shown(key)
        return f"{self.path}.{short}" if self.path else short

    def _at(self, name: str) -> str:
        return f"{self.where}: {name}"


def read_fields(
    path: PathLike, *, error: Failure, what: str = "", most_bytes: int = TEXT_MOST
) -> Fields:
    """The object in a JSON file as :class:`Fields`. Raises ``error`` as ``read_json`` does."""
    value = read_json(path, error=error, what=what, most_bytes=most_bytes)
    return Fields(value, place(path), error=error)


def parse_fields(text: str, where: str, *, error: Failure, line: int = 1) -> Fields:
    """The object in JSON ``text`` as :class:`Fields`. Raises ``error`` as ``parse_json`` does."""
    return Fields(parse_json(text, where, error=error, line=line), where, error=error)
