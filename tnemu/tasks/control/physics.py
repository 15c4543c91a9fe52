"""The physics of CartPole-v1 and MountainCar-v0, one decision at a time, as gym 0.15 computed them.

Each rule is a function of a state and an action that gives the next state and whether the episode has
ended by itself. The equations are those of gymnasium; their order of operations is gym 0.15.4's, in
which the thesis's results were made. The last bit matters: a pole that is held up is a chaotic system,
and after some hundred decisions another rounding is another episode.
"""

from __future__ import annotations

import math

State = tuple[float, ...]

GRAVITY, CART_MASS, POLE_MASS, POLE_HALF, FORCE, TAU_S = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02
TOTAL_MASS, MASS_LENGTH = POLE_MASS + CART_MASS, POLE_MASS * POLE_HALF
FARTHEST, LARGEST_ANGLE = 2.4, 12 * 2 * math.pi / 360
"""Of the cart, and of the pole: beyond them an episode ends."""

LEFT_END, RIGHT_END, GOAL, FASTEST = -1.2, 0.6, 0.5, 0.07
ENGINE, SLOPE = 0.001, 0.0025


def cartpole(state: State, action: int) -> tuple[State, bool]:
    """Barto, Sutton and Anderson (1983), by Euler's method: (x, v, angle, angular velocity)."""
    x, v, angle, turn = state
    force = FORCE if action == 1 else -FORCE
    cosine, sine = math.cos(angle), math.sin(angle)
    push = (force + MASS_LENGTH * turn * turn * sine) / TOTAL_MASS
    turning = (GRAVITY * sine - cosine * push) / (
        POLE_HALF * (4.0 / 3.0 - POLE_MASS * cosine * cosine / TOTAL_MASS)
    )
    pushing = push - MASS_LENGTH * turning * cosine / TOTAL_MASS
    x, v = x + TAU_S * v, v + TAU_S * pushing
    angle, turn = angle + TAU_S * turn, turn + TAU_S * turning
    over = not (-FARTHEST <= x <= FARTHEST and -LARGEST_ANGLE <= angle <= LARGEST_ANGLE)
    return (x, v, angle, turn), over


def mountaincar(state: State, action: int) -> tuple[State, bool]:
    """Moore (1990): (x, v); actions push to the left, not at all, to the right."""
    x, v = state
    v += (action - 1) * ENGINE + math.cos(3 * x) * -SLOPE
    v = min(max(v, -FASTEST), FASTEST)
    x = min(max(x + v, LEFT_END), RIGHT_END)
    if x == LEFT_END and v < 0:
        v = 0.0
    return (x, v), x >= GOAL and v >= 0


RULES = {"cartpole": cartpole, "mountaincar": mountaincar}
"""By name of the task."""
REWARDS = {"cartpole": 1.0, "mountaincar": -1.0}
"""Of every decision."""
