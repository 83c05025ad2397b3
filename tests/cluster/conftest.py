"""One real control plane for all tests here, and one of its own for a test that hurts it."""

import json
import shutil
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from control_plane import ControlPlane

CRDS = sorted((Path(__file__).resolve().parents[2] / "crds").glob("fourplane.dev_*.yaml"))
_numbers = count(1)


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Run a control plane that all tests share: leave it running, and work in `namespace`."""
    yield from running_in(tmp_path_factory.mktemp("cluster"))


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[ControlPlane]:
    """Run a control plane for one test, which may pause, kill and restart its programs."""
    yield from running_in(tmp_path / "cluster")


@pytest.fixture(scope="session")
def definitions(cluster: ControlPlane) -> ControlPlane:
    """Give the shared control plane, with our definitions in it."""
    install_definitions(cluster)
    return cluster


@pytest.fixture
def own_definitions(own_cluster: ControlPlane) -> ControlPlane:
    """Give a test its own control plane, with our definitions in it."""
    install_definitions(own_cluster)
    return own_cluster


@pytest.fixture
def namespace(cluster: ControlPlane) -> str:
    """Make a namespace for one test; it goes when the control plane goes."""
    name = f"test-{next(_numbers)}"
    cluster.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
    return name


def running_in(folder: Path) -> Iterator[ControlPlane]:
    """Run a control plane; its logs stay when it ends, and what etcd stored, which is large, does not."""
    try:
        with ControlPlane(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder / "etcd", ignore_errors=True)


def install_definitions(cluster: ControlPlane) -> None:
    """Apply crds/*.yaml and wait until their resources are served."""
    for path in CRDS:
        cluster.apply(path)
    files = [f"--filename={path}" for path in CRDS]
    cluster.kubectl_text("wait", "--for=condition=Established", "--timeout=30s", *files)
