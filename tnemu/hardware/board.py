"""Boards: how many chips of how many cores, joined how, with which single-sourced rules on.

A board file is YAML (see ``boards/`` and ``boards/schema.json``). Coordinates run over the whole
unit: x from west to east over all chips, y from south to north. Boards that are joined through their
hosts and not through their chips (NS16e-4) are *units*; a packet never crosses from unit to unit.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    Strict,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from tnemu.errors import shown
from tnemu.files import place, read_text
from tnemu.hardware import board_file
from tnemu.hardware.errors import BoardError

LIBRARY = "tnemu.boards"
"""The package that holds the board files shipped with tnemu (the repository's ``boards/``)."""
MOST_CORES = 1 << 20
"""Cores a board may have, dead ones included: an engine names core and axon of a spike in 28 bits."""
MOST_BYTES = 1 << 18
"""Bytes a board file may have unless :func:`load_board` is told otherwise: 256 KiB."""


def _whole(low: int, high: int, meaning: str, default: int | None = None) -> Any:
    if default is None:
        return Field(ge=low, le=high, description=meaning, strict=True)
    return Field(default=default, ge=low, le=high, description=meaning, strict=True)


_RANGE = r"([0-9]{1,9})\.\.([0-9]{1,9})"


def _span(value: Any) -> int | str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = re.fullmatch(_RANGE, value) if isinstance(value, str) else None
    if match is None or int(match[1]) > int(match[2]):
        raise PydanticCustomError(
            "span", "is neither a number from 0 nor a range such as 3..5, low end first"
        )
    return str(value)


Text = Annotated[str, Strict()]
Span = Annotated[
    int | str,
    PlainValidator(_span),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": f"^{_RANGE}$"},
            ]
        }
    ),
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ChipSpec(_Frozen):
    """One chip: ``cores_x`` times ``cores_y`` cores, and the rules that rest on a single source.

    ``leak_zero_clamp``: with leak reversal (epsilon 1) and V near zero, a leak step that would carry
    the potential across zero stops at zero. ``potential_range``: ``saturate20`` clamps the potential
    once a tick to the signed 20-bit range -524288..524287; ``rails393216`` to -393216..393216.
    ``noise``: the generator IBM's run time used, or words keyed by what draws them.
    ``no_reset_ceiling``: V of a neuron without reset (gamma 2) is at most alpha + 2**TM - 1.
    """

    cores_x: int = _whole(1, 256, "columns of cores on one chip", 64)
    cores_y: int = _whole(1, 256, "rows of cores on one chip", 64)
    leak_zero_clamp: bool = Field(
        default=True,
        strict=True,
        description="a reversed leak stops at potential 0 instead of crossing it",
    )
    potential_range: Literal["saturate20", "rails393216"] = Field(
        default="saturate20", description="where the membrane potential saturates"
    )
    noise: Literal["xorshift32", "counter"] = Field(
        default="xorshift32",
        description="a generator in each core, drawn from in order, or words keyed by their use",
    )
    no_reset_ceiling: Literal["alpha+mask", "alpha+255", "none"] = Field(
        default="alpha+mask", description="highest potential of a neuron without reset (gamma 2)"
    )


class LinkSpec(_Frozen):
    """One kind of link that leaves a chip, and what it carries; null means not published."""

    kind: Literal["merge-split", "host"] = Field(
        description="merge-split: chip edge to chip edge; host: board to its host process"
    )
    bits: int = _whole(1, 1024, "bits on the link for one spike")
    spikes_per_s: int | None = Field(
        default=None,
        ge=1,
        le=10**12,
        strict=True,
        description="spikes per second, both directions together",
    )


class HostSpec(_Frozen):
    """The processor beside the chips, which hosts the application; null means not published."""

    name: Text = Field(default="not described", description="processor")
    cores: int | None = Field(
        default=None, ge=1, le=4096, strict=True, description="processor cores"
    )
    clock_mhz: int | None = Field(
        default=None, ge=1, le=10**5, strict=True, description="clock in MHz"
    )
    memory_mb: int | None = Field(
        default=None, ge=1, le=10**8, strict=True, description="memory in MB"
    )


class DeadCores(_Frozen):
    """A core, or a rectangle of cores, that must not be used: x and y are numbers or ``3..5``."""

    unit: int = _whole(0, 63, "unit that holds the dead cores", 0)
    x: Span = Field(description="column, or columns such as 3..5, over all chips of the unit")
    y: Span = Field(description="row, or rows such as 3..5, over all chips of the unit")

    def corners(self) -> tuple[int, int, int, int]:
        """(first x, last x, first y, last y), ends included."""
        (x0, x1), (y0, y1) = _ends(self.x), _ends(self.y)
        return x0, x1, y0, y1


def _ends(span: int | str) -> tuple[int, int]:
    low, _, high = str(span).partition("..")
    return int(low), int(high or low)


