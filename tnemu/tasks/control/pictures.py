"""The cart with its pole and the car in its valley as pictures, drawn with numpy alone.

A shape is a test of every pixel's place in the world: x to the right, y upwards, in the units of the
environment (metres; of MountainCar none).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]

HEIGHT, WIDTH = 200, 300
SKY, GROUND, TRACK = (255, 255, 255), (208, 214, 222), (70, 70, 78)
CART, POLE, HUB, FLAG = (44, 62, 100), (202, 138, 74), (120, 130, 205), (205, 70, 60)

CART_RANGE, CART_TOP = 2.4, 0.35
"""Where the cart may be, and how far its top is above the track."""
POLE_LENGTH, POLE_HALF_WIDTH = 1.2, 0.06
CAR_LEFT, CAR_RIGHT, CAR_GOAL, CAR_RADIUS = -1.2, 0.6, 0.5, 0.05


def picture_of(name: str, state: Sequence[float]) -> Picture:
    """What a person would see of "cartpole" or "mountaincar" in ``state``: uint8 [200, 300, 3]."""
    return _cart_pole(state[0], state[2]) if name == "cartpole" else _mountain_car(state[0])


def hill(x: npt.ArrayLike) -> Plane:
    """Height of MountainCar's track: 0.45 sin(3 x) + 0.55."""
    return np.sin(3 * np.asarray(x, float)) * 0.45 + 0.55


def _plane(left: float, right: float, bottom: float) -> tuple[Plane, Plane]:
    """World coordinates of every pixel; pixels are square."""
    scale = (right - left) / WIDTH
    x = left + (np.arange(WIDTH) + 0.5) * scale
    y = bottom + (HEIGHT - np.arange(HEIGHT) - 0.5) * scale
    return np.meshgrid(x, y)


def _segment(x: Plane, y: Plane, start: tuple[float, float], end: tuple[float, float]) -> Plane:
    """Distance of every pixel from a line segment."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    along = ((x - start[0]) * dx + (y - start[1]) * dy) / (dx * dx + dy * dy)
    along = along.clip(0, 1)
    return np.hypot(x - start[0] - along * dx, y - start[1] - along * dy)


def _cart_pole(at: float, angle: float) -> Picture:
    picture = np.full((HEIGHT, WIDTH, 3), SKY, np.uint8)
    x, y = _plane(-CART_RANGE, CART_RANGE, -1.2)
    picture[np.abs(y) < 0.02] = TRACK
    picture[(np.abs(x - at) < 0.3) & (np.abs(y - CART_TOP / 2) < CART_TOP / 2)] = CART
    tip = at + POLE_LENGTH * np.sin(angle), CART_TOP + POLE_LENGTH * np.cos(angle)
    picture[_segment(x, y, (at, CART_TOP), tip) < POLE_HALF_WIDTH] = POLE
    picture[np.hypot(x - at, y - CART_TOP) < 0.05] = HUB
    return picture


def _mountain_car(at: float) -> Picture:
    picture = np.full((HEIGHT, WIDTH, 3), SKY, np.uint8)
    x, y = _plane(CAR_LEFT, CAR_RIGHT, 0.0)
    height = hill(x)
    picture[y < height] = GROUND
    picture[np.abs(y - height) < 0.008] = TRACK
    pole = hill(CAR_GOAL)
    picture[(np.abs(x - CAR_GOAL) < 0.006) & (y > pole) & (y < pole + 0.14)] = TRACK
    flag = (x > CAR_GOAL) & (x < CAR_GOAL + 0.07) & (np.abs(y - pole - 0.12) < 0.03)
    picture[flag] = FLAG
    picture[np.hypot(x - at, y - hill(at) - CAR_RADIUS) < CAR_RADIUS] = CART
    return picture
