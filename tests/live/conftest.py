"""One real Triton for all live tests."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from triton_fixtures import triton, triton_install  # noqa: F401 - fixtures
