"""Faults between programs and a real API server: what is served is served on, and what was asked for comes true."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TESTS = HERE.parents[1]
sys.path[:0] = [
    *(str(HERE), str(HERE.parent), str(HERE.parent / "operator"), str(HERE.parent / "worker")),
    *(str(TESTS / "live" / "system"), str(TESTS / "live" / "conformance")),
]

from proxy import Proxy  # noqa: E402 - the line above makes it importable
from running_operator import Site  # noqa: E402
from site_fixtures import opened, own_site, site, start_operator, start_worker  # noqa: E402, F401, RUF100 - fixtures
from system_engine import Engine  # noqa: E402


@pytest.fixture
def proxy(site: Site) -> Iterator[Proxy]:
    """A way to the API server that a test may disturb: `proxy.through(kubeconfig)` leads over it."""
    with Proxy(site.cluster, site.folder) as running:
        yield running


@pytest.fixture
def own_proxy(own_site: Site) -> Iterator[Proxy]:
    """The same in front of a control plane of the test's own."""
    with Proxy(own_site.cluster, own_site.folder) as running:
        yield running


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine that answers anything."""
    with Engine() as one:
        yield one
