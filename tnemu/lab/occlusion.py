"""How well players do behind a bar: Patel's test of robustness, a black bar moved over the screen.

    seen[.., r, c] = 0 where the bar is, else what the world shows      first, middle .. last position

The bar, as thick as a share of the screen, stands in one place for whole episodes, in all screens of the stack;
positions are spread from edge to edge. Every player has the same seeds at every position, and without
a bar. What is asked is how much of its own score a player keeps,

    kept = mean score behind the bar / mean score without,     robust = mean of kept over the positions

with 95 % bootstrap percentiles over episodes, drawn together as seeds are shared. Source: Patel et al., 1903.11012.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tnemu.errors import TnemuError, one_of, real, whole
from tnemu.learn.players.episodes import Player, play_episodes
from tnemu.learn.run.device import one_thread
from tnemu.tasks.atari.spec import AtariSpec

UPRIGHT, LEVEL = "upright", "level"
BARS = (UPRIGHT, LEVEL)
"""A column of the screen, moved from left to right, or rows, from top to bottom."""
MOST_POSITIONS = 200
RESAMPLES = 2_000


class OcclusionError(TnemuError, ValueError):
    """Players that cannot be compared behind a bar."""


@dataclass(frozen=True)
class Bars:
    """``positions`` of a bar of share ``thickness`` of the screen, ``bar`` one of BARS."""

    bar: str = UPRIGHT
    thickness: float = 0.1
    positions: int = 10

    def __post_init__(self) -> None:
        one_of("bar", self.bar, BARS, error=OcclusionError)
        real("thickness", self.thickness, 0, 1, error=OcclusionError)
        whole("positions", self.positions, 1, MOST_POSITIONS, error=OcclusionError)

    def places(self, pixels: int) -> list[slice]:
        """Where the bar is, of so many columns or rows: one pixel thick at least."""
        thick = max(1, round(self.thickness * pixels))
        starts = np.rint(np.linspace(0, pixels - thick, self.positions)).astype(int)
        return [slice(int(start), int(start) + thick) for start in starts]


@dataclass(frozen=True)
class Behind:
    """What a player saw and did at one place: ``share`` is the bar's middle, 0..1, None without one."""

    player: str
    share: float | None
    scores: tuple[float, ...]


class Masked:
    """A player that sees no pixel of ``place``, along ``axis`` of [n, stack, rows, columns]."""

    def __init__(self, player: Player, axis: int, place: slice) -> None:
        self.player, self.axis, self.place = player, axis, place
        self.view = getattr(player, "view", None)

    def __call__(self, observations: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Scores of what is left."""
        seen = observations.copy()
        seen[(slice(None),) * self.axis + (self.place,)] = 0
        return self.player(seen)


def behind_bars(
    players: Mapping[str, tuple[Player, AtariSpec]],
    bars: Bars,
    seeds: Sequence[int],
    epsilon: float,
    report: Callable[[Behind], None] = lambda found: None,
) -> list[Behind]:
    """Every player without a bar, then at every place, on the same seeds. Raises OcclusionError for
    players of different games or paces.
    """
    specs = {(s.game, s.frame_skip, s.sticky, s.actions) for _, s in players.values()}
    if len(specs) != 1:
        told = ", ".join(f"{name}: {spec.game}" for name, (_, spec) in players.items())
        raise OcclusionError(
            f"players of different worlds ({told or 'none'}); give players of one game, frame skip, "
            "stickiness and set of actions"
        )
    found = []
    for name, (player, spec) in players.items():
        for share, seeing in _placed(player, spec, bars):
            with one_thread():
                episodes = play_episodes(seeing, spec, seeds, epsilon)
            found.append(Behind(name, share, tuple(e.score for e in episodes)))
            report(found[-1])
    return found


def _placed(player: Player, spec: AtariSpec, bars: Bars) -> Iterator[tuple[float | None, Player]]:
    yield None, player
    view = getattr(player, "view", None)
    shape = spec.shape if view is None else view.shape
    axis = 3 if bars.bar == UPRIGHT else 2
    pixels = shape[axis - 1]
    for place in bars.places(pixels):
        yield (place.start + place.stop) / 2 / pixels, Masked(player, axis, place)


def robustness(found: Sequence[Behind]) -> dict[str, dict[str, Any]]:
    """By player: mean score ``clear``, and behind the bar by place, ``kept`` by place and ``robust``
    with its interval; None where nothing was scored without a bar.
    """
    return {
        name: _of([b for b in found if b.player == name]) for name in {b.player: 0 for b in found}
    }


def _of(own: Sequence[Behind]) -> dict[str, Any]:
    clear = np.array(next(b.scores for b in own if b.share is None), float)
    behind = np.array([b.scores for b in own if b.share is not None], float)  # [places, episodes]
    places = [b.share for b in own if b.share is not None]
    facts: dict[str, Any] = {
        "clear": float(clear.mean()),
        "places": places,
        "means": behind.mean(1).tolist(),
        "kept": None,
        "robust": None,
        "robust_95": None,
    }
    if clear.mean() <= 0:
        return facts
    kept = behind.mean(1) / clear.mean()
    facts |= {"kept": kept.tolist(), "robust": float(kept.mean())}
    drawn = np.random.default_rng(0).integers(len(clear), size=(RESAMPLES, len(clear)))
    spans = clear[drawn].mean(1)
    if (spans > 0).all():
        shares = behind[:, drawn].mean((0, 2)) / spans
        facts["robust_95"] = [float(v) for v in np.quantile(shares, [0.025, 0.975])]
    return facts
