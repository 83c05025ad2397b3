"""The charts' objects as helm renders them."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "fourplane"
CRDS = ROOT / "charts" / "fourplane-crds"
RELEASE = "fourplane"


def helm() -> Path:
    """Return where helm is, or would be after `make cluster-tools`."""
    found = subprocess.run([str(ROOT / "tools/build.sh"), "--path", "helm"], check=True, capture_output=True, text=True)
    return Path(found.stdout.strip())


def rendered_text(
    namespace: str = "fourplane-system", chart: Path = CHART, *, options: Sequence[str] = (), **values: Any
) -> str:
    """Return what the chart renders with these values."""
    command = [str(helm()), "template", RELEASE, str(chart), f"--namespace={namespace}", "--values=-", *options]
    done = subprocess.run(command, input=json.dumps(values), check=False, capture_output=True, text=True)
    if done.returncode:
        raise ValueError(done.stderr)
    return done.stdout


def rendered(namespace: str = "fourplane-system", chart: Path = CHART, **values: Any) -> list[dict[str, Any]]:
    """Return the objects that the chart renders with these values."""
    return [each for each in yaml.safe_load_all(rendered_text(namespace, chart, **values)) if each]


def container(deployment: dict[str, Any]) -> dict[str, Any]:
    """Return the only container of a Deployment."""
    (only,) = deployment["spec"]["template"]["spec"]["containers"]
    return only


def arguments(deployment: dict[str, Any]) -> dict[str, str]:
    """Return the options that the only container is started with, each once."""
    return dict(each.removeprefix("--").split("=", 1) for each in container(deployment)["args"] if "=" in each)
