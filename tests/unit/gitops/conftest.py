"""Asks the tools themselves: what Argo CD, Flux and kstatus say of an object."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from recording import FLUX, HEALTH, ROOT

Ask = Callable[[str, Iterable[Path]], list[Mapping[str, str]]]
RULES = {"argocd": [HEALTH / "health.lua"], "flux": [FLUX], "kstatus": []}


@pytest.fixture(scope="session")
def ask() -> Ask:
    """Give a function from a tool's name and files to what it says of each."""
    build = str(ROOT / "tools/build.sh")
    binary = subprocess.run([build, "--path", "health"], check=True, capture_output=True, text=True).stdout.strip()
    if not Path(binary).exists():
        pytest.fail(f"the program health is missing: run `make tools` (expected at {binary})")

    def run(tool: str, files: Iterable[Path]) -> list[Mapping[str, str]]:
        command = [binary, tool, *map(str, RULES[tool]), *map(str, files)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run
