"""A real Kubernetes control plane on the loopback interface: etcd, kube-apiserver, and more on request.

    with ControlPlane(folder) as cluster:
        cluster.apply("apiVersion: v1 ...")
        cluster.kubectl("get", "pods")                       # parsed JSON
        cluster.kubectl_text("get", "pods")                  # what people see
        worker = cluster.service_account("worker")           # a kubeconfig, bound to that account's rights
        cluster.kubectl("get", "secrets", kubeconfig=worker) # raises KubectlError: RBAC is on
        cluster.etcd.pause()                                 # ... resume, kill, stop, start, restart

It has no nodes: pods are stored, and none runs. Without `start_controllers` a deleted namespace stays, owned objects
are not collected and a namespace gets no `default` service account.
"""

import json
import os
import secrets
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from program import LOOPBACK, Program, free_port

FIND = Path(__file__).resolve().parents[2] / "tools" / "cluster.sh"
ISSUER = "https://kubernetes.default.svc"
ADMIN = "admin"
CONTROLLERS = "system:kube-controller-manager"
SCHEDULER = "system:kube-scheduler"


class KubectlError(Exception):
    """What kubectl said when it failed."""


class ControlPlane:
    """One control plane; everything that it writes is below its folder, and everything that it starts it ends."""

    address = LOOPBACK
    """Where the API server listens."""
    groups: Mapping[str, str] = {ADMIN: "system:masters", CONTROLLERS: "", SCHEDULER: ""}
    """Who has a token, and the group of each."""

    def __init__(self, folder: Path, binaries: Mapping[str, Path] | None = None) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.url = f"https://{self.address}:{free_port()}"
        self._binaries = binaries or find_binaries()
        self._stack = ExitStack()
        self._tokens = {name: secrets.token_urlsafe(24) for name in self.groups}
        self._write_files()
        self.admin = self.write_kubeconfig("admin", self._tokens[ADMIN])
        self.etcd = self._etcd()
        self.api_server = self._api_server()
        self.controllers = self._controllers()
        self.scheduler = self._scheduler()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start etcd and the API server, and wait until both are ready."""
        try:
            for program in (self.etcd, self.api_server):
                self._start(program)
        except BaseException:
            self.stop()
            raise

    def start_controllers(self) -> None:
        """Start kube-controller-manager: garbage collection, namespaces, deployments, service accounts."""
        self._start(self.controllers)

    def start_scheduler(self) -> None:
        """Start kube-scheduler; without nodes, pods stay pending and say why."""
        self._start(self.scheduler)

    def stop(self) -> None:
        """End what was started, last first."""
        self._stack.close()

    @property
    def ca_file(self) -> Path:
        """The certificate that clients must trust; it stays the same over restarts."""
        return self.folder / "certs" / "apiserver.crt"

    def kubectl(self, *arguments: str, stdin: str = "", kubeconfig: Path | None = None) -> Any:
        """Run kubectl and return what it says, parsed."""
        return json.loads(self.kubectl_text(*arguments, "--output=json", stdin=stdin, kubeconfig=kubeconfig))

    def kubectl_text(self, *arguments: str, stdin: str = "", kubeconfig: Path | None = None) -> str:
        """Run kubectl, as the admin where no other kubeconfig is given, and return what it prints."""
        command = [str(self._binaries["kubectl"]), f"--kubeconfig={kubeconfig or self.admin}", *arguments]
        environment = {"HOME": str(self.folder), "PATH": os.environ["PATH"]}  # its discovery cache is below HOME
        done = subprocess.run(
            command, input=stdin, check=False, capture_output=True, text=True, env=environment, timeout=60
        )
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}{self._deaths()}")
        return done.stdout

    def apply(self, manifests: str | Path, *, namespace: str = "default", kubeconfig: Path | None = None) -> Any:
        """Apply manifests on the server's side: text, a file, or a folder; return what is stored."""
        source, stdin = (str(manifests), "") if isinstance(manifests, Path) else ("-", manifests)
        return self.kubectl(
            "apply",
            "--server-side",
            f"--namespace={namespace}",
            f"--filename={source}",
            stdin=stdin,
            kubeconfig=kubeconfig,
        )

    def request(
        self, method: str, path: str, body: bytes = b"", *, content_type: str = "application/json"
    ) -> tuple[int, Any]:
        """Ask the API server itself, as the admin, where kubectl would change what it gets; return status and body."""
        headers = {"Authorization": f"Bearer {self._tokens[ADMIN]}", "Content-Type": content_type}
        question = urllib.request.Request(self.url + path, data=body or None, method=method, headers=headers)
        trust = ssl.create_default_context(cafile=self.ca_file)
        try:
            with urllib.request.urlopen(question, timeout=30, context=trust) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def service_account(self, name: str, namespace: str = "default") -> Path:
        """Make the service account unless it is there; return a kubeconfig that acts as it."""
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": namespace}}
        self.apply(json.dumps(account), namespace=namespace)
        return self.kubeconfig_of(name, namespace)

    def kubeconfig_of(self, account: str, namespace: str, *bound: str) -> Path:
        """Return a kubeconfig that acts as a service account; `bound` says to what object, as kubectl words it."""
        token = self.kubectl_text("create", "token", account, f"--namespace={namespace}", *bound).strip()
        name = "-".join([namespace, account, *(each.rpartition("=")[2] for each in bound)])
        return self.write_kubeconfig(name, token, namespace)

    def _start(self, program: Program) -> None:
        self._stack.callback(program.stop)
        program.start()

    def _deaths(self) -> str:
        """Tell which programs don't run, if one that everything needs does not."""
        return "".join(f"\n{p.name} does not run:\n{p.tail()}" for p in (self.etcd, self.api_server) if not p.pid)

    def _program(self, name: str, arguments: list[str], health: str, token: str = "") -> Program:
        command = [str(self._binaries[name]), *arguments]
        log = self.logs / f"{name}.log"
        return Program(command, log, is_ready=lambda: _answers(health, token))

    def _etcd(self) -> Program:
        self._etcd_url = f"http://{LOOPBACK}:{free_port()}"
        peers = f"http://{LOOPBACK}:{free_port()}"
        arguments = [
            "--name=etcd",
            f"--data-dir={self.folder / 'etcd'}",
            "--unsafe-no-fsync",  # a killed process loses nothing by it, only a machine that loses power
            f"--listen-client-urls={self._etcd_url}",
            f"--advertise-client-urls={self._etcd_url}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=etcd={peers}",
            "--log-level=warn",
        ]
        return self._program("etcd", arguments, f"{self._etcd_url}/readyz")

    def _api_server(self) -> Program:
        arguments = [
            f"--etcd-servers={self._etcd_url}",
            f"--bind-address={self.address}",
            f"--secure-port={self.url.rpartition(':')[2]}",
            # The others refuse to publish a loopback address.
            f"--endpoint-reconciler-type={'none' if self.address == LOOPBACK else 'lease'}",
            f"--cert-dir={self.ca_file.parent}",
            f"--token-auth-file={self.folder / 'tokens.csv'}",
            "--authorization-mode=Node,RBAC",
            f"--service-account-issuer={ISSUER}",
            f"--service-account-key-file={self.folder / 'sa.pub'}",
            f"--service-account-signing-key-file={self.folder / 'sa.key'}",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--allow-privileged=true",
        ]
        return self._program("kube-apiserver", arguments, f"{self.url}/readyz", self._tokens[ADMIN])

    def _controllers(self) -> Program:
        arguments = [
            f"--service-account-private-key-file={self.folder / 'sa.key'}",
            f"--root-ca-file={self.ca_file}",
            "--use-service-account-credentials=true",  # each controller has the rights of its own account
        ]
        return self._client("kube-controller-manager", CONTROLLERS, arguments)

    def _scheduler(self) -> Program:
        return self._client("kube-scheduler", SCHEDULER, [])

    def _client(self, name: str, user: str, arguments: list[str]) -> Program:
        port = free_port()
        kubeconfig = self.write_kubeconfig(name, self._tokens[user])
        common = [
            f"--kubeconfig={kubeconfig}",
            "--leader-elect=false",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={port}",
            f"--cert-dir={self.folder / 'certs' / name}",
        ]
        return self._program(name, [*common, *arguments], f"https://{LOOPBACK}:{port}/healthz")

    def _write_files(self) -> None:
        self.logs.mkdir(parents=True)
        lines = [f'{token},{user},{user},"{self.groups[user]}"\n' for user, token in self._tokens.items()]
        (self.folder / "tokens.csv").write_text("".join(lines))
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        (self.folder / "sa.key").write_bytes(private)
        (self.folder / "sa.pub").write_bytes(public)

    def write_kubeconfig(self, name: str, token: str, namespace: str = "default") -> Path:
        """Write a kubeconfig that acts as whoever the token is of."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "it",
            "clusters": [{"name": "it", "cluster": {"server": self.url, "certificate-authority": str(self.ca_file)}}],
            "users": [{"name": "it", "user": {"token": token}}],
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it", "namespace": namespace}}],
        }
        path = self.folder / f"{name}.kubeconfig"
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return path


def find_binaries() -> Mapping[str, Path]:
    """Return where each program is, or would be after `make cluster-tools`."""
    done = subprocess.run([str(FIND), "--find"], check=True, capture_output=True, text=True)
    return {name: Path(path) for name, path in (line.split("\t") for line in done.stdout.splitlines())}


def _answers(url: str, token: str) -> bool:
    """Tell whether a health page says yes; whose certificate it is does not matter for that."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    try:
        with urllib.request.urlopen(request, timeout=2, context=_UNVERIFIED) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


_UNVERIFIED = ssl.create_default_context()
_UNVERIFIED.check_hostname = False
_UNVERIFIED.verify_mode = ssl.CERT_NONE
