"""Fuzz every loader of the project, on all processors, and print a table; exits with 1 if one is wrong.

    python tests/fuzz_all.py [--inputs 1000000] [--seed N] [--processes N] [--keep FOLDER] [NAME ...]

The inputs are shared out among the loaders by the rate of each; NAME is one of tests/loaders.py. The first
input of a loader that is wrong is told; all stay in FOLDER (fuzzed). Rates are of processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fuzz_files import MissingError
from fuzzing import Tally, survey
from loaders import LOADERS

PIECES = 40
"""Pieces that the inputs of a loader are cut into; every process takes each of its turn."""


@dataclass
class Row:
    """One loader's line of the table."""

    tally: Tally = field(default_factory=Tally)
    seconds: float = 0.0
    missing: str = ""

    def add(self, found: Tally, seconds: float, missing: str) -> None:
        self.missing = self.missing or missing
        self.seconds += seconds
        for name in ("inputs", "accepted", "refused"):
            setattr(self.tally, name, getattr(self.tally, name) + getattr(found, name))
        self.tally.slowest_s = max(self.tally.slowest_s, found.slowest_s)
        self.tally.wrong += found.wrong

    def text(self, name: str) -> str:
        if self.missing:
            return f"{name:22}  not here: {self.missing}"
        t, rate = self.tally, self.tally.inputs / max(self.seconds, 1e-9)
        return (
            f"{name:22}{t.inputs:>10,}{t.refused:>10,}{t.accepted:>10,}{len(t.wrong):>7}"
            f"{t.slowest_s * 1e3:>9.0f} ms{rate:>9,.0f}/s"
        )


HEAD = f"{'loader':22}{'inputs':>10}{'refused':>10}{'accepted':>10}{'wrong':>7}{'slowest':>12}{'rate':>11}"


def work(asked: argparse.Namespace) -> None:
    """Every PROCESSES-th piece, from ``asked.worker`` on; one line of JSON on stdout for each."""
    rates = {name: LOADERS[name][1] for name in asked.names}
    pieces = [(number, name) for number in range(PIECES) for name in asked.names]
    for number, name in pieces[asked.worker :: asked.processes]:
        size = max(1, asked.inputs * rates[name] // sum(rates.values()) // PIECES)
        tally, missing, begun = Tally(), "", time.process_time()
        with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
            try:
                load, good = LOADERS[name][0](Path(folder))
            except MissingError as error:
                missing = str(error)
            else:
                keep = asked.keep / name.replace(" ", "-")
                begun = time.process_time()
                tally = survey(load, good, size, asked.seed, keep=keep, first=number * size)
        print(json.dumps([name, asdict(tally), time.process_time() - begun, missing]), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(LOADERS))
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, default=Path("fuzzed"))
    parser.add_argument("--worker", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if unknown := [name for name in asked.names if name not in LOADERS]:
        parser.error(f"no loader {unknown[0]!r}; there are {', '.join(map(repr, LOADERS))}")
    if asked.worker is not None:
        work(asked)
        return 0
    print(f"seed {asked.seed}, {asked.inputs:,} inputs on {asked.processes} processes", flush=True)
    rows = {name: Row() for name in asked.names}
    lock, done, told = threading.Lock(), 0, set[str]()

    def follow(worker: subprocess.Popen[str]) -> None:
        nonlocal done
        assert worker.stdout is not None
        for line in worker.stdout:
            name, tally, seconds, missing = json.loads(line)
            with lock:
                rows[name].add(Tally(**tally), seconds, missing)
                done += 1
                if tally["wrong"] and name not in told:
                    told.add(name)
                    print(f"{name}: {tally['wrong'][0]}", flush=True)
                if done % len(rows) == 0:
                    print(f"{100 * done // (PIECES * len(rows))} %", file=sys.stderr, flush=True)

    command = [sys.executable, __file__, *asked.names]
    for option in ("inputs", "seed", "processes", "keep"):
        command += [f"--{option}", str(getattr(asked, option))]
    workers = [
        subprocess.Popen([*command, "--worker", str(k)], stdout=subprocess.PIPE, text=True)
        for k in range(asked.processes)
    ]
    threads = [threading.Thread(target=follow, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    died = sum(worker.wait() != 0 for worker in workers)
    print(HEAD, *(row.text(name) for name, row in rows.items()), sep="\n")
    if died:
        print("a process died; its last words are above")
    return int(died > 0 or any(row.tally.wrong for row in rows.values()))


if __name__ == "__main__":
    sys.exit(main())
