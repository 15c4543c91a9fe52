"""What ``tnemu play`` needs for those who watch: the page of the run, and its film."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tnemu.cli.page_view import serving
from tnemu.cli.run_folder import PlayError

if TYPE_CHECKING:
    from rich.console import Console

    from tnemu.hardware.image import BoardImage
    from tnemu.mapping.fit import Plan
    from tnemu.runtime.session import Result, Settings
    from tnemu.tasks.task import TaskSpec
    from tnemu.web.live import LiveRun


def check_film(path: Path | None, force: bool) -> None:
    """Refuse a film that could not be written at the end of the run, or would be written over one."""
    from tnemu.measure.video import check_video

    if path is None:
        return
    check_video(path)
    if path.is_file() and not force:
        raise PlayError(
            f"{path} is there already; choose another --video, or overwrite it with --force"
        )


def about_run(
    plan: Plan, specs: Sequence[TaskSpec], student: Any, settings: Settings
) -> dict[str, Any]:
    """What the page has to know beforehand; the input's shape is that of a student's first layer."""
    from tnemu.web.about import about

    shape: Sequence[int] = student.input_shape
    layers = getattr(student, "layers", ())
    if layers and hasattr(layers[0], "output_shape"):
        shape = layers[0].output_shape(student.input_shape)
    job = settings.board
    return about(
        plan.image,
        plan.network.cores,
        title=f"{', '.join(spec.name for spec in specs)} on {plan.image.board.name}",
        input_name=job.input_name,
        input_shape=shape,
        players=[
            {
                "name": spec.name,
                "actions": spec.actions,
                "aspect": getattr(spec, "picture_aspect", None),
            }
            for spec in specs
        ],
        mode=settings.mode,
        fps=settings.rate_hz,
        ticks_per_decision=job.ticks_per_decision,
    )


@contextlib.contextmanager
def watched(
    about: dict[str, Any],
    image: BoardImage,
    settings: Settings,
    web: bool,
    port: int,
    address: str,
    console: Console,
) -> Iterator[LiveRun | None]:
    """The page's source, served meanwhile; None where no page is wanted."""
    from tnemu.web.live import LiveRun

    if not web:
        yield None
        return
    source = LiveRun(about, image, settings)
    with serving(source, port, address, console):
        yield source


def write_film(result: Result, about: dict[str, Any], path: Path) -> None:
    """The game beside the chip, moment by moment; the file appears whole or not at all."""
    from tnemu.files import writing
    from tnemu.measure.video import write_video
    from tnemu.runtime.film import every

    rate_hz = result.settings.rate_hz / every(result.settings.rate_hz)
    with writing(path, error=PlayError) as file:
        write_video(file, path.suffix, Sheets(result, about), rate_hz)


class Sheets:
    """The pictures of a film, drawn whenever they are gone through."""

    def __init__(self, result: Result, about: dict[str, Any]) -> None:
        self._result, self._about = result, about

    def __len__(self) -> int:
        return len(self._result.film)

    def __iter__(self) -> Iterator[Any]:
        return _sheets(self._result, self._about)


def _sheets(result: Result, about: dict[str, Any]) -> Iterator[Any]:
    """The film's pictures."""
    import numpy as np

    from tnemu.measure.stage import Stage
    from tnemu.runtime.film import picture_of
    from tnemu.runtime.moment import unpack

    film, board, details = result.film, result.image.board, result.record.decisions()
    first = int(result.record.host["decisions"]) - len(details)
    width, cores = about["input"]["width"], len(about["cores"])
    entries = film.index
    ticks = np.diff(entries["decision"], prepend=0) * about["ticks_per_decision"]

    def moment(k: int) -> tuple[Any, Any, Any]:
        start = int(entries["offset"][k])
        packed = film.data[start : start + int(entries["length"][k])].tobytes()
        picture, rest = picture_of(packed, entries["shape"][k])
        found = unpack(rest, cores, width)
        return picture, found.firings / max(ticks[k], 1), found.scores

    some = range(0, len(entries), max(1, len(entries) // 20))
    most = max((float(moment(k)[1].max(initial=0)) for k in some), default=1.0)
    shape = (board.units, board.width, board.height)
    stage = Stage(result.image.positions, shape, most)
    for k in range(len(entries)):
        picture, rate, scores = moment(k)
        decision, action = int(entries["decision"][k]), int(entries["action"][k])
        player = about["players"][int(entries["player"][k])]
        text = f"{player['name']} on {board.name} · decision {decision:,}"
        if 0 <= decision - 1 - first < len(details):
            row = details[decision - 1 - first]
            late = row["lateness_s"] * 1e3
            text += f" · score {row['score']:,g}"
            text += "" if np.isnan(late) else f" · {late:+.1f} ms against the deadline"
        aspect = player["aspect"] or picture.shape[1] / picture.shape[0]
        yield stage.draw(picture, aspect, rate, player["actions"], scores, action, text)