class Published(_Frozen):
    """A figure published about the real board, printed beside what the emulator measures."""

    what: Text = Field(description="what was measured, and under which conditions")
    value: float = Field(strict=True, allow_inf_nan=False, description="the figure, in `unit`")
    unit: Text = Field(description="unit of the figure")
    source: Text = Field(description="paper and section or table")


class BoardSpec(_Frozen):
    """A board: ``units`` host-linked units, each a mesh of ``chips_x`` times ``chips_y`` chips.

    A packet reaches 255 cores in x and in y, so on a unit at most 256 cores wide and high every core
    reaches every other; an exit one step beyond the edge may still be too far from the other side.
    All units together have at most 1,048,576 cores: an engine names a spike's core in 20 bits.
    """

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]*$", strict=True, description="lower-case name of the board"
    )
    description: Text = Field(default="", description="one sentence for lists of boards")
    units: int = _whole(1, 64, "boards joined through their hosts, not through chip links", 1)
    chips_x: int = _whole(1, 64, "columns of chips in a unit")
    chips_y: int = _whole(1, 64, "rows of chips in a unit")
    chip: ChipSpec = Field(default=ChipSpec(), description="every chip of the board")
    tick_us: int = _whole(1, 10**6, "nominal length of a tick in microseconds", 1000)
    links: tuple[LinkSpec, ...] = Field(
        default=(), description="links that leave a chip, one per kind"
    )
    host: HostSpec = Field(default=HostSpec(), description="the processor beside the chips")
    dead_cores: tuple[DeadCores, ...] = Field(default=(), description="cores that must not be used")
    published: tuple[Published, ...] = Field(default=(), description="figures of the real board")

    @model_validator(mode="after")
    def _inside(self) -> BoardSpec:
        problems: list[InitErrorDetails] = []

        def problem(loc: tuple[str | int, ...], value: Any, text: str) -> None:
            kind = PydanticCustomError("board", "{text}", {"text": text})
            problems.append(InitErrorDetails(type=kind, loc=loc, input=value))

        cores = self.units * self.width * self.height
        if cores > MOST_CORES:
            problem(
                ("units",),
                self.units,
                f"of {self.width:,} x {self.height:,} cores are {cores:,} cores; a board has at "
                f"most {MOST_CORES:,}, which is what a spike can name: use fewer or smaller units",
            )
        for index, dead in enumerate(self.dead_cores):
            _, last_x, _, last_y = dead.corners()
            for key, value, last, limit, noun in (
                ("unit", dead.unit, dead.unit, self.units, "units"),
                ("x", dead.x, last_x, self.width, "columns"),
                ("y", dead.y, last_y, self.height, "rows"),
            ):
                if last >= limit:
                    problem(
                        ("dead_cores", index, key),
                        value,
                        f"reaches outside 0..{limit - 1}, the {noun} of this board; "
                        "name a core it has",
                    )
        for index, link in enumerate(self.links):
            if link.kind in [other.kind for other in self.links[:index]]:
                problem(
                    ("links", index, "kind"), link.kind, "is described twice; keep one of the two"
                )
        if problems:
            raise ValidationError.from_exception_data("board", problems)
        return self

    @property
    def width(self) -> int:
        """Cores of a unit from west to east. A packet reaches 255 of them."""
        return self.chips_x * self.chip.cores_x

    @property
    def height(self) -> int:
        """Cores of a unit from south to north. A packet reaches 255 of them."""
        return self.chips_y * self.chip.cores_y

    @property
    def chip_count(self) -> int:
        """Chips of all units."""
        return self.units * self.chips_x * self.chips_y

    @property
    def core_count(self) -> int:
        """Cores that can be used: all cores of all units but the dead ones."""
        return int(self._alive().sum())

    def link(self, kind: Literal["merge-split", "host"]) -> LinkSpec | None:
        """The link of that kind, or None where the board file describes none."""
        return next((link for link in self.links if link.kind == kind), None)

    def alive_positions(self) -> npt.NDArray[np.int32]:
        """(unit, x, y) of every usable core, int32 [core_count, 3]: chip by chip, then x, then y.

        Chips come unit by unit, west to east, and south to north within a column of chips.
        """
        found = np.argwhere(self._alive()).astype(np.int32)
        unit, x, y = found.T
        order = np.lexsort((y, x, y // self.chip.cores_y, x // self.chip.cores_x, unit))
        return np.ascontiguousarray(found[order])

    def check_positions(self, positions: npt.NDArray[np.integer]) -> None:
        """Every row (unit, x, y) is a usable core and none comes twice, or a BoardError says which."""
        if positions.ndim != 2 or positions.shape[1] != 3:
            raise BoardError(
                f"core positions have shape {positions.shape}, expected (n, 3): unit, x, y"
            )
        limits = np.array([self.units, self.width, self.height])
        off = ((positions < 0) | (positions >= limits)).any(axis=1)
        if off.any():
            raise BoardError(
                f"{_where(positions[off][0])} is off board {self.name!r}, which has units "
                f"0..{self.units - 1}, x 0..{self.width - 1}, y 0..{self.height - 1}; "
                "place the core on the mesh"
            )
        unit, x, y = positions.T
        dead = ~self._alive()[unit, x, y]
        if dead.any():
            raise BoardError(
                f"{_where(positions[dead][0])} is a dead core of board {self.name!r}; "
                "place the core elsewhere or edit dead_cores"
            )
        _, first, count = np.unique(positions, axis=0, return_index=True, return_counts=True)
        if (count > 1).any():
            raise BoardError(
                f"{_where(positions[first[count > 1].min()])} is used twice; "
                "one core of the board holds one core of the network"
            )

    def override(self, changes: Mapping[str, Any]) -> BoardSpec:
        """A copy with ``changes``: dotted keys such as ``chip.leak_zero_clamp`` to new values.

        A value given as text is read as YAML (``"false"`` is False, ``"[{x: 3, y: 4}]"`` a list).
        Raises BoardError for an unknown key, naming near ones, and for an illegal value.
        """
        data = self.model_dump(mode="json")
        for key, value in changes.items():
            here: Any = data
            *parents, leaf = key.split(".") if isinstance(key, str) else [key]
            for part in parents:
                here = here.get(part) if isinstance(here, dict) else None
            if not isinstance(here, dict) or leaf not in here:
                raise BoardError(
                    f"board {self.name!r} has no key {shown(key)}; "
                    f"{board_file.near(key, _keys(data))}"
                )
            here[leaf] = board_file.scalar(key, value) if isinstance(value, str) else value
        try:
            return type(self).model_validate(data)
        except ValidationError as error:
            raise BoardError(board_file.explain(error, type(self), f"board {self.name}")) from error

    @property
    def sha256(self) -> str:
        """Hash of every field that can change a result: all but description, host and published."""
        data = self.model_dump(mode="json", exclude={"description", "host", "published"})
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()

    def _alive(self) -> npt.NDArray[np.bool_]:
        alive = np.ones((self.units, self.width, self.height), dtype=np.bool_)
        for dead in self.dead_cores:
            x0, x1, y0, y1 = dead.corners()
            alive[dead.unit, x0 : x1 + 1, y0 : y1 + 1] = False
        return alive


def _where(row: npt.NDArray[np.integer]) -> str:
    unit, x, y = (int(v) for v in row)
    return f"core position unit={unit} x={x} y={y}"


def _keys(data: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted names of everything that :meth:`BoardSpec.override` can change."""
    keys: list[str] = []
    for key, value in data.items():
        keys += _keys(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key]
    return keys


def board_names() -> list[str]:
    """Names of the boards shipped with tnemu, sorted."""
    files = resources.files(LIBRARY).iterdir()
    return sorted(file.name[: -len(".yaml")] for file in files if file.name.endswith(".yaml"))


def load_board(board: str | Path | BoardSpec, *, most_bytes: int = MOST_BYTES) -> BoardSpec:
    """The board of that name, or in that YAML file (a path has a separator or ends in .yaml, .yml).

    A board that is one already is handed back. A file has at most ``most_bytes``. Raises BoardError: a name that is not shipped, with
    near ones, a file that cannot be read, or every mistake in the file at once, each with its line,
    key, value and what is allowed.
    """
    if isinstance(board, BoardSpec):
        return board
    if not isinstance(board, str | Path):
        raise BoardError(
            f"board = {shown(board)} is no board; give a name ({', '.join(board_names())}), the path "
            "of a board file or a BoardSpec"
        )
    text = str(board)
    if isinstance(board, Path) or "/" in text or text.endswith((".yaml", ".yml")):
        path = Path(board)
        content = read_text(
            path, error=BoardError, what="board file", most_bytes=most_bytes, higher="most_bytes="
        )
        return parse_board(content, place(path.name))
    if text not in board_names():
        raise BoardError(
            f"no board is named {shown(text)}; {board_file.near(text, board_names())}; "
            "or give the path of a board file"
        )
    resource = resources.files(LIBRARY) / f"{text}.yaml"
    return parse_board(resource.read_text(encoding="utf-8"), f"{text}.yaml")


def parse_board(text: str, source: str = "board") -> BoardSpec:
    """The board that YAML ``text`` describes; ``source`` names it in errors (BoardError)."""
    data, lines = board_file.parse(text, source)
    try:
        return BoardSpec.model_validate(data)
    except ValidationError as error:
        raise BoardError(board_file.explain(error, BoardSpec, source, lines)) from error


def board_schema() -> dict[str, Any]:
    """JSON schema of a board file (draft 2020-12), for editors and for ``boards/schema.json``."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return dialect | BoardSpec.model_json_schema()
