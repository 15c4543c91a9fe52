"""Write .importlinter and the table in CONTRIBUTING.md from rooms.toml; --check only compares.

python .ci/rooms.py [--check]
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
HEAD = "# Written by .ci/rooms.py from .ci/rooms.toml: change that, and run it.\n"
BEGIN, END = "<!-- rooms: written by .ci/rooms.py -->", "<!-- /rooms -->"
KERNELS = "tnemu.emulator.engines.compiled.kernels"

Room = dict[str, object]


def parent(name: str, rooms: dict[str, Room]) -> str | None:
    """The room that a room is inside of."""
    outer = name.rpartition(".")[0]
    return outer if outer in rooms else None


def allowed(name: str, rooms: dict[str, Room]) -> set[str]:
    """Rooms that a room may import, itself and all inside it and above it included."""
    mine = set(rooms[name]["imports"])
    if mine == {"*"}:
        order = list(rooms)
        mine = set(order[order.index(name) :])
    outer = parent(name, rooms)
    if outer is not None:
        mine |= set(rooms[outer]["imports"])
    return mine | {name}


def contracts(rooms: dict[str, Room]) -> str:
    """The import linter's configuration: a contract for each room, then one for each library."""
    out = [HEAD, "[importlinter]", "root_packages =", "    tnemu", "    corelets"]
    out += ["include_external_packages = True", ""]

    def forbid(key: str, title: str, sources: list[str], forbidden: list[str]) -> None:
        out.extend([f"[importlinter:contract:{key}]", f"name = {title}", "type = forbidden"])
        out.extend(["allow_indirect_imports = True", "source_modules ="])
        out.extend(f"    {name}" for name in sources)
        out.append("forbidden_modules =")
        out.extend(f"    {name}" for name in forbidden)
        out.append("")

    outermost = [name for name in rooms if parent(name, rooms) is None]
    for name in rooms:
        outer = parent(name, rooms)
        others = (
            [n for n in rooms if parent(n, rooms) == outer]
            if outer
            else [n for n in outermost if not name.startswith(n + ".")]
        )
        forbidden = sorted(set(others) - allowed(name, rooms))
        if forbidden:
            short = name.removeprefix("tnemu.")
            below = sorted(n.removeprefix("tnemu.") for n in allowed(name, rooms) - {name})
            says = (
                f"imports of ours only {', '.join(below)}" if below else "imports nothing of ours"
            )
            forbid(short, f"{short} {says}", [name], forbidden)
    forbid(
        "kernels",
        "kernels imports nothing of ours: arrays and constants come in as arguments",
        [KERNELS],
        ["corelets", "tnemu", "tnemu.**"],
    )
    for name, room in rooms.items():
        for library in room.get("libraries", []):
            others = [n for n in outermost if n != name]
            forbid(library, f"only {name} imports {library}", sorted(others), [library])
    return "\n".join(out).rstrip() + "\n"


def table(rooms: dict[str, Room]) -> str:
    """CONTRIBUTING's table."""
    rows = ["| room | its job | may import | alone may import |", "|---|---|---|---|"]
    for name, room in rooms.items():
        below = ", ".join(
            "every room below" if n == "*" else n.removeprefix("tnemu.") for n in room["imports"]
        )
        alone = ", ".join(room.get("libraries", []))
        rows.append(f"| `{name.replace('.', '/')}` | {room['job']} | {below} | {alone} |")
    return "\n".join(rows)


def main() -> int:
    """Write what differs; with --check say so and leave with 1."""
    with (HERE / "rooms.toml").open("rb") as file:
        rooms = {room["name"]: room for room in tomllib.load(file)["room"]}
    guide = ROOT / "CONTRIBUTING.md"
    text = guide.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    wanted = {
        ROOT / ".importlinter": contracts(rooms),
        guide: f"{before}{BEGIN}\n{table(rooms)}\n{END}{after}",
    }
    stale = [path for path, new in wanted.items() if path.read_text(encoding="utf-8") != new]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path.name} is not what rooms.toml says; run: python .ci/rooms.py")
        return bool(stale)
    for path in stale:
        path.write_text(wanted[path], encoding="utf-8")
        print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
