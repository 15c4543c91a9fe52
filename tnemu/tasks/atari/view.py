"""A second view of the same console: what a player that was trained elsewhere is shown.

    pooled[y, x] = max over the last two raw screens, of grey, or of colours that then become grey
    screen[i, j] = mean of pooled over the area that pixel (i, j) covers        uint8[84, 84]
    view[k]      = screen seen  frame_skip * age(k)  raw frames ago             uint8[4, 84, 84]

with ``age(k) = stack - 1 - k`` where the newest screen is last, and k where it is first. That is what
gymnasium's AtariPreprocessing with FrameStackObservation gives, and the wrappers of stable-baselines3 and
CleanRL: the whole 210 x 160 screen squeezed to 84 x 84 as OpenCV's INTER_AREA does it. The mean is made
of whole numbers and rounded half to even, so it is the same on every computer. OpenCV's own are floats:
a pixel may differ by 1.

The world's decisions may be more frequent than the view's: at one every 2 raw frames the four screens of a
view of ``frame_skip = 4`` are still 4 frames apart.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from math import gcd

import numpy as np
import numpy.typing as npt

from tnemu import files
from tnemu.errors import did_you_mean, shown, whole
from tnemu.files import PathLike
from tnemu.tasks.atari.spec import RAW_COLUMNS, RAW_ROWS, AtariSpec, SpecError
from tnemu.tasks.atari.world import AtariWorld

Screen = npt.NDArray[np.uint8]

_LIMITS = {
    "rows": (1, RAW_ROWS),
    "columns": (1, RAW_COLUMNS),
    "crop_top": (0, RAW_ROWS - 1),
    "crop_rows": (1, RAW_ROWS),
    "frame_skip": (1, 60),
    "stack": (1, 16),
}
_CHOICES = {
    "newest": ("last", "first"),
    "maximum": ("grey", "colours"),
    "before": ("first", "black"),
}


@dataclass(frozen=True)
class AtariView:
    """What a player sees of a console, beside what the world's spec shows to others.

    Raises SpecError for a field of another type or out of its range.
    """

    rows: int = 84
    """Of a seen screen."""
    columns: int = 84
    """Of a seen screen."""
    crop_top: int = 0
    """First raw row that is seen."""
    crop_rows: int = RAW_ROWS
    """Raw rows that are seen: all."""
    frame_skip: int = 4
    """Raw frames between two stacked screens, and of a decision where the player was trained."""
    stack: int = 4
    """Screens in one observation."""
    newest: str = "last"
    """Where the newest screen stands in the stack: last or first."""
    maximum: str = "grey"
    """Of the last two raw screens: of their grey values, or of their colours, made grey afterwards."""
    before: str = "first"
    """What stands for screens before an episode's first: that one again, or black."""

    def __post_init__(self) -> None:
        for name, (low, high) in _LIMITS.items():
            value = whole(f"AtariView.{name}", getattr(self, name), low, high, error=SpecError)
            object.__setattr__(self, name, value)
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise SpecError(
                    f"AtariView.{name} = {shown(value)}: must be {' or '.join(choices)}; choose one"
                )
        if self.crop_top + self.crop_rows > RAW_ROWS:
            raise SpecError(
                f"AtariView.crop_top = {self.crop_top}: with crop_rows = {self.crop_rows} it reaches "
                f"below the last of {RAW_ROWS} rows; choose at most {RAW_ROWS - self.crop_rows}"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one observation: (stack, rows, columns)."""
        return self.stack, self.rows, self.columns

    @cached_property
    def ages(self) -> list[int]:
        """How many of its own decisions ago each screen of the stack was seen."""
        ages = list(range(self.stack))
        return ages[::-1] if self.newest == "last" else ages

    def screen(self, pooled: Screen) -> Screen:
        """One seen screen from the pooled raw screen, uint8 [210, 160] or [210, 160, 3]."""
        grey = pooled if pooled.ndim == 2 else luminance(pooled)
        seen = grey[self.crop_top : self.crop_top + self.crop_rows].astype(np.int32)
        down, a = _parts(seen, self.rows)
        sums, b = _parts(down.T, self.columns)
        return np.rint(sums.T / (a * b)).astype(np.uint8)

    def start(self, spec: AtariSpec, seed: int) -> AtariWorld:
        """The console under ``spec``, watched; ``world.seen()`` is this view of it.

        Raises SpecError where the world has no screen at the moments that the view needs.
        """
        return AtariWorld(spec, seed, Watching(self, spec))

    def described(self) -> str:
        """What is seen, in words."""
        rows = (
            "the whole screen"
            if self.crop_rows == RAW_ROWS
            else f"rows {self.crop_top}..{self.crop_top + self.crop_rows - 1}"
        )
        grey = "" if self.maximum == "grey" else ", of colours"
        return (
            f"{self.stack} screens of {self.rows} x {self.columns}, {rows}, the maximum of two raw "
            f"frames{grey}, {self.frame_skip} frames apart, newest {self.newest}"
        )


class Watching:
    """The screens of a view, as a world goes on; see :class:`AtariView`."""

    def __init__(self, view: AtariView, spec: AtariSpec) -> None:
        self.view, self.colours = view, view.maximum == "colours"
        self._stride, rest = divmod(view.frame_skip, spec.frame_skip)
        if rest:
            raise SpecError(
                f"{spec.game}: the world decides every {spec.frame_skip} raw frames, which do not "
                f"divide the {view.frame_skip} between two screens of the teacher's view; choose a "
                "spec whose frame_skip does"
            )
        if spec.max_pool != min(2, spec.frame_skip):
            raise SpecError(
                f"{spec.game}: max_pool of the spec is {spec.max_pool}, the teacher's view is the "
                "maximum of 2 raw screens; choose a spec with max_pool 2"
            )
        self._screens = np.zeros(
            ((view.stack - 1) * self._stride + 1, view.rows, view.columns), np.uint8
        )

    def begin(self, raw: Screen) -> None:
        """An episode begins with this raw screen."""
        self._screens[:] = 0
        first = self.view.screen(raw)
        if self.view.before == "first":
            self._screens[:] = first
        self._screens[0] = first

    def add(self, pooled: Screen) -> None:
        """The world has decided once more."""
        self._screens[1:] = self._screens[:-1]
        self._screens[0] = self.view.screen(pooled)

    def seen(self) -> Screen:
        """The view now, uint8 [stack, rows, columns]."""
        return self._screens[:: self._stride][self.view.ages]


def luminance(colours: Screen) -> Screen:
    """Grey of colours uint8 [..., 3], as OpenCV's COLOR_RGB2GRAY: 0.299 R + 0.587 G + 0.114 B."""
    weights = np.array([9798, 19235, 3735], np.int32)
    return ((colours.astype(np.int32) @ weights + (1 << 14)) >> 15).astype(np.uint8)


def _parts(lines: npt.NDArray[np.int32], parts: int) -> tuple[npt.NDArray[np.int32], int]:
    """Sums of ``lines`` [n, ...] over ``parts`` equal parts of n, in the largest unit in which all shares
    of a line are whole numbers; and how many units a part has. int32 [parts, ...]
    """
    size = len(lines)
    common = gcd(size, parts)
    line, part = parts // common, size // common  # their lengths in that unit
    at, rest = np.divmod(np.arange(parts + 1) * part, line)
    until = np.zeros((size + 1, *lines.shape[1:]), np.int32)
    np.cumsum(lines, 0, out=until[1:])
    cut = np.concatenate((lines, lines[:1] * 0))[at]  # the line that an end cuts, or none
    ends = line * until[at] + rest.reshape(-1, *[1] * (lines.ndim - 1)) * cut
    return np.diff(ends, axis=0), part


VIEWS = {
    "gymnasium": AtariView(),
    "stable-baselines3": AtariView(maximum="colours", before="black"),
    "cleanrl": AtariView(maximum="colours"),
}
"""The usual ones: gymnasium's AtariPreprocessing with FrameStackObservation; stable-baselines3's
AtariWrapper with VecFrameStack; CleanRL's wrappers."""


def view_named(name: PathLike) -> AtariView:
    """The view of that name in VIEWS, or in a JSON file with its fields; those left out have their
    defaults. Raises SpecError.
    """
    if name in VIEWS:
        return VIEWS[str(name)]
    if "." not in str(name):
        raise SpecError(
            f"there is no view {shown(name)}; choose among {', '.join(VIEWS)}, or name a JSON file"
            + (f"; {near}" if (near := did_you_mean(str(name), VIEWS)) else "")
        )
    given = files.read_fields(name, error=SpecError, what="view")
    names = [f.name for f in dataclasses.fields(AtariView)]
    values = {n: given.json(n) for n in names if n in given}
    given.done()
    try:
        return AtariView(**values)
    except SpecError as error:
        raise SpecError(f"{files.place(name)}: {error}") from None
