"""The whole of it: kubectl, operator, workers, engines and stock clients, on a real API server."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
sys.path[:0] = [
    str(HERE),
    *(str(HERE.parent / folder) for folder in ("drills", "", "operator", "worker")),
    *(str(TESTS / "live" / folder) for folder in ("system", "conformance", "")),
]

from drill_fixtures import engine, start  # noqa: E402, F401 - fixtures
from site_fixtures import opened, own_site, site, start_operator, start_worker  # noqa: E402, F401 - fixtures
from triton_fixtures import triton, triton_install  # noqa: E402, F401 - fixtures
