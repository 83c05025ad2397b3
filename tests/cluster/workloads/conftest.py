"""A real API server with our definitions, and a provisioner that works on it."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
BESIDE = (HERE.parent / "operator", HERE.parent / "worker", HERE.parents[1] / "live" / "system")
sys.path[:0] = [str(HERE), str(HERE.parent), *map(str, BESIDE)]

from site_fixtures import opened, own_site, site, start_operator  # noqa: E402, F401 - fixtures
