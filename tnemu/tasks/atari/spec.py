"""What one decision of an Atari player sees and does, written down once for everybody.

    grey[y, x]   = max over the last ``max_pool`` raw screens                       uint8[210, 160]
    padded       = black | grey[crop_top : crop_top + crop_rows, :] | black         uint8[168, 168]
    screen[i, j] = (sum of the block x block pixels of padded + half) >> shift      uint8[42, 42]
    stack[k]     = screen seen  k * stack_stride  decisions ago                     uint8[4, 42, 42]

with ``half = block * block / 2`` and ``shift = log2(block * block)``: (sum + 8) >> 4 for 4x4
blocks, integers only, so that a teacher in torch, a student on the chip and the host of the board
see the same numbers to the bit.

Time: the console shows 60 raw frames a second (fixed). A decision is taken every ``frame_skip`` raw
frames: 2 means 30 decisions a second. ``stack_stride`` 2 puts the stacked screens 4 raw frames
apart, as in the usual Atari setting of one decision every 4 frames.

Nothing here needs the Atari emulator: only numpy.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from tnemu import files
from tnemu.errors import did_you_mean, real, shown, whole
from tnemu.files import Fields, PathLike
from tnemu.tasks.task import TaskError

if TYPE_CHECKING:
    from tnemu.tasks.atari.world import AtariWorld

RAW_ROWS, RAW_COLUMNS, RAW_FRAMES_PER_SECOND = 210, 160, 60

ACTION_NAMES = tuple(
    "NOOP FIRE UP RIGHT LEFT DOWN UPRIGHT UPLEFT DOWNRIGHT DOWNLEFT UPFIRE RIGHTFIRE LEFTFIRE "
    "DOWNFIRE UPRIGHTFIRE UPLEFTFIRE DOWNRIGHTFIRE DOWNLEFTFIRE".split()
)


class SpecError(TaskError):
    """An AtariSpec that cannot be: names the field, the value, the limit and the next step."""


@dataclass(frozen=True)
class AtariSpec:
    """One game as every player of it sees it. Two players can be compared if and only if their
    ``sha256`` are equal.
    """

    game: str
    """ROM name in the Arcade Learning Environment, lower case: "krull"."""
    actions: tuple[str, ...]
    """ALE action names; the index in this tuple is the player's action index."""
    crop_top: int
    """First raw row that is seen (0..209)."""
    frame_skip: int = 2
    """Raw frames (1/60 s each) per decision; the action is held meanwhile."""
    max_pool: int = 2
    """The grey screen is the maximum of this many last raw frames (sprites that flicker stay
    visible).
    """
    crop_rows: int = 168
    """Raw rows that are seen."""
    block: int = 4
    """Raw pixels per side of one screen pixel: 1, 2, 4 or 8."""
    pad_columns: int = 4
    """Black raw columns added on each side: 160 -> 168."""
    stack: int = 4
    """Screens in one observation, newest first."""
    stack_stride: int = 2
    """Decisions between two stacked screens."""
    sticky: float = 0.25
    """Probability, per raw frame, that the console repeats the previous action instead of the new
    one.
    """
    noop_max: int = 30
    """An episode starts with 0..noop_max raw frames of NOOP, drawn anew each time."""
    max_frames: int = 108_000
    """An episode is cut after this many raw frames: 108,000 are 30 minutes."""
    reward_clip: bool = True
    """Training only: learn from the sign of the reward. Scores are never clipped."""
    life_loss_terminal: bool = True
    """Training only: losing a life ends the return that is learnt from. The game goes on."""
    sha256: str = field(init=False, repr=False, compare=False)
    """Hash of the canonical JSON of all fields above."""
    picture_aspect: ClassVar[float] = 4 / 3
    """Width of the console's picture over its height, on the screen it was made for."""

    def __post_init__(self) -> None:
        if isinstance(self.actions, list):
            object.__setattr__(self, "actions", tuple(self.actions))
        _check(self)
        object.__setattr__(self, "sha256", hashlib.sha256(self.to_json().encode()).hexdigest())

    kind: ClassVar[str] = "atari"

    @property
    def name(self) -> str:
        """The game: what kind of task and name together stand for."""
        return self.game

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """Of an observation."""
        return np.dtype(np.uint8)

    def start(self, seed: int) -> AtariWorld:
        """The console with this game; ``seed`` in 0..2**31 - 1 decides its chance. WorldError says
        what is missing (the emulator, the ROM).
        """
        from tnemu.tasks.atari.world import AtariWorld

        return AtariWorld(self, seed)

    @property
    def rows(self) -> int:
        """Of a seen screen."""
        return self.crop_rows // self.block

    @property
    def columns(self) -> int:
        """Of a seen screen."""
        return (RAW_COLUMNS + 2 * self.pad_columns) // self.block

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one observation: (stack, rows, columns)."""
        return self.stack, self.rows, self.columns

    @property
    def decisions_per_second(self) -> float:
        """At the console's own speed."""
        return RAW_FRAMES_PER_SECOND / self.frame_skip

    def screen(self, grey_max: np.ndarray) -> np.ndarray:
        """One seen screen, uint8[rows, columns], from the pooled grey raw screen, uint8[210,
        160].
        """
        if grey_max.shape != (RAW_ROWS, RAW_COLUMNS) or grey_max.dtype != np.uint8:
            raise SpecError(
                f"AtariSpec.screen: got {grey_max.dtype}{list(grey_max.shape)}, needs "
                f"uint8[{RAW_ROWS}, {RAW_COLUMNS}]; "
                "pass the grey screen as the emulator gives it, uncropped"
            )
        seen = grey_max[self.crop_top : self.crop_top + self.crop_rows]
        b = self.block
        rows = np.zeros((self.rows, self.columns * b), np.uint16)
        middle = rows[:, self.pad_columns : self.pad_columns + RAW_COLUMNS]
        np.add.reduce(seen.reshape(self.rows, b, -1), axis=1, out=middle)
        sums = np.add.reduce([rows[:, k::b] for k in range(b)], dtype=np.uint16)
        pixels = b * b
        return ((sums + pixels // 2) >> (pixels.bit_length() - 1)).astype(np.uint8)

    def to_json(self) -> str:
        """Canonical: keys sorted, no spaces. Equal specs give equal text."""
        return json.dumps(_as_dict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, *, whole: bool = True) -> AtariSpec:
        """The inverse of to_json; a key that is not a field, or a field that is missing, is an
        error. Of a spec that is not ``whole``, only those without a default must be there.
        """
        return _from_fields(files.parse_fields(text, "AtariSpec", error=SpecError), whole)


def _from_fields(given: Fields, every: bool) -> AtariSpec:
    """The spec of a parsed JSON object; the constructor checks types and limits."""
    fields = [f for f in dataclasses.fields(AtariSpec) if f.init]
    values = {f.name: given.json(f.name) for f in fields if f.name in given}
    given.done()
    for f in sorted(fields, key=lambda f: f.name):
        if f.name not in values and (every or f.default is dataclasses.MISSING):
            then = (
                "a stored spec names every field, write it again with to_json"
                if every
                else "add it; the other fields have defaults"
            )
            raise SpecError(f"{given.where}: key {f.name!r} is missing; {then}")
    return AtariSpec(**values)


def _as_dict(spec: AtariSpec) -> dict:
    values = {f.name: getattr(spec, f.name) for f in dataclasses.fields(spec) if f.init}
    return {**values, "actions": list(spec.actions)}


_INTEGER_LIMITS = {
    "crop_top": (0, RAW_ROWS - 1),
    "frame_skip": (1, 60),
    "max_pool": (1, 60),
    "crop_rows": (1, RAW_ROWS),
    "block": (1, 8),
    "pad_columns": (0, 80),
    "stack": (1, 16),
    "stack_stride": (1, 60),
    "noop_max": (0, 600),
    "max_frames": (1, 10_000_000),
}


_GAME = re.compile(r"[a-z0-9][a-z0-9_]{0,63}")


def _check(spec: AtariSpec) -> None:
    """Types and limits of every field, which become plain Python values; then what they say together."""

    def fail(name: str, limit: str, then: str) -> NoReturn:
        raise SpecError(f"AtariSpec.{name} = {shown(getattr(spec, name))}: {limit}; {then}")

    def becomes(name: str, value: Any) -> None:
        object.__setattr__(spec, name, value)

    if not isinstance(spec.game, str) or not _GAME.fullmatch(spec.game):
        fail(
            "game",
            "must be a ROM name in lower case, letters, digits and _",
            'write for instance "crazy_climber"',
        )
    _check_actions(spec, fail)
    for name, (low, high) in _INTEGER_LIMITS.items():
        value = getattr(spec, name)
        becomes(name, whole(f"AtariSpec.{name}", value, low, high, error=SpecError))
    if spec.block not in (1, 2, 4, 8):
        fail("block", "must be 1, 2, 4 or 8, because the mean is a shift", "choose one of the four")
    if spec.crop_top + spec.crop_rows > RAW_ROWS:
        most = RAW_ROWS - spec.crop_rows
        fail(
            "crop_top",
            f"with crop_rows = {spec.crop_rows} it reaches below the last of {RAW_ROWS} rows",
            f"choose at most {most}",
        )
    if spec.crop_rows % spec.block:
        fail(
            "crop_rows",
            f"must be a multiple of block = {spec.block}",
            f"choose {spec.crop_rows // spec.block * spec.block}",
        )
    if (RAW_COLUMNS + 2 * spec.pad_columns) % spec.block:
        fail(
            "pad_columns",
            f"160 + 2 * pad_columns must be a multiple of block = {spec.block}",
            f"choose a multiple of {spec.block}",
        )
    if spec.max_pool > spec.frame_skip:
        fail(
            "max_pool",
            f"must not be more than frame_skip = {spec.frame_skip}",
            f"choose at most {spec.frame_skip}",
        )
    sticky = real("AtariSpec.sticky", spec.sticky, error=SpecError)
    if not 0 <= sticky < 1:
        fail("sticky", "must be a probability, 0 <= sticky < 1", "choose 0.25, or 0 for none")
    becomes("sticky", sticky)
    for name in ("reward_clip", "life_loss_terminal"):
        if not isinstance(getattr(spec, name), bool):
            fail(name, "must be True or False", "choose one")


def _check_actions(spec: AtariSpec, fail: Any) -> None:
    if not isinstance(spec.actions, tuple) or not spec.actions:
        fail(
            "actions",
            "must be a tuple of one or more ALE action names",
            'write for instance ("NOOP", "UP")',
        )
    for name in spec.actions:
        if not isinstance(name, str) or name not in ACTION_NAMES:
            near = did_you_mean(name.upper() if isinstance(name, str) else "", ACTION_NAMES)
            fail(
                "actions",
                f"{shown(name)} is no ALE action",
                near or "choose among " + " ".join(ACTION_NAMES),
            )
    if len(set(spec.actions)) != len(spec.actions):
        fail("actions", "names an action twice", "name each action once")


# Where the seen rows begin was chosen on screenshots: the score is left out, everything that
# matters for play is in view.
SPECS: dict[str, AtariSpec] = {
    spec.game: spec
    for spec in (
        AtariSpec(
            "assault",
            ("NOOP", "FIRE", "UP", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE"),
            crop_top=24,
        ),  # from the mother ship to below the player's ground
        AtariSpec(
            "atlantis", ("NOOP", "FIRE", "RIGHTFIRE", "LEFTFIRE"), crop_top=20
        ),  # from the highest ships to the sea floor
        AtariSpec(
            "boxing", ACTION_NAMES, crop_top=24
        ),  # the ring with its ropes; clock and score are above it
        AtariSpec(
            "breakout", ("NOOP", "FIRE", "RIGHT", "LEFT"), crop_top=30
        ),  # from just above the top wall to below the paddle
        AtariSpec(
            "crazy_climber", ACTION_NAMES[:1] + ACTION_NAMES[2:10], crop_top=38
        ),  # the building, whole
        AtariSpec(
            "demon_attack",
            ("NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE"),
            crop_top=22,
        ),  # from the highest demons to the ground
        AtariSpec(
            "freeway", ("NOOP", "UP", "DOWN"), crop_top=27
        ),  # the ten lanes and the pavement where the chicken starts
        AtariSpec(
            "gopher",
            ("NOOP", "FIRE", "UP", "RIGHT", "LEFT", "UPFIRE", "RIGHTFIRE", "LEFTFIRE"),
            crop_top=34,
        ),  # from the bird's seeds to the gopher's tunnels
        AtariSpec("jamesbond", ACTION_NAMES, crop_top=27),  # from the aircraft to the sea floor
        AtariSpec(
            "krull", ACTION_NAMES, crop_top=6
        ),  # the field and, above it, the sun that tells the time
        AtariSpec(
            "kung_fu_master",
            ("NOOP", *ACTION_NAMES[2:6], *ACTION_NAMES[8:10], *ACTION_NAMES[11:]),
            crop_top=28,
        ),  # from the players' strength to the floor
        AtariSpec(
            "pong", ("NOOP", "FIRE", "RIGHT", "LEFT", "RIGHTFIRE", "LEFTFIRE"), crop_top=30
        ),  # between the two walls
        AtariSpec(
            "road_runner", ACTION_NAMES, crop_top=24
        ),  # from the horizon to the near edge of the road
        AtariSpec(
            "up_n_down", ("NOOP", "FIRE", "UP", "DOWN", "UPFIRE", "DOWNFIRE"), crop_top=27
        ),  # the roads, whole; the flags won are above them
    )
}


def spec_for(game: str) -> AtariSpec:
    """The spec this project uses for a game; SpecError for one that it has none for."""
    if isinstance(game, str) and game in SPECS:
        return SPECS[game]
    name = game.lower().replace("-", "_") if isinstance(game, str) else game
    near = did_you_mean(name, SPECS, cutoff=0.4) or "choose among them"
    raise SpecError(
        f"no AtariSpec for game {shown(game)}; there are {', '.join(sorted(SPECS))}: {near} (or "
        "write one of your own in a JSON file and train its teacher with --spec FILE)"
    )


def read_spec(path: PathLike) -> AtariSpec:
    """The AtariSpec in a JSON file: {"game": "seaquest", "actions": [...], "crop_top": 30}.

    Fields left out have their defaults. Raises SpecError that names the file.
    """
    given = files.read_fields(path, error=SpecError, what="spec")
    try:
        return _from_fields(given, every=False)
    except SpecError as error:
        where = files.place(path)
        if str(error).startswith(where):
            raise
        raise SpecError(f"{where}: {error}") from None
