"""Fixtures for faults between programs and an API server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from proxy import Proxy
from running_operator import Operator, Site
from running_worker import Member
from system_engine import Engine


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
    with Engine() as running:
        yield running


@dataclass(frozen=True)
class Start:
    """What starts programs."""

    operator: Callable[..., Operator]
    worker: Callable[..., Member]


@pytest.fixture
def start(start_operator: Any, start_worker: Any) -> Start:
    """Start operators and workers, which end with the test."""
    return Start(start_operator, start_worker)
