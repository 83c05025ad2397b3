"""Workers that follow a real API server, under an account with the rights of a worker and no other."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "live" / "system")]

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
def follow(acting: Acting, pod: Pod, tmp_path: Path) -> Iterator[Callable[..., Following]]:
    """Start workers that follow; each is stopped at the end, and its log must be JSON without faults."""
    number = count()
    with ExitStack() as opened:

        def follow(*options: str, to: Acting = acting, as_pod: Pod = pod, state: Path | None = None) -> Following:
            log = tmp_path / f"worker-{next(number)}.log"
            worker = Following(to, as_pod, state or tmp_path / "state", log, *options)
            opened.callback(_expect_no_faults, worker)
            opened.callback(worker.stop)
            return worker

        yield follow


def _expect_no_faults(worker: Following) -> None:
    assert not [line for line in worker.log() if "exception" in line]
