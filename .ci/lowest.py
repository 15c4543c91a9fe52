"""Print the lowest declared version of everything that tnemu needs, as pip takes it: name==version.

python .ci/lowest.py [EXTRA ...]
"""

from __future__ import annotations

import configparser
import re
import sys
from pathlib import Path

config = configparser.ConfigParser()
config.read(Path(__file__).parents[1] / "setup.cfg")
needs = config["options"]["install_requires"].split("\n")
for extra in sys.argv[1:]:
    needs += config["options.extras_require"][extra].split("\n")
for need in filter(None, map(str.strip, needs)):
    found = re.fullmatch(r"([\w.-]+)>=([\w.]+)(?:,.*)?", need)
    print(f"{found[1]}=={found[2]}" if found else need)
