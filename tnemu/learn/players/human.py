"""What a random player and a person score in the literature, to normalise scores of this project.

    human share = (score - random) / (human - random)

Random players choose uniformly among all actions; people are a professional games tester. Both are
means of a few episodes with 1..30 no-ops at the start and at most 108,000 raw frames, WITHOUT sticky
actions, so a share of ours is a comparison of size and not a like-for-like result.

Source: google-deepmind/dqn_zoo, dqn_zoo/atari_data.py, which repeats the tables of the Double DQN and
duelling papers (arXiv 1509.06461, 1511.06581). Read there, entry by entry.
"""

from __future__ import annotations

from typing import NamedTuple

SOURCE = "google-deepmind/dqn_zoo, dqn_zoo/atari_data.py"


class Reference(NamedTuple):
    """Of one game."""

    random: float
    """Points per episode."""
    human: float


REFERENCES: dict[str, Reference] = {
    "assault": Reference(222.4, 742.0),
    "atlantis": Reference(12850.0, 29028.1),
    "boxing": Reference(0.1, 12.1),
    "breakout": Reference(1.7, 30.5),
    "crazy_climber": Reference(10780.5, 35829.4),
    "demon_attack": Reference(152.1, 1971.0),
    "freeway": Reference(0.0, 29.6),
    "gopher": Reference(257.6, 2412.5),
    "jamesbond": Reference(29.0, 302.8),
    "krull": Reference(1598.0, 2665.5),
    "kung_fu_master": Reference(258.5, 22736.3),
    "pong": Reference(-20.7, 14.6),
    "road_runner": Reference(11.5, 7845.0),
    "up_n_down": Reference(533.4, 11693.2),
}
"""By ROM name; a game that is not here has no human share."""
