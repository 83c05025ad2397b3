"""Lets the tests of this folder import what they share, and gives them a front with what goes around it."""

import logging
import sys
from pathlib import Path

import pytest

for folder in ("front", "wire"):
    sys.path.insert(0, str(Path(__file__).parent.parent / folder))

from front_world import World  # noqa: E402 - found by the path above


@pytest.fixture
async def world(caplog):
    """Yield a front without a snapshot; afterwards nothing may be left open and nothing may have failed unheard."""
    with caplog.at_level(logging.INFO):
        here = World()
        await here.start()
        yield here
        await here.stop()
    failures = [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.ERROR]
    assert failures == here.expected_failures
    assert here.left_over() == {}
    assert here.violations() == []
