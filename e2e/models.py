"""The quickstart's models, in a PersistentVolumeClaim: a Job copies them there from a ConfigMap."""

import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import assemble
from target import ROOT, RUNTIMES, Target

QUICKSTART = ROOT / "examples" / "quickstart"
_COPY = """
import pathlib, shutil
for source in sorted(pathlib.Path("/given").iterdir()):
    if source.is_file():
        target = pathlib.Path("/models/quickstart", *source.name.split("..."))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
"""


def train(folder: Path) -> Path:
    """Train the quickstart's models in a copy of it, and return that."""
    copy = folder / "quickstart"
    shutil.copytree(QUICKSTART, copy, ignore=shutil.ignore_patterns("*.onnx", "*.npz", "__pycache__"))
    subprocess.run([assemble.models_python(), copy / "train.py"], check=True, stdout=subprocess.DEVNULL)
    return copy


def put(target: Target, quickstart: Path, folder: Path | None) -> None:
    """Fill the claim `models`; with a folder of the node, make a volume of it, else leave that to the cluster."""
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "64Mi"}}}
    if folder is not None:
        folder.mkdir(mode=0o777)
        folder.chmod(0o777)  # whatever the umask is: the Job is not root
        claim |= {"storageClassName": "", "volumeName": "models"}
        volume = {
            "capacity": {"storage": "64Mi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": str(folder)},
            "claimRef": {"namespace": RUNTIMES, "name": "models"},
        }
        target.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "models"}, "spec": volume})
    target.apply(
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "models"}, "spec": claim},
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "models"},
            "binaryData": _files(quickstart / "models"),
        },
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "models"}, "spec": _job(target)},
    )
    target.wait("--for=condition=Complete", "job/models")


def _files(models: Path) -> dict[str, str]:
    files = [path for path in models.rglob("*") if path.is_file()]
    return {"...".join(path.relative_to(models).parts): b64encode(path.read_bytes()).decode() for path in files}


def _job(target: Target) -> dict[str, object]:
    container = {
        "name": "copy",
        "image": target.image,
        "imagePullPolicy": target.pull_policy,
        "command": ["python3", "-c", _COPY],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "volumeMounts": [{"name": "given", "mountPath": "/given"}, {"name": "models", "mountPath": "/models"}],
    }
    volumes = [
        {"name": "given", "configMap": {"name": "models"}},
        {"name": "models", "persistentVolumeClaim": {"claimName": "models"}},
    ]
    security = {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    pod = {"restartPolicy": "Never", "containers": [container], "volumes": volumes, "securityContext": security}
    return {"backoffLimit": 2, "template": {"spec": pod}}
