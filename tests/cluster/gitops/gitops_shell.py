"""Runs what people would type."""

import subprocess
from collections.abc import Mapping
from pathlib import Path


def sh(script: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script, and stop at the first command that fails."""
    command = ["sh", "-euc", script]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, env=environment)
