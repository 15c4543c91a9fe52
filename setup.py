"""Everything else stands in setup.cfg, which can list packages or find them, but not add one."""

from setuptools import find_packages, setup

setup(
    packages=[
        "tnemu.boards",
        *find_packages(include=["tnemu", "tnemu.*", "corelets", "corelets.*"]),
    ]
)
