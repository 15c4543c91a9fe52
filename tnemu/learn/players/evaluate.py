"""Play whole episodes with any player on given seeds, and say how well it did.

    python -m tnemu.learn.evaluate random tnemu/zoo/teachers/krull.safetensors \\
        tnemu/zoo/krull.safetensors --seed 77000 --episodes 20

A player is ``random``, ``always:ACTION``, or a file: a teacher (or one of another library, see
tnemu.learn.players.adapters), a float control student, a student in n bits, or a (folded, trinary) weight
file. All play the same seeds under the same spec; the first two see nothing and play under the
files' spec. With a random player and a teacher among them, every score is also given as a share of
the teacher's (tnemu.learn.players.scores). Quote scores from seeds that chose nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from tnemu import zoo
from tnemu.errors import TnemuError
from tnemu.files import check_writable, json_text
from tnemu.formats.errors import FormatError
from tnemu.formats.tensor_file import load_facts, load_tensors, save_tensors
from tnemu.formats.weights import network_for, read_heads, write_weights
from tnemu.learn.players.episodes import Episode, Player, play_episodes, random_player
from tnemu.learn.players.files import (
    CONTROL,
    QUANTISED,
    TEACHER,
    is_foreign,
    kind_of,
    load_quantised,
)
from tnemu.learn.players.scores import normalise, references, summary
from tnemu.learn.players.selection import chosen_on
from tnemu.learn.run.device import one_thread
from tnemu.tasks.atari.spec import AtariSpec, spec_for
from tnemu.tasks.task import spec_of

ScoreRow = dict[str, Any]
"""What is known of a player that has played: scores, their mean, its interval and more."""
Progress = Callable[[str, ScoreRow | None], None]
"""Called with a player's name when it begins (None) and with its scores when it has played."""


Playing = Callable[
    [Mapping[str, Player], AtariSpec, Sequence[int], float],
    AbstractContextManager[Callable[[str], list[Episode]]],
]
"""Given players by name, spec, seeds and the share of random actions: a function that gives the
episodes of a player by its name, while the context is open.
"""


@contextmanager
def here(
    players: Mapping[str, Player], spec: AtariSpec, seeds: Sequence[int], epsilon: float
) -> Iterator[Callable[[str], list[Episode]]]:
    """One player after the other, in this process; tnemu.lab.side_by_side plays on every core."""

    def play(what: str) -> list[Episode]:
        with one_thread():
            return play_episodes(players[what], spec, seeds, epsilon)

    yield play


def is_file(what: str) -> bool:
    """Whether a player's name means a file."""
    return what != "random" and not what.startswith("always:")


def file_of(player: str) -> str:
    """A player's name or file; the name of a shipped student means its file. Refuses all others."""
    if not is_file(player) or Path(player).is_file():
        return player
    if player in zoo.names():
        return str(zoo.find(player))
    raise TnemuError(
        f"player {player!r} is neither random, always:ACTION, a file nor a shipped student; "
        + (zoo.did_you_mean(player) or "check the path")
    )


@dataclass(frozen=True)
class Others:
    """How agents of other libraries are taken: see tnemu.learn.players.adapters."""

    view: str | None = None
    """What they are shown; their library's usual view if None."""
    spec: AtariSpec | None = None
    """The world they play in; the project's own of their game if None."""


