"""`fourplane worker --follow` in the name of a pod that nothing runs, with a worker's rights and no other."""

from pathlib import Path
from typing import Any

from following_worker import Folder
from running_operator import Site
from system_worker import Worker

from fourplane_worker.store.layout import StateFolder


class Member(Worker):
    """One worker of a fleet; it keeps its state folder over restarts."""

    def __init__(self, site: Site, name: str, folder: Path, *options: str, runtime: str = "shop") -> None:
        """Start it, trusting the site's key."""
        self.site = site
        self.pod = name
        kubeconfig = site.rights.worker(site.cluster, site.namespace, pod=name)
        uid = site.get("pod", name)["metadata"]["uid"]
        own = [
            *("--follow", f"{site.namespace}/{runtime}", "--pod", name, "--pod-uid", uid),
            *("--kubeconfig", str(kubeconfig), "--public-key", str(site.public_key)),
        ]
        super().__init__(Folder(StateFolder(folder / name)), folder / f"{name}.log", *own, *options)

    def report(self) -> dict[str, Any]:
        """Return its report's spec; empty where there is none."""
        found = [one for one in self.site.items("workerreports") if one["metadata"]["name"] == self.pod]
        return found[0]["spec"] if found else {}
