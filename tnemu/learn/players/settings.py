"""What a comparison of players is told. No torch in here."""

from __future__ import annotations

from dataclasses import dataclass

from tnemu.learn.run.ranges import at_least, check_types, shares, world_seeds


@dataclass(frozen=True)
class EvaluateSettings:
    """Everything a comparison depends on; each field says what it is. Raises TnemuError for a value of
    another type or out of its range.
    """

    players: tuple[str, ...]
    """random, always:ACTION, a player's file or a shipped student's name."""
    game: str | None = None
    """Needed when no player is a file, or one is of another library."""
    episodes: int = 30
    """Played by every player."""
    seed: int = 77_000
    """Of the first episode; the next has the next."""
    epsilon: float = 0.01
    """Share of random actions."""
    sticky: float | None = None
    """Play under another stickiness than the players' own."""
    frame_skip: int | None = None
    """Play with a decision every so many raw frames, other than the players' own; 4 as the other
    libraries do.
    """
    view: str | None = None
    """What agents of other libraries are shown: gymnasium, stable-baselines3, cleanrl, tnemu, or a JSON
    file; their library's usual one if not given.
    """
    spec: str | None = None
    """JSON file of the world that agents of other libraries play in, if not the project's own."""
    processes: int | None = None
    """Play in so many processes at once; as many as there are cores if not given. Scores do not depend
    on it.
    """
    json: str | None = None
    """Write the result to this file."""
    record: str | None = None
    """Copy the last player's file here, with the result in its provenance."""

    def __post_init__(self) -> None:
        check_types(self)
        at_least(1, self, "episodes")
        for name in ("frame_skip", "processes"):
            if getattr(self, name) is not None:
                at_least(1, self, name)
        shares(self, "epsilon")
        world_seeds(self, "seed", "episodes")

    @property
    def seeds(self) -> range:
        """One for each episode."""
        return range(self.seed, self.seed + self.episodes)
