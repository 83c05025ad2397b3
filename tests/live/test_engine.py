"""A real Triton as a child process: it starts, serves, is killed, comes again and explains itself."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy
import pytest
import tritonclient.grpc as client

from fourplane_worker.engine import EngineSettings, EngineStartError, TritonServer
from fourplane_worker.engine.launch import memory_prefix
from fourplane_worker.engine.orphans import SHARED_MEMORY
from fourplane_worker.engine.processes import ProcessMark, mark, members, read_mark

MODELS = Path(__file__).parent / "models"

pytestmark = pytest.mark.timeout(120)


def repository(folder: Path, *models: str) -> Path:
    folder.mkdir()
    for model in models:
        (folder / model).symlink_to(MODELS / model)
    return folder


@pytest.fixture
def settings(tmp_path):
    models = repository(tmp_path / "models", "add_sub")
    return EngineSettings(model_repository=models, run_folder=tmp_path / "run")


def add(address: str) -> int:
    with client.InferenceServerClient(address) as opened:
        inputs = [client.InferInput(name, [1, 4], "INT32") for name in "ab"]
        for each in inputs:
            each.set_data_from_numpy(numpy.full((1, 4), 21, numpy.int32))
        return int(opened.infer("add_sub", inputs, client_timeout=20).as_numpy("sum")[0, 0])


def leftovers(settings: EngineSettings) -> list[Path]:
    return list(SHARED_MEMORY.glob(f"{memory_prefix(settings)}*"))


async def test_an_engine_serves_and_stops_without_a_trace(triton_install, settings):
    server = TritonServer(triton_install, settings)
    at = await server.start(print)
    assert await asyncio.to_thread(add, at.grpc) == 42
    await server.stop()
    assert server.exited.done()
    assert mark(server.pid) is None
    assert [entry.name for entry in settings.run_folder.iterdir() if entry.suffix == ".pid"] == []
    assert leftovers(settings) == []
    await server.stop()


async def test_a_killed_engine_is_noticed_and_can_be_started_again(triton_install, settings):
    server = TritonServer(triton_install, settings)
    await server.start(print)
    first = server.pid
    os.kill(first, signal.SIGKILL)
    assert await asyncio.wait_for(asyncio.shield(server.exited), 20) == -signal.SIGKILL
    assert members(first, triton_install.root) == []
    assert leftovers(settings) == []
    try:
        at = await server.start(print)
        assert await asyncio.to_thread(add, at.grpc) == 42
    finally:
        await server.stop()


async def test_two_processes_do_not_share_one_engine(triton_install, settings):
    server, second = TritonServer(triton_install, settings), TritonServer(triton_install, settings)
    await server.start(print)
    try:
        with pytest.raises(EngineStartError, match="Another process runs the engine triton"):
            await second.start(print)
        assert not server.exited.done()
    finally:
        await server.stop()


async def test_a_broken_repository_is_explained_by_the_log(triton_install, tmp_path):
    models = repository(tmp_path / "models", "add_sub")
    version = models / "broken" / "1"
    version.mkdir(parents=True)
    (version / "model.py").write_text("import a_package_that_nobody_has\n")
    config = (MODELS / "add_sub" / "config.pbtxt").read_text().replace("add_sub", "broken")
    (version.parent / "config.pbtxt").write_text(config)
    server = TritonServer(triton_install, EngineSettings(model_repository=models, run_folder=tmp_path / "run"))
    with pytest.raises(EngineStartError, match="a_package_that_nobody_has") as raised:
        await server.start(print)
    assert "failed to load all models" in raised.value.tail[-1]
    assert mark(server.pid) is None


async def test_a_missing_repository_is_explained_too(triton_install, tmp_path):
    nowhere = EngineSettings(model_repository=tmp_path / "nowhere", run_folder=tmp_path / "run")
    with pytest.raises(EngineStartError, match="nowhere"):
        await TritonServer(triton_install, nowhere).start(print)


PARENT = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from fourplane_worker.engine import EngineSettings, TritonServer, default_cache, provision

    async def main():
        settings = EngineSettings(model_repository=Path(sys.argv[1]), run_folder=Path(sys.argv[2]))
        server = TritonServer(provision(default_cache(), lambda line: None), settings)
        await server.start(lambda line: None)
        print("ready", flush=True)
        await server.exited

    asyncio.run(main())
""")


def orphaned(settings: EngineSettings, *, hung: bool) -> ProcessMark:
    command = [sys.executable, "-c", PARENT, str(settings.model_repository), str(settings.run_folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout.readline() == b"ready\n"
        orphan = read_mark(settings.run_folder / "triton.pid")
        assert mark(orphan.pid) == orphan
        if hung:
            os.kill(orphan.pid, signal.SIGSTOP)
        parent.kill()
    return orphan


async def test_an_engine_does_not_outlive_a_killed_parent_for_long(triton_install, settings):
    orphan = await asyncio.to_thread(orphaned, settings, hung=False)
    # At once, while the orphan is still about to end: the new one must neither meet nor leave it.
    server = TritonServer(triton_install, settings)
    try:
        at = await server.start(print)
        assert mark(orphan.pid) != orphan
        assert await asyncio.to_thread(add, at.grpc) == 42
    finally:
        await server.stop()


async def test_an_orphan_that_hangs_is_ended_at_the_next_start(triton_install, settings):
    orphan = await asyncio.to_thread(orphaned, settings, hung=True)
    news: list[str] = []
    server = TritonServer(triton_install, settings)
    try:
        at = await server.start(news.append)
        assert "ended a Triton that an earlier run had left behind" in news
        assert mark(orphan.pid) != orphan
        assert members(orphan.pid, triton_install.root) == []
        assert await asyncio.to_thread(add, at.grpc) == 42
    finally:
        await server.stop()
