"""The API server's own judgement, from kubectl-validate."""

import json
import os
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
WHOLE = "<nil>"
"""The field of a complaint about the document itself."""


@dataclass(frozen=True)
class Cause:
    """One thing that the API server would complain of."""

    field: str
    message: str


Judge = Callable[[Iterable[Path]], Mapping[Path, tuple[Cause, ...]]]


def _binary() -> Path:
    """Return the pinned kubectl-validate, or that of the folder in FOURPLANE_TOOLS."""
    if folder := os.environ.get("FOURPLANE_TOOLS"):
        path = Path(folder) / "kubectl-validate"
    else:
        command = [str(ROOT / "tools/build.sh"), "--path", "kubectl-validate"]
        path = Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    if not path.exists():
        pytest.fail(f"kubectl-validate is missing: run `make tools` (expected at {path})")
    return path


@pytest.fixture(scope="session")
def judge(tmp_path_factory) -> Judge:
    """Give a function from files to what is wrong with each; nothing, where a file is valid."""
    binary = _binary()
    home = tmp_path_factory.mktemp("home")
    # Without a kubeconfig it asks no cluster.
    environment = {"HOME": str(home), "KUBECONFIG": str(home / "none"), "PATH": os.environ["PATH"]}

    def run(files: Iterable[Path]) -> Mapping[Path, tuple[Cause, ...]]:
        command = [str(binary), "--local-crds", str(ROOT / "crds"), "--output", "json", *map(str, files)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        found = json.JSONDecoder().raw_decode(done.stdout)[0]
        return {Path(name): _causes(statuses) for name, statuses in found.items()}

    return run


def _causes(statuses: list[dict]) -> tuple[Cause, ...]:
    return tuple(
        Cause(cause.get("field", "").replace(WHOLE, ""), cause["message"])
        for status in statuses
        if status["status"] != "Success"
        for cause in status.get("details", {}).get("causes", [{"message": status["message"]}])
    )
