"""What the programs of a node read: their configurations, and the image of its pause container."""

import json
import platform
from dataclasses import dataclass
from pathlib import Path

import archive

PODS = "10.244.0.0/24"
PAUSE = "localhost/pause:1"


@dataclass(frozen=True)
class NodeFiles:
    """The files of one node, all below its folder."""

    folder: Path
    cgroup: str
    """Below it are the control groups of all pods."""

    @property
    def socket(self) -> Path:
        """Where containerd listens."""
        return Path("/run/containerd.sock")

    def containerd(self) -> Path:
        """Write containerd's configuration."""
        runc = "[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc"
        return self._write(
            "containerd.toml",
            f"""
            version = 3
            root = "/run/containerd/root"
            state = "/run/containerd/state"
            disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.erofs"]
            [grpc]
            address = "{self.socket}"
            [plugins.'io.containerd.cri.v1.runtime']
            restrict_oom_score_adj = true
            [plugins.'io.containerd.cri.v1.runtime'.cni]
            bin_dirs = ["/usr/lib/cni"]
            conf_dir = "{self._cni().parent}"
            {runc}]
            runtime_type = "io.containerd.runc.v2"
            {runc}.options]
            SystemdCgroup = false
            [plugins.'io.containerd.cri.v1.images'.pinned_images]
            sandbox = "{PAUSE}"
            """,
        )

    def kubelet(self) -> Path:
        """Write kubelet's configuration."""
        configuration = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            # Nobody but this node is in its network namespace.
            "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": self.cgroup,
            "containerRuntimeEndpoint": f"unix://{self.socket}",
            "enforceNodeAllocatable": ["none"],
            "evictionHard": {"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
            "failCgroupV1": False,
            "failSwapOn": False,
            "imageGCHighThresholdPercent": 100,
            "nodeStatusReportFrequency": "10s",
            "podLogsDir": f"{self.folder}/pods",
            "resolvConf": "/dev/null",
            "staticPodPath": "",
            "volumePluginDir": f"{self.folder}/volume-plugins",
        }
        return self._write("kubelet.json", json.dumps(configuration))

    def _cni(self) -> Path:
        bridge = {
            "type": "bridge",
            "bridge": "cni0",
            "isGateway": True,
            "hairpinMode": True,
            "ipam": {
                "type": "host-local",
                "dataDir": f"{self.folder}/addresses",
                "ranges": [[{"subnet": PODS}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
        network = {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}
        return self._write("cni/10-pods.conflist", json.dumps(network))

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path


def pause_image(folder: Path, program: Path) -> Path:
    """Write an image that holds one static program."""
    layer = archive.layer(folder / "pause-layer.tar", lambda tree: tree.file("/pause", program))
    settings = {"Entrypoint": ["/pause"], "User": "65535:65535"}
    return archive.image(folder / "pause.tar", PAUSE, (layer,), settings, platform.machine())
