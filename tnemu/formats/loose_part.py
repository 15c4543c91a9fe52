"""A value that was read from a file, still knowing where it stood: the checks that name its line."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn

from tnemu.errors import shown
from tnemu.formats.loose_json import Scanner, Steps

_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True)
class Part:
    """The value at position ``start`` of a scanned text. ``path`` leads from it to a field."""

    scanner: Scanner
    start: int

    def value(self) -> Any:
        """The whole value, read again."""
        self.scanner.at = self.start
        return self.scanner.value()

    def refuse(self, message: str, path: Steps = ()) -> NoReturn:
        """Raise a FormatError at the line of the field at ``path``, or of its nearest owner."""
        raise self.scanner.error(self.scanner.find(self.start, path), message)

    def keys(
        self,
        value: Any,
        required: Collection[str],
        optional: Collection[str],
        what: str,
        path: Steps = (),
    ) -> None:
        """``value`` is an object with all the required keys and none but those and the optional."""
        if not isinstance(value, dict):
            self.refuse(f"{what} is {_named(value)}; it must be an object", path)
        for key in required:
            if key not in value:
                self.refuse(f"{what} has no {shown(key)}; add it", path)
        for key in value:
            if key not in required and key not in optional:
                known = ", ".join((*required, *optional))
                self.refuse(
                    f"{what} has the unknown key {shown(key)}; known: {known}", (*path, key)
                )

    def whole(self, owner: dict[str, Any], path: Steps, low: int, high: int, what: str) -> int:
        """The whole number in ``owner`` under the last step of ``path``, in low..high."""
        key = str(path[-1])
        value = owner[key]
        if type(value) is not int or not low <= value <= high:
            allowed = str(low) if low == high else f"a whole number, {low}..{high}"
            self.refuse(
                f"{what}: {key} = {shown(value)} is not allowed; it must be {allowed}", path
            )
        return value

    def text(self, owner: dict[str, Any], path: Steps, what: str) -> str:
        """The text in ``owner`` under the last step of ``path``."""
        key = str(path[-1])
        value = owner[key]
        if not isinstance(value, str):
            self.refuse(f"{what}: {key} = {shown(value)} is not allowed; it must be a text", path)
        if _SURROGATE.search(value):
            self.refuse(
                f"{what}: {key} = {shown(value)} holds half of a character; remove it", path
            )
        return value


def _named(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return names.get(type(value), "no object" if value is None else "a number")
