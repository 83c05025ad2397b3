"""Workers that follow a real API server, under an account with the rights of a worker and no other."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parents[1] / "live" / "system")]

from acting_operator import Acting  # noqa: E402 - the line above makes it importable
from control_plane import ControlPlane  # noqa: E402
from following_worker import Following, Pod, a_pod  # noqa: E402

_PODS = count(1)


@pytest.fixture
def acting(definitions: ControlPlane, namespace: str) -> Acting:
    """What publishes snapshots of `shop` in the namespace."""
    return Acting(definitions, namespace)


@pytest.fixture
def pod(definitions: ControlPlane, namespace: str) -> Pod:
    """A pod of a worker, which nothing runs: its name, its uid and its rights."""
    return a_pod(definitions, namespace, f"worker-{next(_PODS)}")


@pytest.fixture
def own(own_definitions: ControlPlane) -> Acting:
    """The same on a control plane that the test may hurt."""
    return Acting(own_definitions, "default")


@pytest.fixture
def own_pod(own: Acting) -> Pod:
    """A pod there."""
    return a_pod(own.cluster, own.namespace, "worker-0")


@pytest.fixture
def follow(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Following]]:
    """Start workers that follow; each is stopped at the end, and its log must be JSON without faults."""
    number = count()
    with ExitStack() as opened:

        def follow(*options: str, there: tuple[Acting, Pod] | None = None) -> Following:
            acting, pod = there or (request.getfixturevalue("acting"), request.getfixturevalue("pod"))
            worker = Following(acting, pod, tmp_path / "state", tmp_path / f"worker-{next(number)}.log", *options)
            opened.callback(_expect_no_faults, worker)
            opened.callback(worker.stop)
            return worker

        yield follow


def _expect_no_faults(worker: Following) -> None:
    assert not [line for line in worker.log() if "exception" in line]
