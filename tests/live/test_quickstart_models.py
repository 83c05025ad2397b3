"""The quickstart's models and client, without the worker between them: what they say is then the engine's."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from fourplane_worker.engine import EngineSettings, TritonServer

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def quickstart(triton_install, tmp_path_factory):
    """Copy the example and train its models there."""
    folder = tmp_path_factory.mktemp("quickstart") / "quickstart"
    shutil.copytree(QUICKSTART, folder, ignore=shutil.ignore_patterns("*.onnx", "*.npz", "__pycache__"))
    subprocess.run([triton_install.python, folder / "train.py"], check=True, timeout=60)
    return folder


def run_client(python, folder, *arguments):
    command = [python, folder / "client.py", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


async def test_the_second_model_is_better_and_the_story_streams(triton_install, quickstart, tmp_path):
    settings = EngineSettings(model_repository=quickstart / "models", run_folder=tmp_path)
    server = TritonServer(triton_install, settings)
    at = await server.start(print)
    try:
        found = []
        for model in ("digits_v1", "digits_v2"):
            done = run_client(triton_install.python, quickstart, "--url", at.grpc, "--model", model, "--json")
            assert done.returncode == 0, done.stderr
            found.append(json.loads(done.stdout))
    finally:
        await server.stop()
    assert 0.75 < found[0]["accuracy"] < 0.92 < found[1]["accuracy"]
    assert len(found[0]["story"]["tokens"]) == 24
    assert len(found[0]["cancelled"]["tokens"]) == 5
    assert found[0]["refusal"]["status"] == "NOT_FOUND"


def test_a_client_without_a_server_says_so(triton_install, quickstart):
    done = run_client(triton_install.python, quickstart, "--url", "127.0.0.1:1")
    assert done.returncode == 1
    assert "127.0.0.1:1 does not serve" in done.stderr
