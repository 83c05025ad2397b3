"""What a kubelet does for a worker's pod, done by a test: its files, its token, its process and its readiness."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from control_plane import ControlPlane
from program import free_port
from system_worker import PATIENCE_S, eventually

COMMAND = (sys.executable, "-m", "fourplane_cli")


class RunningPod:
    """One container of one pod, run as its Deployment says, but for paths and addresses."""

    def __init__(self, cluster: ControlPlane, pod: dict[str, Any], folder: Path) -> None:
        """Mount what is to be mounted, and start it."""
        self.cluster = cluster
        self.name, self.namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        self.uid = pod["metadata"]["uid"]
        (container,) = pod["spec"]["containers"]
        root = folder / self.name
        self._mount(pod, container, root)
        self._metrics = free_port()
        variables = {one["name"]: _field(pod, one["valueFrom"]["fieldRef"]["fieldPath"]) for one in container["env"]}
        arguments = [self._placed(one, variables, root) for one in container["args"]]
        with (folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*COMMAND, *arguments, "--kubeconfig", str(self._token(pod))],
                stdout=log,
                stderr=log,
                env={"PATH": "/usr/bin:/bin", **variables},
            )
        self._probes = container

    def gets_ready(self) -> None:
        """Probe it as its pod says, until it is ready, and say so."""
        for probe in ("startupProbe", "readinessProbe"):
            page = self._probes[probe]["httpGet"]["path"]
            eventually(lambda page=page: self._answers(page), f"{page} of {self.name} is good")
        self._says("True")

    def is_not_ready(self) -> None:
        """Say that its probe fails, whatever it answers."""
        self._says("False")

    def _says(self, ready: str) -> None:
        status = {"phase": "Running", "conditions": [{"type": "Ready", "status": ready}]}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{self.name}/status"
        body = json.dumps({"status": status}).encode()
        answer, said = self.cluster.request("PATCH", path, body, content_type="application/merge-patch+json")
        assert answer == 200, said

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(PATIENCE_S)

    def _mount(self, pod: dict[str, Any], container: dict[str, Any], root: Path) -> None:
        volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
        for mount in container["volumeMounts"]:
            if mount["name"].startswith("kube-api-access"):
                continue
            place = root / mount["mountPath"].lstrip("/")
            place.mkdir(parents=True, exist_ok=True)
            if source := volumes[mount["name"]].get("configMap"):
                found = self.cluster.kubectl("get", "configmap", source["name"], f"--namespace={self.namespace}")
                for name, text in found["data"].items():
                    (place / name).write_text(text)

    def _placed(self, argument: str, variables: dict[str, str], root: Path) -> str:
        text = re.sub(r"\$\((\w+)\)", lambda found: variables[found[1]], argument)
        text = text.replace("0.0.0.0:8011", "127.0.0.1:0").replace("0.0.0.0:8012", f"127.0.0.1:{self._metrics}")
        return re.sub(r"=(/(var|etc)/)", rf"={root}\1", text)

    def _token(self, pod: dict[str, Any]) -> Path:
        bound = {"kind": "Pod", "name": self.name, "uid": self.uid}
        options = (f"--bound-object-{key}={value}" for key, value in bound.items())
        return self.cluster.kubeconfig_of(pod["spec"]["serviceAccountName"], self.namespace, *options)

    def _answers(self, page: str) -> bool:
        asked = ["curl", "--silent", "--fail", "--output", "/dev/null", f"http://127.0.0.1:{self._metrics}{page}"]
        assert self.process.poll() is None, "the worker ended"
        return subprocess.run(asked, check=False).returncode == 0


def _field(pod: dict[str, Any], path: str) -> str:
    section, _, name = path.partition(".")
    return str(pod[section][name])
