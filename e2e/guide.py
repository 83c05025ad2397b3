"""The commands of docs/kubernetes.md, run as a reader would run them, on the cluster of these tests."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

from target import OPERATORS, ROOT, RUNTIMES, CommandError, Target

PAGE = (ROOT / "docs" / "kubernetes.md").read_text()
INSTALL, SERVE, REMOVE = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def follow(target: Target, commands: str, **values: Any) -> str:
    """Run commands of the guide where its files are; `values` are what the reader has in operator.yaml."""
    place = _place(target)
    here = commands.replace("fourplane-system", OPERATORS).replace("namespace shop", f"namespace {RUNTIMES}")
    (place / "operator.yaml").write_text(json.dumps(values))
    environment = {
        "HOME": str(target.home),
        "KUBECONFIG": str(target.kubeconfig),
        "PATH": f"{place / 'bin'}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", here],
        cwd=place,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=400,
    )
    if done.returncode:
        raise CommandError(f"{here}: {done.stderr.strip()}")
    return done.stdout


def _place(target: Target) -> Path:
    place = target.home / "guide"
    (place / "bin").mkdir(parents=True, exist_ok=True)
    links = {f"bin/{name}": path for name, path in target.programs.items()}
    links |= {name: ROOT / name for name in ("charts", "e2e", "examples")}
    for name, path in links.items():
        if not (place / name).is_symlink():
            (place / name).symlink_to(path)
    return place
