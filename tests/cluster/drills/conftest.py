"""Faults between programs and a real API server: what is served is served on, and what was asked for comes true."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
sys.path[:0] = [
    *(str(HERE), str(HERE.parent), str(HERE.parent / "operator"), str(HERE.parent / "worker")),
    *(str(TESTS / "live" / "system"), str(TESTS / "live" / "conformance")),
]

from drill_fixtures import engine, own_proxy, proxy, start  # noqa: E402, F401 - fixtures
from site_fixtures import opened, own_site, site, start_operator, start_worker  # noqa: E402, F401 - fixtures
