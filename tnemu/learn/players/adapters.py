"""Teachers of one's own: agents of stable-baselines3 and CleanRL, and any module of torch.

    teacher(view) = scores of spec.actions      float[n, actions] for uint8[n, *view.shape]

A :class:`ForeignTeacher` has a view of the world of its own (tnemu.tasks.atari.view), beside what the
world's spec shows to the student: it says what it would do, and that is all that a student learns from.

Files: stable-baselines3's ``.zip`` of DQN, QR-DQN, PPO and A2C with a CnnPolicy (of its policy.pth; nothing
is unpickled but tensors), CleanRL's ``.cleanrl_model`` of DQN, C51, PPO and QDagger, and a state_dict of
any of them in a ``.pth`` or ``.pt``, whether wrapped in DataParallel or torch.compile or not. A file does
not say what its screens looked like; the view is the library's usual one unless another is named. View
``tnemu`` is an agent that was trained on the project's own environment with 84 x 84 screens,

    gymnasium.make(
        "tnemu.tasks.atari.env:tnemu/Atari-v0", game="pong", atari_spec=foreign_spec("pong")
    )

and so has no other view: a student of it sees 84 x 84 screens too, newest first, every 4 raw frames.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tnemu.errors import TnemuError, shown
from tnemu.files import place
from tnemu.formats.errors import FormatError
from tnemu.learn.players import foreign_nets
from tnemu.learn.players.checkpoints import Checkpoint, read_checkpoint
from tnemu.learn.players.duel import DuelNet
from tnemu.learn.players.files import is_foreign
from tnemu.learn.players.nets import load_teacher
from tnemu.tasks.atari.spec import ACTION_NAMES, AtariSpec, read_spec, spec_for
from tnemu.tasks.atari.view import VIEWS, AtariView, view_named
from tnemu.tasks.atari.world import minimal_actions

OWN = "tnemu"
"""The view that is none: what the world's spec shows, with 84 x 84 screens."""
Net = Callable[[tuple[int, int, int], int], nn.Module]


def _cnn(features: str, out: str) -> dict[str, str]:
    """Our layer -> its name in stable-baselines3."""
    layers = {f"conv{i + 1}": f"{features}.cnn.{2 * i}" for i in range(3)}
    return {**layers, "fc": f"{features}.linear.0", "out": out}


def _sequential(out: str) -> dict[str, str]:
    """Our layer -> its name in CleanRL."""
    return {f"conv{i + 1}": f"network.{2 * i}" for i in range(3)} | {"fc": "network.7", "out": out}


@dataclass(frozen=True)
class Kind:
    """One algorithm of a library, known by the ``marks`` among its weights' names."""

    library: str
    algorithm: str
    marks: tuple[str, ...]
    layers: dict[str, str]
    """Our layer -> theirs; empty where all names are the same."""
    net: Net = foreign_nets.Nature

    @property
    def out(self) -> str:
        """Their name of the last layer."""
        return self.layers.get("out", "network.7")


_SB3, _CLEAN = "stable-baselines3", "CleanRL"
KINDS = (
    Kind(_SB3, "DQN", ("q_net.features_extractor.cnn.0.weight",),
         _cnn("q_net.features_extractor", "q_net.q_net.0")),
    Kind(_SB3, "QR-DQN", ("quantile_net.features_extractor.cnn.0.weight",),
         _cnn("quantile_net.features_extractor", "quantile_net.quantile_net.0")),
    Kind(_SB3, "PPO or A2C", ("action_net.weight", "pi_features_extractor.cnn.0.weight"),
         _cnn("pi_features_extractor", "action_net")),
    Kind(_SB3, "PPO or A2C", ("action_net.weight", "features_extractor.cnn.0.weight"),
         _cnn("features_extractor", "action_net")),
    Kind(_CLEAN, "QDagger", ("network.0.conv.weight",), {}, foreign_nets.Impala),
    Kind(_CLEAN, "C51", ("atoms", "network.0.weight"), _sequential("network.9")),
    Kind(_CLEAN, "PPO", ("actor.weight", "network.0.weight"), _sequential("actor")),
    Kind(_CLEAN, "DQN", ("network.0.weight",), _sequential("network.9")),
)  # fmt: skip
REMEMBERS = ("lstm", "gru", "rnn")
BETWEEN = "mlp_extractor.policy_net"


