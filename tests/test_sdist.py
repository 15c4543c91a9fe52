"""The source distribution is the repository: nothing that is kept there is missing, nothing is added."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILD = (
    "import sys; from setuptools import setup; "
    "sys.argv = ['setup.py', '-q', 'egg_info', '--egg-base', sys.argv[1], 'sdist', '-d', sys.argv[1]]; "
    "exec(open('setup.py').read())"
)


def listed(*options: str) -> set[str]:
    """Files that git knows."""
    found = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if found.returncode:
        pytest.skip(f"no repository here to compare with: {found.stderr.strip()}")
    return {name for name in found.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.mark.slow
def test_a_source_distribution_holds_what_the_repository_holds(tmp_path: Path) -> None:
    kept, known = listed(), listed("--cached", "--others", "--exclude-standard")
    subprocess.run([sys.executable, "-c", BUILD, str(tmp_path)], cwd=ROOT, check=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        names = [member.name.partition("/")[2] for member in file if member.isfile()]
    made = {n for n in names if n == "PKG-INFO" or ".egg-info/" in n}
    assert kept - set(names) == set()
    assert set(names) - made - known == set()
