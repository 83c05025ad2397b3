"""The cluster that the tests run on, as kubectl and helm see it, and what was put into it."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OPERATORS = "fourplane-e2e"
RUNTIMES = "fourplane-e2e-shop"
PATIENCE = "180s"


class CommandError(Exception):
    """What a program said when it failed."""


@dataclass(frozen=True)
class Target:
    """One cluster."""

    kubeconfig: Path
    home: Path
    """A folder for what kubectl and helm remember, with the quickstart and its trained models in it."""
    programs: Mapping[str, Path]
    """kubectl and helm."""
    address: str
    """Where a port of a node is reached."""
    image: str
    triton_image: str
    pull_policy: str

    @property
    def heldout(self) -> Path:
        """Images that the models were not trained with."""
        return self.home / "quickstart" / "heldout.npz"

    def run(self, program: str, *arguments: str, stdin: str = "", within_s: float = 240) -> str:
        """Run kubectl or helm, and return what it prints."""
        environment = {"HOME": str(self.home), "PATH": os.environ["PATH"], "KUBECONFIG": str(self.kubeconfig)}
        command = [str(self.programs[program]), *arguments]
        done = subprocess.run(
            command, input=stdin, check=False, capture_output=True, text=True, env=environment, timeout=within_s
        )
        if done.returncode:
            raise CommandError(f"{program} {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def kubectl(self, *arguments: str, namespace: str = RUNTIMES, stdin: str = "") -> str:
        """Run kubectl in a namespace."""
        return self.run("kubectl", f"--namespace={namespace}", *arguments, stdin=stdin)

    def get(self, *arguments: str, namespace: str = RUNTIMES) -> Any:
        """Return what `kubectl get` finds."""
        return json.loads(self.kubectl("get", *arguments, "--output=json", namespace=namespace))

    def apply(self, *documents: Mapping[str, Any], namespace: str = RUNTIMES) -> None:
        """Apply objects on the server's side."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        self.kubectl("apply", "--server-side", "--filename=-", namespace=namespace, stdin=text)

    def wait(self, *arguments: str, namespace: str = RUNTIMES) -> None:
        """Run `kubectl wait`, with patience."""
        self.kubectl("wait", f"--timeout={PATIENCE}", *arguments, namespace=namespace)

    def rolled_out(self, deployment: str, namespace: str = RUNTIMES) -> None:
        """Wait until a Deployment is what it shall be."""
        self.kubectl("rollout", "status", f"deployment/{deployment}", f"--timeout={PATIENCE}", namespace=namespace)

    def install(self, chart: str, namespace: str, **values: Any) -> None:
        """Install a chart of ours, or upgrade it, and wait until it works."""
        release = ["upgrade", "--install", chart, str(ROOT / "charts" / chart), f"--namespace={namespace}"]
        self.run("helm", *release, "--values=-", "--wait", f"--timeout={PATIENCE}", stdin=json.dumps(values))

    def url(self, service: str) -> str:
        """Return the address of a Service from outside of the cluster."""
        (port,) = self.get("service", service)["spec"]["ports"]
        return f"{self.address}:{port['nodePort']}"

    def report(self) -> str:
        """Tell what is there, for whoever has to find out why a test failed."""
        found = [self._said("get", "pods,fourplane,fourplane-internal", "--all-namespaces", "--output=wide")]
        found.append(self._said("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"))
        found += [
            self._said("describe", kind, f"--namespace={RUNTIMES}")
            for kind in ("pods", "runtimedeployments,modelroutes")
        ]
        for namespace, labels in (
            (OPERATORS, "app.kubernetes.io/component=operator"),
            (RUNTIMES, "app.kubernetes.io/component=worker"),
            (RUNTIMES, "app.kubernetes.io/component=engine"),
        ):
            found.append(self._said("logs", f"--namespace={namespace}", f"--selector={labels}", "--tail=60"))
        return "\n\n".join(found)

    def _said(self, *arguments: str) -> str:
        try:
            return f"==> kubectl {' '.join(arguments)}\n{self.run('kubectl', *arguments)}"
        except (CommandError, subprocess.TimeoutExpired) as error:
            return str(error)
