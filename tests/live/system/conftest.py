"""The real worker as processes, with real and with scripted engines behind it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "conformance")]

from system_engine import Engine  # noqa: E402 - the line above makes it importable
from system_runtime import State, steady  # noqa: E402
from system_worker import Worker  # noqa: E402


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A state folder with a key."""
    return State(tmp_path / "state")


@pytest.fixture
def engine() -> Iterator[Engine]:
    """An engine that says what it was asked."""
    with Engine() as opened:
        yield opened


@pytest.fixture
def start(state: State, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Start workers on the state folder; each is stopped at the end, and its log must be JSON without faults."""
    number = count()
    with ExitStack() as opened:

        def start(*options: str, **more: str) -> Worker:
            worker = Worker(state, tmp_path / f"worker-{next(number)}.log", *options, **more)
            opened.callback(_expect_no_faults, worker)
            opened.callback(worker.stop)
            return worker

        yield start


@pytest.fixture
def publish(state: State, engine: Engine) -> Callable[..., Any]:
    """Publish a snapshot whose route `steady` goes to a model."""

    def publish(model: str = "left", to: State = state) -> Any:
        return to.publish(*steady(engine.address, model))

    return publish


def _expect_no_faults(worker: Worker) -> None:
    assert not [line for line in worker.log() if "exception" in line]
