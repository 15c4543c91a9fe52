"""The world: one Atari console, stepped a decision at a time. The only module that talks to ale_py.

    observation = world.reset()                      uint8[stack, rows, columns], newest first
    observation, reward, over = world.step(index)    index into spec.actions; reward in points

The same spec and seed give the same sequence of episodes, whatever else runs.
"""

from __future__ import annotations

import warnings
from typing import Any, Protocol

import numpy as np

from tnemu.errors import TnemuError


class View(Protocol):
    """What of an AtariSpec the console is run by; the fields are explained there."""

    @property
    def game(self) -> str: ...  # noqa: D102

    @property
    def actions(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def rows(self) -> int: ...  # noqa: D102

    @property
    def columns(self) -> int: ...  # noqa: D102

    @property
    def stack(self) -> int: ...  # noqa: D102

    @property
    def stack_stride(self) -> int: ...  # noqa: D102

    @property
    def frame_skip(self) -> int: ...  # noqa: D102

    @property
    def max_pool(self) -> int: ...  # noqa: D102

    @property
    def noop_max(self) -> int: ...  # noqa: D102

    @property
    def max_frames(self) -> int: ...  # noqa: D102

    @property
    def sticky(self) -> float: ...  # noqa: D102

    def screen(self, grey_max: np.ndarray) -> np.ndarray: ...  # noqa: D102


class Watcher(Protocol):
    """Somebody else who sees the console, with eyes of their own (tnemu.tasks.atari.view)."""

    @property
    def colours(self) -> bool:
        """Whether raw screens are wanted in colours, uint8 [210, 160, 3], not in grey."""
        ...

    def begin(self, raw: np.ndarray) -> None:
        """An episode begins with this raw screen."""
        ...

    def add(self, pooled: np.ndarray) -> None:
        """One more decision was taken; the maximum of the last raw screens."""
        ...

    def seen(self) -> np.ndarray:
        """What is seen now."""
        ...


class WorldError(TnemuError, RuntimeError):
    """The console cannot be started or was used in a way it does not allow."""


class AtariWorld:
    """One console with its own random stream (sticky actions, no-op starts).

    A ``watcher`` sees the same game, and changes nothing of it.
    """

    def __init__(self, spec: View, seed: int, watcher: Watcher | None = None):
        if (
            isinstance(seed, bool)
            or not isinstance(seed, int | np.integer)
            or not 0 <= seed < 2**31
        ):
            raise WorldError(
                f"AtariWorld seed = {seed!r}: must be an integer in 0..2147483647; choose one"
            )
        self.spec, self.seed, self._watcher = spec, int(seed), watcher
        self._ale, self._actions, self._noop = _console(spec, self.seed)
        self._noop_rng = np.random.default_rng([self.seed, 0x6E6F6F70])
        history = (spec.stack - 1) * spec.stack_stride + 1
        self._screens = np.zeros(
            (history, spec.rows, spec.columns), np.uint8
        )  # [0] is now, [k] is k decisions ago
        self._running = False
        self.episodes = 0
        """Episodes begun."""
        self.episode_return = 0.0
        """Points in the current (or just ended) episode."""
        self.episode_frames = 0
        """Raw frames of the current (or just ended) episode, no-ops included."""
        self.episode_decisions = 0
        """Decisions of the current (or just ended) episode."""
        self.truncated = False
        """True when the last episode was cut by spec.max_frames."""

    @property
    def lives(self) -> int:
        """Lives that are left; 0 in games without."""
        return self._ale.lives()

    def picture(self) -> np.ndarray:
        """The console's picture now, uint8[210, 160, 3]; for people, not for players."""
        return self._ale.getScreenRGB()

    def seen(self) -> np.ndarray:
        """What the watcher sees now. Raises WorldError for a world without one."""
        if self._watcher is None:
            raise WorldError(
                f"{self.spec.game}: nobody watches this world; make it with a view's start()"
            )
        return self._watcher.seen()

    def close(self) -> None:
        """Nothing to put away: the console lives in this process alone."""

    def reset(self) -> np.ndarray:
        """Start the next episode; all stacked screens show its first one."""
        spec, ale = self.spec, self._ale
        ale.reset_game()
        self.episodes += 1
        self.episode_return, self.episode_frames, self.episode_decisions, self.truncated = (
            0.0,
            0,
            0,
            False,
        )
        for _ in range(int(self._noop_rng.integers(spec.noop_max + 1)) if spec.noop_max else 0):
            self.episode_return += ale.act(self._noop)
            self.episode_frames += 1
            if ale.game_over():
                ale.reset_game()
                self.episode_return, self.episode_frames = 0.0, 0
        self._screens[:] = spec.screen(ale.getScreenGrayscale())
        if self._watcher is not None:
            self._watcher.begin(self._raw(self._watcher))
        self._running = True
        return self._observation()

    def step(self, action_index: int) -> tuple[np.ndarray, float, bool]:
        """Hold one action for spec.frame_skip raw frames."""
        if not self._running:
            raise WorldError(
                f"{self.spec.game}: step after the episode's end (or before the first); call "
                "reset() first"
            )
        if not 0 <= action_index < len(self._actions):
            raise WorldError(
                f"{self.spec.game}: action index {action_index} is not in "
                f"0..{len(self._actions) - 1}; see spec.actions"
            )
        spec, ale, action = self.spec, self._ale, self._actions[action_index]
        watcher, reward, last_greys, last_raws = self._watcher, 0.0, [], []
        for frame in range(spec.frame_skip):
            reward += ale.act(action)
            self.episode_frames += 1
            over = ale.game_over()
            if over or frame >= spec.frame_skip - spec.max_pool:
                last_greys.append(ale.getScreenGrayscale())
                if watcher is not None and watcher.colours:
                    last_raws.append(ale.getScreenRGB())
            if over:
                break
        self.truncated = not over and self.episode_frames >= spec.max_frames
        self._running = not (over or self.truncated)
        self.episode_return += reward
        self.episode_decisions += 1
        self._screens[1:] = self._screens[:-1]
        pooled = np.maximum.reduce(last_greys)
        self._screens[0] = spec.screen(pooled)
        if watcher is not None:
            watcher.add(np.maximum.reduce(last_raws) if last_raws else pooled)
        return self._observation(), float(reward), not self._running

    def _raw(self, watcher: Watcher) -> np.ndarray:
        return self._ale.getScreenRGB() if watcher.colours else self._ale.getScreenGrayscale()

    def _observation(self) -> np.ndarray:
        return self._screens[:: self.spec.stack_stride].copy()


def _ale_py() -> Any:
    try:
        import ale_py
    except ImportError:
        raise WorldError(
            "the Atari world needs ale_py, which is not installed; pip install 'ale-py>=0.12.1'"
        ) from None
    return ale_py


def minimal_actions(game: str) -> tuple[str, ...]:
    """The actions that mean something in a game, in the emulator's order: those of an agent that was
    trained elsewhere. Raises WorldError for a game without a ROM.
    """
    ale = _loaded(game, 0.0, 0)
    return tuple(action.name for action in ale.getMinimalActionSet())


def _console(spec: View, seed: int) -> tuple[Any, list[Any], Any]:
    """A silent ALEInterface with the game loaded, and the ALE actions of spec.actions, and NOOP."""
    ale_py, ale = _ale_py(), _loaded(spec.game, spec.sticky, seed)
    legal = {action.name for action in ale.getLegalActionSet()}
    for name in spec.actions:
        if name not in legal:
            raise WorldError(
                f"{spec.game}: action {name!r} is not legal in this ROM; choose among "
                f"{' '.join(sorted(legal))}"
            )
    actions = [getattr(ale_py.Action, name) for name in spec.actions]
    return ale, actions, ale_py.Action.NOOP


def _loaded(game: str, sticky: float, seed: int) -> Any:
    """A silent ALEInterface with the game loaded."""
    ale_py = _ale_py()
    from ale_py import roms

    with warnings.catch_warnings():  # it warns and returns None for a game it does not know
        warnings.simplefilter("ignore")
        path = roms.get_rom_path(game)
    if path is None or not path.is_file():
        raise WorldError(
            f"no ROM for game {game!r} in ale_py {ale_py.__version__}; check the name, or "
            "reinstall the package with its ROMs: "
            "pip install --force-reinstall 'ale-py>=0.12.1'"
        )
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    ale = ale_py.ALEInterface()
    ale.setFloat("repeat_action_probability", sticky)
    ale.setInt("random_seed", seed)  # takes effect at loadROM
    ale.loadROM(path)
    return ale