class ForeignTeacher(nn.Module):
    """A network with a view of its own, as the teacher of a game under ``spec``.

    ``net`` gives one score per action of ``actions`` for uint8[n, *view.shape]: values or logits, the
    largest is what it would do. ``actions`` are those that mean something in the game, in the emulator's
    order, unless named. ``view`` is one of VIEWS, or None for what the spec shows. ``about`` says where
    it comes from. Raises TnemuError where the spec has an action that the network does not know.
    """

    background: Tensor
    """What a student subtracts; zeros, until a training puts a mean screen there."""

    def __init__(
        self,
        net: Callable[[Tensor], Tensor],
        spec: AtariSpec,
        view: AtariView | None = VIEWS["gymnasium"],
        actions: Sequence[str] | None = None,
        about: str = "a network of your own",
    ) -> None:
        super().__init__()
        known = list(minimal_actions(spec.game) if actions is None else actions)
        lacking = [name for name in spec.actions if name not in known]
        if lacking:
            raise TnemuError(
                f"{about} knows no {', '.join(lacking)}, which the spec of {spec.game} has, but "
                f"{' '.join(known)}; give --spec a file without"
            )
        self.net, self.spec, self.view, self.about = net, spec, view, about
        self.register_buffer("background", torch.zeros(spec.rows, spec.columns), persistent=False)
        columns = torch.tensor([known.index(name) for name in spec.actions])
        self.register_buffer("columns", columns, persistent=False)

    def forward(self, screens: Tensor) -> Tensor:
        """float[n, actions] for uint8[n, *view.shape]."""
        return self.net(screens)[:, self.columns]

    def described(self) -> str:
        """What it is and what it is shown, in one line."""
        seen = "what the spec shows" if self.view is None else self.view.described()
        return (
            f"{self.about}, for {self.spec.game}: it is shown {seen}, and asked for "
            f"{' '.join(self.spec.actions)}"
        )


def specs_by_game(files: Sequence[str], games: Sequence[str]) -> dict[str, AtariSpec]:
    """The specs in JSON files, by game. Raises TnemuError for one of no game among ``games``, and for
    two of one.
    """
    found: dict[str, AtariSpec] = {}
    for file in files:
        spec = read_spec(file)
        if spec.game not in games or spec.game in found:
            why = "two specs" if spec.game in found else "nobody plays it"
            raise TnemuError(
                f"{place(file)} is a spec of {spec.game!r}: {why}; give one for each of "
                f"{', '.join(games)}, or none"
            )
        found[spec.game] = spec
    return found


def foreign_spec(game: str) -> AtariSpec:
    """The world of view ``tnemu``: 4 screens of 84 x 84, newest first, a decision every 4 frames."""
    return dataclasses.replace(spec_for(game), block=2, frame_skip=4, stack_stride=1)


def load_any_teacher(
    path: str | Path, game: str, view: str | None = None, spec: AtariSpec | None = None
) -> ForeignTeacher | DuelNet:
    """The teacher in a file, ours or another library's. For another game than ``game`` callers refuse
    it; where nobody knows ``game`` either, SpecError has near names.
    """
    if is_foreign(path):
        return load_foreign(path, game, view, spec)
    net = load_teacher(path)
    if net.spec.game != game:
        spec_for(game)
    return net


def teacher_of(
    game: str, path: str | Path, view: str | None = None, spec: AtariSpec | None = None
) -> ForeignTeacher | DuelNet:
    """The teacher in the file at ``path``; raises TnemuError if it plays another game."""
    net = load_any_teacher(path, game, view, spec)
    if net.spec.game != game:
        raise TnemuError(
            f"the teacher {path} plays {net.spec.game!r}, not {game!r}; choose its game or "
            "another file"
        )
    return net


def load_foreign(
    path: str | Path, game: str, view: str | None = None, spec: AtariSpec | None = None
) -> ForeignTeacher:
    """The teacher in another library's checkpoint, for the game that its file does not name.

    ``view`` names one of VIEWS, a JSON file, or ``tnemu``; the library's usual one if not given. ``spec``
    is the world that it teaches in, the project's own of the game if not given. Raises FormatError for
    a file that is no such checkpoint, for one of another game, for a layer of another shape, and for
    weights that are NaN or infinite; SpecError for a view that there is not.
    """
    world = spec or (foreign_spec(game) if view == OWN else spec_for(game))
    found = read_checkpoint(path)
    _check_game(found, game)
    kind = _kind(found)
    seen = None if view == OWN else view_named(view or kind.library.lower())
    outputs, meaning, actions = _meaning(found, kind, world)
    net = kind.net(world.shape if seen is None else seen.shape, outputs)
    own = {}
    for name, needed in net.state_dict().items():
        layer, _, part = name.partition(".")
        theirs = f"{kind.layers[layer]}.{part}" if kind.layers else name
        own[name] = _layer(found, theirs, needed)
    net.load_state_dict(own)
    wrapped = f", wrapped by {' and '.join(found.wrapped_by)}" if found.wrapped_by else ""
    about = f"{place(path)}, {kind.algorithm} of {kind.library}{wrapped}"
    module = nn.Sequential(net.eval(), _Meaning(meaning))
    return ForeignTeacher(module, world, seen, actions, about).eval().requires_grad_(False)


