"""`fourplane operator` as a process, under exactly the rights that the chart grants."""

import copy
import json
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chart_rbac import Rights, install_rights
from control_plane import ControlPlane
from system_worker import PATIENCE_S, Metrics, eventually

from fourplane_wire.signing import SigningKey

OUR_API = "/apis/fourplane.dev/v1alpha1"
OURS = {
    "rtd": "runtimedeployments",
    "mroute": "modelroutes",
    "runtimeactivation": "runtimeactivations",
    "configsnapshot": "configsnapshots",
    "configshard": "configshards",
    "workerreport": "workerreports",
}
"""What people write, and the plural that the API server knows."""
COMMAND = (sys.executable, "-m", "fourplane_cli", "operator")


class Site:
    """A namespace with the chart's rights in it, and a key that its operators sign with."""

    def __init__(self, cluster: ControlPlane, namespace: str, folder: Path, also: Sequence[str] = ()) -> None:
        """Install the rights there: the namespace is the release's own, and watched with those that are so `also`."""
        self.cluster = cluster
        self.namespace = namespace
        self.folder = folder
        self.rights: Rights = install_rights(cluster, namespace, watchNamespaces=[namespace, *also])
        self.watched = [namespace, *also]
        self.key = folder / "signing.key"
        key = SigningKey(secrets.token_bytes(32))
        self.key.write_bytes(key.pem())
        self.public_key = folder / "signing.key.pub"
        self.public_key.write_bytes(key.public.pem())

    def at(self, namespace: str) -> "Site":
        """Return the same site, looked at in another namespace."""
        there = copy.copy(self)
        there.namespace = namespace
        return there

    def apply(self, *documents: dict[str, Any]) -> None:
        """Apply resources on the server's side, as a pipeline would."""
        self.cluster.apply("\n---\n".join(map(json.dumps, documents)), namespace=self.namespace)

    def get(self, kind: str, name: str = "") -> dict[str, Any]:
        """Return an object, or a List; asked without kubectl where that is easy, since tests look often."""
        names = [name] if name else []
        if (plural := OURS.get(kind, kind)) in OURS.values():
            path = "/".join((OUR_API, "namespaces", self.namespace, plural, *names))
            status, found = self.cluster.request("GET", path)
            assert status == 200, found
            return (
                found
                if name
                else found
                | {
                    "items": [
                        one | {"kind": found["kind"][:-4], "apiVersion": found["apiVersion"]} for one in found["items"]
                    ]
                }
            )
        return self.cluster.kubectl("get", kind, *names, f"--namespace={self.namespace}")

    def items(self, kind: str) -> list[dict[str, Any]]:
        """Return all objects of a kind."""
        return self.get(kind)["items"]

    def conditions(self, kind: str, name: str) -> dict[str, dict[str, Any]]:
        """Return the conditions of a resource by type."""
        return {one["type"]: one for one in self.get(kind, name).get("status", {}).get("conditions", ())}

    def until(self, kind: str, name: str, condition: str, status: str, reason: str = "") -> dict[str, Any]:
        """Wait until a condition of the latest generation is so, and return it."""

        def look() -> dict[str, Any]:
            found = self.get(kind, name)
            one = next((c for c in found.get("status", {}).get("conditions", ()) if c["type"] == condition), {})
            return one if one.get("observedGeneration") == found["metadata"]["generation"] else {}

        return eventually(
            look,
            f"{kind}/{name} has {condition}={status} {reason}",
            lambda one: one.get("status") == status and (not reason or one["reason"] == reason),
        )

    def active(self, name: str = "shop") -> dict[str, Any]:
        """Return the spec of an activation; empty where there is none."""
        found = [one for one in self.items("runtimeactivations") if one["metadata"]["name"] == name]
        return found[0]["spec"] if found else {}

    def activates(self, name: str = "shop", after: str = "") -> dict[str, Any]:
        """Wait for an activation of another snapshot than `after`."""
        return eventually(lambda: self.active(name), "a snapshot is active", lambda s: s and s["stable"] != after)


class Operator:
    """One `fourplane operator`."""

    def __init__(self, site: Site, log: Path, *options: str) -> None:
        """Start it; `options` come on top."""
        self.site = site
        self._log = log
        self._command = [
            *(*COMMAND, *(f"--namespace={each}" for each in site.watched), "--signing-key", str(site.key)),
            *("--kubeconfig", str(site.rights.operator), "--lease-namespace", site.namespace),
            *("--lease-name", site.rights.lease, "--metrics", "127.0.0.1:0", *options),
        ]
        self.start()

    def start(self) -> None:
        """Start it, and wait until its pages are there."""
        before = len(self.logged("pages for machines"))
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stderr=log)
        said = eventually(lambda: self.logged("pages for machines")[before:], "the operator serves its pages")
        self._pages = f"http://{said[0]['address']}"

    def leads(self) -> "Operator":
        """Wait until it leads."""
        eventually(lambda: self.metrics().value("fourplane_operator_leader") == 1, "the operator leads")
        return self

    def metrics(self) -> Metrics:
        """Return its metrics now."""
        with urllib.request.urlopen(f"{self._pages}/metrics", timeout=PATIENCE_S) as answer:
            return Metrics(answer.read().decode())

    def not_ready(self) -> str:
        """Return why it is not ready; empty: it is."""
        try:
            with urllib.request.urlopen(f"{self._pages}/readyz", timeout=PATIENCE_S):
                return ""
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it, and return its exit status."""
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)

    def pause(self) -> None:
        """Stop it in the middle of whatever it does."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it if it runs, and require that it ends well."""
        if self.process.poll() is None:
            self.resume()
            assert self.end() == 0, self._log.read_text()

    def log(self) -> list[dict[str, Any]]:
        """Return the lines of its log."""
        text = self._log.read_text() if self._log.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    def logged(self, text: str) -> list[dict[str, Any]]:
        """Return the lines of its log whose message has a text."""
        return [line for line in self.log() if text in line["message"]]
