"""Operators on a real API server, and workers that follow them: each under its own account and rights."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "worker"), str(HERE.parents[1] / "live" / "system")]

from site_fixtures import opened, own_site, site, start_operator, start_worker  # noqa: E402, F401 - fixtures