class _Meaning(nn.Module):
    """What outputs mean, as a layer."""

    def __init__(self, of: foreign_nets.Meaning) -> None:
        super().__init__()
        self.of = of

    def forward(self, outputs: Tensor) -> Tensor:
        return self.of(outputs)


def _kind(found: Checkpoint) -> Kind:
    names = found.weights
    remembers = next((n for n in names if any(word in n.lower() for word in REMEMBERS)), None)
    if remembers is not None:
        raise FormatError(
            f"{place(found.path)}: layer {remembers} remembers what was seen before, and a teacher here "
            "is shown the present screens alone; pass an agent without recurrent layers"
        )
    between = next((n for n in names if n.startswith(BETWEEN)), None)
    if between is not None:
        raise FormatError(
            f"{place(found.path)}: layer {between} is between features and actions, where a CnnPolicy "
            "has none; pass an agent with the library's own net_arch, or wrap it yourself "
            "(docs/learning.md)"
        )
    for kind in KINDS:
        if all(mark in names for mark in kind.marks):
            return kind
    listed = ", ".join(list(names)[:3])[:200] or "nothing"
    raise FormatError(
        f"{place(found.path)}: has neither the layers of a CnnPolicy of {_SB3} (DQN, QR-DQN, PPO, A2C) "
        f"nor those of {_CLEAN}'s Atari agents (DQN, C51, PPO, QDagger), but {listed}; pass one of "
        "these, or wrap the network yourself (docs/learning.md)"
    )


def _meaning(
    found: Checkpoint, kind: Kind, spec: AtariSpec
) -> tuple[int, foreign_nets.Meaning, Sequence[str]]:
    """How many outputs the last layer has, what they mean, and the actions' names."""
    bias = found.weights.get(f"{kind.out}.bias")
    outputs = len(bias) if bias is not None and bias.ndim == 1 else 0
    few, said = minimal_actions(spec.game), _said_actions(found)
    per_action = 1
    if kind.algorithm == "C51":
        values = found.numbers("atoms").flatten()
        per_action = max(len(values), 1)
    elif kind.algorithm == "QR-DQN":
        per_action = outputs // (said or (18 if outputs % len(few) else len(few))) or 1
    count, rest = divmod(outputs, per_action)
    names = next((n for n in (few, ACTION_NAMES) if len(n) == count and not rest), None)
    if bias is not None and names is None:
        raise FormatError(
            f"{place(found.path)}: layer {kind.out} answers {outputs} outputs, {spec.game} needs "
            + (f"{per_action} for each of its " if per_action > 1 else "")
            + f"{len(few)} actions ({' '.join(few)}), or for all 18; pass an agent of that game"
        )
    if names is None:
        names = few
        outputs = per_action * len(few)
    if kind.algorithm == "C51":
        return outputs, foreign_nets.atoms(values), names
    if kind.algorithm == "QR-DQN":
        return outputs, foreign_nets.quantiles(len(names)), names
    return outputs, foreign_nets.plain, names


def _said_actions(found: Checkpoint) -> int:
    """How many actions a .zip says that its agent has; 0 where it does not."""
    space: Any = found.facts.get("action_space")
    text = str(space.get("n", "")) if isinstance(space, dict) else ""
    return int(text) if re.fullmatch(r"[1-9][0-9]?", text) else 0


def _check_game(found: Checkpoint, game: str) -> None:
    """Where a file names its environment, as CleanRL's C51 does, it must be of the game."""
    name = found.facts.get("env_id")
    if not isinstance(name, str):
        return
    own = re.sub(r"^ALE/|(NoFrameskip|Deterministic)?-v\d+$", "", name)
    if own.lower() != game.replace("_", ""):
        raise FormatError(
            f"{place(found.path)}: it was trained on {shown(name)}, not on {game!r}; choose its game "
            "or another file"
        )


def _layer(found: Checkpoint, name: str, needed: Tensor) -> Tensor:
    got = found.weights.get(name)
    if got is None or got.shape != needed.shape:
        has = "nothing" if got is None else list(got.shape)
        raise FormatError(
            f"{place(found.path)}: layer {name} is {has}, needs {list(needed.shape)} for what it is "
            "shown; pass an agent with the library's own network, or choose another --view"
        )
    return found.numbers(name)
