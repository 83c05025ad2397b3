"""The servers of managed pools: started, found, restarted, ended."""

import asyncio
from types import SimpleNamespace

import pytest

from fourplane_cli.engines import Engines
from fourplane_cli.progress import Progress
from fourplane_worker.engine import EngineStartError


class FakeServer:
    def __init__(self, pool, repository, failures):
        self.pool, self.repository, self.failures = pool, repository, failures
        self.pid, self.stopped = 7, False

    async def start(self, progress):
        self.exited = asyncio.get_running_loop().create_future()
        if self.failures:
            raise EngineStartError(self.failures.pop(), self.repository, ())
        return SimpleNamespace(grpc=f"127.0.0.1:{len(self.pool)}")

    async def stop(self):
        self.stopped = True


class World:
    def __init__(self, root):
        self.failures, self.servers, self.found = [], [], []
        self.engines = Engines(
            root, self.make, lambda pools: self.found.append(dict(pools)), Progress(), first_wait_s=0.001
        )

    def make(self, pool, repository):
        self.servers.append(FakeServer(pool, repository, self.failures))
        return self.servers[-1]

    async def until(self, condition):
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - what is waited for is no event
                await asyncio.sleep(0.005)

    @property
    def states(self):
        return {engine["pool"]: engine["state"] for engine in self.engines.as_json()}


@pytest.fixture
async def world(tmp_path):
    world = World(tmp_path)
    yield world
    await world.engines.stop()
    assert all(server.stopped for server in world.servers)


async def test_a_pool_is_found_where_its_server_listens(world, tmp_path):
    world.engines.follow({"main": "models"})
    await world.until(lambda: world.states == {"main": "Up"})
    assert world.found[-1] == {"main": ("127.0.0.1:4",)}
    assert world.servers[0].repository == (tmp_path / "models").resolve()
    assert world.engines.as_json()[0]["pid"] == 7


async def test_a_server_that_dies_is_started_again(world):
    world.engines.follow({"main": "models"})
    await world.until(lambda: world.states == {"main": "Up"})
    world.servers[0].exited.set_result(-9)
    await world.until(lambda: len(world.servers) == 2 and world.states == {"main": "Up"})
    assert world.servers[0].stopped
    assert {} in world.found[1:], "nobody is sent to a server that is gone"
    assert world.engines.as_json()[0]["restarts"] == 1


async def test_a_server_that_does_not_start_is_tried_again(world, capsys):
    world.failures += ["second", "first"]
    world.engines.follow({"main": "models"})
    await world.until(lambda: world.states == {"main": "Up"})
    assert len(world.servers) == 3
    said = capsys.readouterr().err
    assert said.index("pool main: first") < said.index("pool main: second")


async def test_another_repository_is_another_server_after_the_old_one_has_ended(world):
    world.engines.follow({"main": "models"})
    await world.until(lambda: world.states == {"main": "Up"})
    world.engines.follow({"main": "others"})
    await world.until(lambda: len(world.servers) == 2 and world.states == {"main": "Up"})
    assert world.servers[0].stopped
    assert world.servers[1].repository.name == "others"


async def test_a_pool_that_is_gone_has_no_server(world):
    world.engines.follow({"main": "models", "more": "models"})
    await world.until(lambda: world.states == {"main": "Up", "more": "Up"})
    world.engines.follow({"more": "models"})
    await world.until(lambda: world.servers[0].stopped)
    assert world.found[-1] == {"more": ("127.0.0.1:4",)}
