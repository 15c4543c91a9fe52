"""Several runs at once, each in a process of its own.

No pool: its locks need POSIX shared memory, which not every computer gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from multiprocessing import connection, get_context
from typing import Any

from tnemu.errors import TnemuError

_GRACE_S = 10.0


def side_by_side(
    function: Callable[..., Any], calls: Sequence[tuple[Any, ...]], jobs: int
) -> Iterator[tuple[int, Any]]:
    """(k, function(*calls[k])) of every call as it ends, at most ``jobs`` of them at a time.

    ``function`` is one of a module, arguments and results can be pickled. When one fails, or nobody
    takes the next result, the others are ended. Raises TnemuError with the words of the call's own, or
    with its status where it said nothing.
    """
    spawn = get_context("spawn")
    waiting = list(range(len(calls)))
    running: dict[int, tuple[Any, Any]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                k = waiting.pop(0)
                ours, theirs = spawn.Pipe(duplex=False)
                process = spawn.Process(target=_child, args=(function, calls[k], theirs))
                process.start()
                theirs.close()
                running[k] = process, ours
            ready = connection.wait([pipe for _, pipe in running.values()])
            for k in [k for k, (_, pipe) in running.items() if pipe in ready]:
                process, pipe = running.pop(k)
                yield k, _result(process, pipe, k)
    finally:
        for process, _ in running.values():
            process.terminate()
        for process, _ in running.values():
            process.join(_GRACE_S)


def _child(function: Callable[..., Any], arguments: tuple[Any, ...], pipe: Any) -> None:
    try:
        pipe.send((True, function(*arguments)))
    except TnemuError as error:
        pipe.send((False, str(error)))
    except KeyboardInterrupt:  # whoever started this process was told too
        pass


def _result(process: Any, pipe: Any, k: int) -> Any:
    try:
        good, result = pipe.recv()
    except EOFError:
        process.join()
        raise TnemuError(
            f"run {k + 1} ended with status {process.exitcode} and said nothing of its result; see what "
            "it wrote above, and go on with --resume"
        ) from None
    process.join()
    if not good:
        raise TnemuError(f"run {k + 1}: {result}")
    return result
