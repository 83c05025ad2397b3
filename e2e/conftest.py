"""The cluster that these tests run on: a node of our own, or the one of E2E_KUBECONFIG."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "images"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "cluster"))

import assemble
import models
from control_plane import find_binaries
from node import ADDRESS, Node, find_node_binaries
from target import OPERATORS, RUNTIMES, Target

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """Give a cluster with two namespaces that take restricted pods alone, and the models in a claim."""
    folder = tmp_path_factory.mktemp("e2e")
    quickstart = models.train(folder)
    for found, volume in given(folder) if os.environ.get("E2E_KUBECONFIG") else built(folder):
        for name in (OPERATORS, RUNTIMES):
            if found.kubectl("get", "namespace", name, "--ignore-not-found", "--output=name"):
                pytest.exit(f"the namespace {name} is there already: what is in it is not ours to remove", 1)
            found.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}})
        models.put(found, quickstart, volume)
        yield found
        if request.session.testsfailed:
            capture = request.config.pluginmanager.getplugin("capturemanager")
            with capture.global_and_fixture_disabled():
                print(f"\n{found.report()}", flush=True)
        if volume is None:
            found.kubectl("delete", "namespace", OPERATORS, RUNTIMES, "--ignore-not-found")


def built(folder: Path) -> Iterator[tuple[Target, Path | None]]:
    """Build a node, with our images on it."""
    images = {name: assemble.archive_of(name) for name in ("fourplane", "triton")}
    with Node(folder / "node") as node:
        for archive in images.values():
            node.import_image(archive)
        names = assemble.NAMES["fourplane"], assemble.NAMES["triton"]
        yield Target(node.admin, folder, programs(), ADDRESS, *names, pull_policy="Never"), folder / "volume"


def given(folder: Path) -> Iterator[tuple[Target, Path | None]]:
    """Take the cluster that was named, where the images are, or can be pulled from."""
    kubeconfig = Path(os.environ["E2E_KUBECONFIG"]).absolute()
    names = [os.environ.get(f"E2E_{name.upper()}_IMAGE", each) for name, each in assemble.NAMES.items()]
    command = [str(programs()["kubectl"]), f"--kubeconfig={kubeconfig}", "get", "nodes"]
    where = '--output=jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}'
    address = os.environ.get("E2E_ADDRESS") or subprocess.check_output([*command, where], text=True)
    yield Target(kubeconfig, folder, programs(), address, *names, pull_policy="IfNotPresent"), None


def programs() -> dict[str, Path]:
    """Return where the programs are that tests run."""
    return {"kubectl": find_binaries()["kubectl"], "helm": find_node_binaries()["helm"]}
