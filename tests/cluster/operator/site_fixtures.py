"""Fixtures for a namespace with operators and workers in it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from control_plane import ControlPlane
from running_operator import Operator, Site
from running_worker import Member


@pytest.fixture
def site(definitions: ControlPlane, namespace: str, tmp_path: Path) -> Site:
    """A namespace with the chart's rights, on the control plane that all tests share."""
    return Site(definitions, namespace, tmp_path)


@pytest.fixture
def own_site(own_definitions: ControlPlane, tmp_path: Path) -> Site:
    """The same on a control plane that the test may hurt."""
    return Site(own_definitions, "default", tmp_path)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Ends what a test started, last first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start_operator(opened: ExitStack, tmp_path: Path) -> Callable[..., Operator]:
    """Start operators of a site; each is stopped at the end, and its log has no faults unless it may complain."""
    number = count()

    def start(site: Site, *options: str, may_complain: bool = False) -> Operator:
        operator = Operator(site, tmp_path / f"operator-{next(number)}.log", *options)
        opened.callback(lambda: may_complain or _expect_no_faults(operator))
        opened.callback(operator.stop)
        return operator

    return start


@pytest.fixture
def start_worker(opened: ExitStack, tmp_path: Path) -> Callable[..., Member]:
    """Start workers of a site's runtime `shop`; each is stopped at the end."""

    def start(site: Site, name: str, *options: str, runtime: str = "shop") -> Member:
        worker = Member(site, name, tmp_path, *options, runtime=runtime)
        opened.callback(lambda: _expect_no_faults(worker))
        opened.callback(worker.stop)
        return worker

    return start


def _expect_no_faults(process: Operator | Member) -> None:
    assert not [line for line in process.log() if "exception" in line]
