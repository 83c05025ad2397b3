"""Who calls from outside of the cluster: each in a process of its own, with Triton's own client."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from target import ROOT

CLIENT = ROOT / "examples" / "quickstart" / "client.py"
LOAD = ROOT / "e2e" / "load.py"


def tour(url: str, heldout: Path) -> dict[str, Any]:
    """Run the quickstart's client with those images; return what it found."""
    command = [sys.executable, str(CLIENT), f"--url={url}", f"--heldout={heldout}", "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@contextmanager
def calling(url: str) -> Iterator[dict[str, Any]]:
    """Keep calls coming; what came of them is in the dictionary afterwards."""
    found: dict[str, Any] = {}
    command = [sys.executable, str(LOAD), url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as load:
        try:
            yield found
        finally:
            output, _ = load.communicate()
    found |= json.loads(output)
