"""A node that runs pods, beside its control plane, in namespaces of its own (tools/e2e.sh): no machine is touched.

    with Node(folder) as node:
        node.import_image(Path("fourplane.tar"))
        node.apply("apiVersion: v1 ...")

Nothing reaches it from outside these namespaces and it reaches nothing: images are imported, there is no registry.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import node_files
from control_plane import ADMIN, CONTROLLERS, SCHEDULER, ControlPlane, find_binaries
from program import Program, ProgramError

ROOT = Path(__file__).resolve().parents[1]

NAME = "e2e"
ADDRESS = "10.250.0.1"
BRIDGE = "fourplane0"
PLUGINS = Path("/usr/lib/cni")
KUBELET, PROXY = f"system:node:{NAME}", "system:kube-proxy"


class Node(ControlPlane):
    """One node and what controls it; it writes below its folder, and ends everything that it starts."""

    address = ADDRESS
    groups: Mapping[str, str] = {
        ADMIN: "system:masters",
        CONTROLLERS: "",
        SCHEDULER: "",
        KUBELET: "system:nodes",
        PROXY: "",
    }

    def __init__(self, folder: Path) -> None:
        check_namespaces()
        make_network()
        mount_run()
        make_groups(os.environ["E2E_CGROUP"])
        super().__init__(folder, {**find_binaries(), **find_node_binaries()})
        self.api_server.command.append(
            "--kubelet-preferred-address-types=InternalIP"
        )  # nothing resolves the node's name
        self._files = node_files.NodeFiles(folder, os.environ["E2E_CGROUP"])
        self.containerd = self._containerd()
        self.kubelet = self._kubelet()
        self.proxy = self._proxy()

    def start(self) -> None:
        """Start everything, and wait until pods would run."""
        super().start()
        try:
            self.start_controllers()
            self.start_scheduler()
            for program in (self.containerd, self.kubelet, self.proxy):
                self._start(program)
            self.import_image(node_files.pause_image(self.folder, self._binaries["pause"]))
            self.kubectl_text("wait", "--for=create", f"node/{NAME}", "--timeout=60s")
            self.kubectl_text("wait", "--for=condition=Ready", f"node/{NAME}", "--timeout=60s")
        except BaseException:
            self.stop()
            raise

    def import_image(self, archive: Path) -> None:
        """Make an image known to the node, as `docker load` would."""
        command = [str(self._binaries["ctr"]), f"--address={self._files.socket}", "--namespace=k8s.io"]
        done = subprocess.run(
            [*command, "images", "import", "--local", str(archive)], check=False, capture_output=True, text=True
        )
        if done.returncode:
            raise ProgramError(f"{archive}: {done.stderr.strip()}")

    def stop(self) -> None:
        """End the pods, then the programs, last first; logs stay, and what is large does not."""
        if self.kubelet.pid:
            self._end_pods()
        super().stop()
        shutil.rmtree(self.folder / "etcd", ignore_errors=True)

    def _end_pods(self) -> None:
        self.kubelet.stop()
        tasks = [str(self._binaries["ctr"]), f"--address={self._files.socket}", "--namespace=k8s.io", "tasks"]
        running = subprocess.run([*tasks, "list", "--quiet"], check=False, capture_output=True, text=True)
        for task in running.stdout.split():
            subprocess.run([*tasks, "delete", "--force", task], check=False, capture_output=True)

    def _containerd(self) -> Program:
        shims = self.folder / "bin"  # a shim is looked for by its name on PATH
        shims.mkdir()
        (shims / "containerd-shim-runc-v2").symlink_to(self._binaries["containerd-shim-runc-v2"])
        path = f"PATH={shims}:{os.environ['PATH']}:/usr/sbin:/sbin"
        command = ["/usr/bin/env", path, str(self._binaries["containerd"]), f"--config={self._files.containerd()}"]
        return Program(command, self.logs / "containerd.log", is_ready=self._files.socket.exists)

    def _kubelet(self) -> Program:
        arguments = [
            f"--config={self._files.kubelet()}",
            f"--kubeconfig={self.write_kubeconfig('kubelet', self._tokens[KUBELET])}",
            f"--root-dir={self.folder / 'kubelet'}",
            f"--cert-dir={self.folder / 'certs' / 'kubelet'}",
            f"--hostname-override={NAME}",
            f"--node-ip={ADDRESS}",
        ]
        return self._program("kubelet", arguments, "http://127.0.0.1:10248/healthz")

    def _proxy(self) -> Program:
        kubeconfig = self.write_kubeconfig("kube-proxy", self._tokens[PROXY])
        arguments = [
            f"--kubeconfig={kubeconfig}",
            "--proxy-mode=iptables",
            f"--hostname-override={NAME}",
            f"--cluster-cidr={node_files.PODS}",
            "--conntrack-max-per-core=0",  # the limit is the machine's
            "--conntrack-tcp-timeout-established=0",
            "--conntrack-tcp-timeout-close-wait=0",
        ]
        return self._program("kube-proxy", arguments, "http://127.0.0.1:10256/livez")


def find_node_binaries() -> dict[str, Path]:
    """Return where each of the node's programs is, or would be after `make node-tools`."""
    done = subprocess.run([str(ROOT / "tools" / "node.sh"), "--find"], check=True, capture_output=True, text=True)
    return {name: Path(path) for name, path in (line.split("\t") for line in done.stdout.splitlines())}


def check_namespaces() -> None:
    """Refuse to build a node outside of namespaces that were made for it."""
    if "E2E_CGROUP" not in os.environ or os.getpid() > 1000:
        raise ProgramError("a node is built in namespaces of its own: run tools/e2e.sh COMMAND")


def make_network() -> None:
    """Give the network namespace an address that pods reach, and a route that kubelet finds it by."""
    for command in (
        "ip link set lo up",
        f"ip link add {BRIDGE} type bridge",
        f"ip address add {ADDRESS}/24 dev {BRIDGE}",
        f"ip link set {BRIDGE} up",
        "ip route add default via 10.250.0.254",
    ):
        subprocess.run(command.split(), check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def mount_run() -> None:
    """Put an empty /run over the machine's, in memory: images, containers and the names of pods' networks are in it."""
    subprocess.run(["mount", "--make-rshared", "/"], check=True)  # what kubelet mounts, containers see
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "e2e-run", "/run"], check=True)


def make_groups(name: str) -> None:
    """Make the control group that all pods are below, in each hierarchy; tools/e2e.sh removes it."""
    roots = [
        Path(line.split()[1])
        for line in Path("/proc/mounts").read_text().splitlines()
        if line.split()[2][:6] == "cgroup"
    ]
    for root in roots:
        group = root / name.strip("/")
        group.mkdir(exist_ok=True)
        for file in ("cpuset.cpus", "cpuset.mems"):
            if (root / file).exists():  # the first version of control groups wants them said
                (group / file).write_text((root / file).read_text())
