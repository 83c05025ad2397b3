"""Asks the tools themselves: what Argo CD, Flux and kstatus say of an object."""

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from recording import FLUX, HEALTH, ROOT

RULES = {"argocd": [HEALTH / "health.lua"], "flux": [FLUX], "kstatus": []}


def tool(name: str) -> Path:
    """Return one of the pinned Go programs."""
    command = [str(ROOT / "tools/build.sh"), "--path", name]
    path = Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    if not path.exists():
        pytest.fail(f"{name} is missing: run `make tools` (expected at {path})")
    return path


def ask(judge: str, files: Iterable[Path]) -> list[Mapping[str, str]]:
    """Return what one of them says of each file."""
    command = [str(tool("health")), judge, *map(str, RULES[judge]), *map(str, files)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]
