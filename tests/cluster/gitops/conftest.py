"""What pipelines and GitOps tools run, with a real API server behind it."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "unit/gitops"))

from control_plane import ControlPlane, find_binaries
from recording import ROOT


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """Give a folder to work in, with this checkout's `gitops` in it."""
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "gitops").symlink_to(ROOT / "gitops")
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """Give an environment with kubectl and fourplane."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(find_binaries()["kubectl"])
    paths = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {"PATH": os.pathsep.join(paths), "HOME": str(tmp_path), "NO_COLOR": "1"}


@pytest.fixture
def at_cluster(environment: Mapping[str, str], definitions: ControlPlane) -> Mapping[str, str]:
    """Give the same with a cluster that has our definitions, and the namespaces that the examples name."""
    for name in ("argocd", "production"):
        definitions.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
    return {**environment, "KUBECONFIG": str(definitions.admin)}