def load_player(
    what: str,
    game: str | None = None,
    spec: AtariSpec | None = None,
    others: Others = Others(),
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[Player, AtariSpec]:
    """A player by name or file, and the spec it plays under: ``spec``, or the project's own of
    ``game``, for a player that is no file. ``tell`` is told what an agent of another library is shown.
    """
    if not is_file(what):
        if spec is None:
            if game is None:
                raise TnemuError(f"player {what!r} plays any game; say which with --game")
            spec = spec_for(game)
        if what == "random":
            return random_player(len(spec.actions), 0), spec
        action = what.removeprefix("always:")
        if action not in spec.actions:
            raise TnemuError(
                f"player {what!r}: {action!r} is not an action of {spec.game}; choose among "
                f"{' '.join(spec.actions)}"
            )
        scores = np.eye(len(spec.actions))[spec.actions.index(action)]
        return (lambda observations: np.tile(scores, (len(observations), 1))), spec
    if is_foreign(what):
        if game is None:
            raise TnemuError(f"player {what!r} does not say what it plays; say it with --game")
        return _network(what, game, others, tell)
    kind = kind_of(what)
    if kind in (TEACHER, CONTROL):
        return _network(what)
    if kind == QUANTISED:
        return load_quantised(what)
    heads = read_heads(what)
    if len(heads) > 1 and game is None:
        names = ", ".join(head.task.name for head in heads if head.task)
        raise TnemuError(f"player {what!r} plays {names}; say which with --game")
    file = heads[0] if len(heads) == 1 else network_for(heads, game, what)
    return file.scores, spec_of(file)


def _network(
    what: str,
    game: str = "",
    others: Others = Others(),
    tell: Callable[[str], None] = lambda line: None,
) -> tuple[Player, AtariSpec]:
    """A player that needs torch, which is imported here and nowhere else."""
    try:
        import torch  # noqa: F401
    except ImportError:
        raise TnemuError(
            f"player {what!r} is a network of torch, which is not installed; pip install "
            "'.[learn]' in tnemu's folder, or choose weight files and integer students"
        ) from None
    from tnemu.learn.players import adapters, nets

    if is_foreign(what):
        foreign = adapters.load_foreign(what, game, others.view, others.spec)
        tell(foreign.described())
        return nets.net_player(foreign), foreign.spec
    if kind_of(what) == TEACHER:
        net = nets.load_teacher(what)
        return nets.net_player(net), net.spec
    student, spec = nets.load_control(what)
    return nets.net_player(student), spec


def evaluate(
    players: Sequence[str],
    seeds: Sequence[int],
    epsilon: float = 0.01,
    game: str | None = None,
    more: Mapping[str, tuple[Player, AtariSpec]] | None = None,
    sticky: float | None = None,
    report: Progress = lambda what, row: None,
    frame_skip: int | None = None,
    others: Others = Others(),
    tell: Callable[[str], None] = lambda line: None,
    playing: Playing | None = None,
) -> dict[str, Any]:
    """Every player on the same seeds; refuses players that see different worlds.

    ``more`` brings players that this room cannot make, such as a student on an emulated board.
    ``sticky`` and ``frame_skip`` make all play under others than their own; all other fields of their
    specs must agree. ``others`` says how agents of other libraries are taken, and ``tell`` is told.
    ``playing`` says who plays, :func:`here` if nobody else. The result has ``sticky`` and
    ``spec_sha256`` of the world that was played, and each player's own; and in ``chosen_on`` those of
    the seeds that chose a player: say the ``warnings`` of tnemu.learn.players.selection before. Raises
    TnemuError for players that cannot be compared.
    """
    own: dict[str, tuple[Player, AtariSpec]] = {
        what: load_player(what, game, None, others, tell) for what in players if is_file(what)
    } | dict(more or {})
    common = next((spec for _, spec in own.values()), others.spec)
    if common is not None and game not in (None, common.game):
        raise TnemuError(
            f"player {next(iter(own), 'random')!r} plays {common.game!r}, not --game {game!r}; "
            "leave --game out, or choose players of that game"
        )
    loaded = {w: load_player(w, game, common) for w in players if not is_file(w)} | own
    loaded = {what: loaded[what] for what in (*players, *(more or {}))}
    spec = _same_world({what: spec for what, (_, spec) in loaded.items()}, sticky, frame_skip)
    met = chosen_on((what for what in players if is_file(what)), seeds)
    result: dict[str, Any] = {
        "game": spec.game,
        "spec_sha256": spec.sha256,
        "sticky": spec.sticky,
        "frame_skip": spec.frame_skip,
        "epsilon": epsilon,
        "chosen_on": met,
        "players": {},
    }
    named = {what: player for what, (player, _) in loaded.items()}
    with (playing or here)(named, spec, seeds, epsilon) as play:
        for what, (_, trained) in loaded.items():
            report(what, None)
            began = time.perf_counter()
            row = _row(play(what), trained)
            result["players"][what] = {"seeds": [seeds[0], seeds[-1]], **row}
            report(what, {**row, "seconds": time.perf_counter() - began})
    floor = "random" if "random" in loaded else None
    ceiling = next((what for what in players if is_file(what) and is_teacher(what)), None)
    played = {what: row["scores"] for what, row in result["players"].items()}
    for what, shares in normalise(spec.game, played, floor, ceiling).items():
        result["players"][what] |= shares
    return {**result, "normalised": references(spec.game, floor, ceiling)}


def _row(episodes: Sequence[Episode], trained: AtariSpec) -> ScoreRow:
    scores = [e.score for e in episodes]
    return summary(scores) | {
        "scores": scores,
        "decisions": [e.decisions for e in episodes],
        "truncated": sum(e.truncated for e in episodes),
        "own_sticky": trained.sticky,
        "own_spec_sha256": trained.sha256,
    }


def needs_torch(what: str) -> bool:
    """Whether a player is a network of torch: its sums round by how many worlds it sees at once."""
    return is_file(what) and (is_foreign(what) or kind_of(what) in (TEACHER, CONTROL))


def is_teacher(file: str) -> bool:
    """Whether a player's file is a teacher."""
    return is_foreign(file) or kind_of(file) == TEACHER


def _same_world(
    specs: Mapping[str, AtariSpec], sticky: float | None, frame_skip: int | None
) -> AtariSpec:
    """The spec that all players have, with another stickiness or frame skip if one is asked for."""
    if frame_skip is not None:
        specs = {what: _paced(spec, frame_skip) for what, spec in specs.items()}
    if sticky is not None:
        specs = {what: replace(spec, sticky=sticky) for what, spec in specs.items()}
    if len({spec.sha256 for spec in specs.values()}) > 1:
        listed = ", ".join(f"{what}: {spec.sha256[:12]}" for what, spec in specs.items())
        every = list(specs.values())
        names = [f.name for f in fields(AtariSpec) if f.init]
        apart = [n for n in names if any(getattr(s, n) != getattr(every[0], n) for s in every)]
        how = (
            "compare players of one, or say --sticky"
            if apart == ["sticky"]
            else "compare players of one"
        )
        raise TnemuError(
            f"the players have different specs ({listed}), apart in {', '.join(apart)}; {how}"
        )
    return next(iter(specs.values()))


def _paced(spec: AtariSpec, frame_skip: int) -> AtariSpec:
    """A decision every ``frame_skip`` raw frames; stacked screens stay as far apart as they can."""
    stride = max(1, spec.stack_stride * spec.frame_skip // frame_skip)
    pool = min(spec.max_pool, frame_skip)
    return replace(spec, frame_skip=frame_skip, stack_stride=stride, max_pool=pool)


def check_record(source: str | Path, target: str | Path) -> None:
    """Raises, before anything is played, for what :func:`record` could not do afterwards."""
    if not is_file(str(source)):
        raise TnemuError(
            f"--record copies the last player's file, and {str(source)!r} has none; name a file last"
        )
    load_facts(source)
    check_writable(target, error=FormatError)


def record(source: str | Path, target: str | Path, scores: dict[str, Any]) -> None:
    """Copy a teacher or weight file to ``target`` with these scores in its provenance, and in them
    which of the players it is. Raises FormatError.
    """
    scores = {**scores, "recorded": str(source)}
    if kind_of(source) is not None:
        evaluation = json_text(scores, "evaluation", error=FormatError)
        facts = {**load_facts(source), "evaluation": evaluation}
        save_tensors(target, load_tensors(source), facts)
        return
    heads = read_heads(source)
    made = dict(heads[0].provenance)
    if len(heads) == 1:
        made["evaluation"] = scores
    else:
        made["evaluations"] = {**made.get("evaluations", {}), scores["game"]: scores}
    write_weights([replace(head, provenance=made) for head in heads], target)
