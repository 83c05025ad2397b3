"""Operators on a real API server, and workers that follow them: each under its own account and rights."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "worker"), str(HERE.parents[1] / "live" / "system")]
sys.path.append(str(HERE.parents[1] / "live" / "conformance"))

from site_fixtures import opened, own_site, site, start_operator, start_worker  # noqa: E402, F401 - fixtures


@pytest.fixture(autouse=True)
def nothing_is_forbidden(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Require that operators and workers never asked for what the chart does not grant, but where rights were taken."""
    yield
    if not {"own_cluster", "takes_rights"} & set(request.fixturenames):  # a new API server knows no rights at first
        said = [line for log in tmp_path.glob("*.log") for line in log.read_text().splitlines() if "orbidden" in line]
        assert not said


@pytest.fixture
def takes_rights() -> None:
    """Say that a test takes rights away."""
