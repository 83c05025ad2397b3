"""The supervisor, without processes."""

import asyncio
from types import SimpleNamespace

import pytest

from fourplane_worker.process.errors import SetupError
from fourplane_worker.process.messages import Offer
from fourplane_worker.process.settings import WorkerSettings
from fourplane_worker.process.supervisor import Supervisor


@pytest.mark.parametrize("settings", [{"listen": "here"}, {"metrics": "localhost:http"}, {"tls_cert": "a.pem"}])
async def test_settings_that_can_not_work_leave_nothing_behind(tmp_path, settings):
    state = tmp_path / "state"
    with pytest.raises(SetupError):
        await Supervisor(WorkerSettings(state=state, **settings), lambda: 0.0).start()
    assert not state.exists()


async def test_only_the_newest_offer_is_waited_for(tmp_path):
    supervisor = Supervisor(WorkerSettings(state=tmp_path), lambda: 0.0)
    for sequence in range(20):
        offer = Offer(epoch=1, sequence=sequence, digest="d")
        supervisor._intake = SimpleNamespace(offer=offer)
        supervisor._distribute(offer)
        for _ in range(10):
            await asyncio.sleep(0)
    (waiting,) = [task for task in asyncio.all_tasks() if task.get_coro().__name__ == "_confirm"]
    assert waiting is supervisor._confirming
    assert supervisor._tasks == []
    waiting.cancel()
