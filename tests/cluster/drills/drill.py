"""What drills share: resources behind one engine, programs behind a proxy, and their answers."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from conformance_calls import Peer, floats
from proxy import Proxy
from running_operator import COMMAND, Operator, Site
from running_worker import Member
from system_load import NO_RETRIES
from system_runtime import a_route, a_runtime

from fourplane_api import object_name

OTHERWISE = Path(__file__).parent / "otherwise.py"


def shop(engine: str, model: str = "left") -> tuple[dict[str, Any], ...]:
    """Return a runtime with a route `steady` to a model of one engine."""
    return a_runtime({"main": ([engine], ["left", "right"])}), a_route("steady", ("main", model))


def to(model: str, **more: Any) -> dict[str, Any]:
    """Return the route, edited: it leads to another model, or has more in its spec."""
    return a_route("steady", ("main", model), **more)


def behind(proxy: Proxy, site: Site) -> tuple[str, str]:
    """Return the options that lead an operator over a proxy."""
    return "--kubeconfig", str(proxy.through(site.rights.operator))


def follows_behind(proxy: Proxy, site: Site, pod: str) -> tuple[str, str]:
    """Return the options that lead the worker of a pod over a proxy."""
    return "--kubeconfig", str(proxy.through(site.rights.worker(site.cluster, site.namespace, pod=pod)))


def settled(site: Site) -> None:
    """Wait until the newest route and its runtime are Ready."""
    site.until("mroute", "steady", "Ready", "True")
    site.until("rtd", "shop", "Ready", "True")


def answered(worker: Member) -> tuple[str, str, str]:
    """Ask a worker for `steady` once; return the code, the engine's model and the digest."""
    return asked_for(worker, "steady")


def asked_for(worker: Member, model: str) -> tuple[str, str, str]:
    """Ask a worker for a model once, over a connection of its own."""
    with Peer(worker.address, *NO_RETRIES, ("grpc.use_local_subchannel_pool", 1)) as peer:
        answer = peer.infer(floats(model, [1.0]))
        engines = answer.responses[0].parameters["model"].string_param if answer.responses else answer.message
        return answer.code, engines, answer.trailers.get("x-fourplane-digest", "")


def decided(proxy: Proxy) -> list[str]:
    """Return the digests that were activated over a proxy, in order, each once for a row of the same."""
    digests = [one["spec"]["stable"] for one in proxy.writes("runtimeactivations")]
    return [digest for place, digest in enumerate(digests) if place == 0 or digests[place - 1] != digest]


def orphans(site: Site) -> set[str]:
    """Return the shards that no snapshot names, and those that a snapshot names and that are not there."""
    snapshots = site.items("configsnapshots")
    named = {object_name(f"sha256:{name}") for one in snapshots for name in one["spec"]["shards"]}
    return named ^ {one["metadata"]["name"] for one in site.items("configshards")}


class Otherwise(Operator):
    """An operator whose clock or contract is another one."""

    def __init__(self, site: Site, log: Path, *options: str, how: Sequence[str]) -> None:
        """Start it; `how` is what otherwise.py takes."""
        self._how = how
        super().__init__(site, log, *options)

    def start(self) -> None:
        """Start it by another program."""
        if self._command[: len(COMMAND)] == list(COMMAND):
            self._command[: len(COMMAND)] = [sys.executable, str(OTHERWISE), *self._how, "operator"]
        super().start()


class MemberOtherwise(Member):
    """The same of a worker."""

    def __init__(self, site: Site, name: str, folder: Path, *options: str, how: Sequence[str]) -> None:
        """Start it."""
        self._how = how
        super().__init__(site, name, folder, *options)

    def start(self, listen: str = "") -> None:
        """Start it by another program."""
        if self._command[1] == "-m":
            self._command[:4] = [sys.executable, str(OTHERWISE), *self._how, "worker"]
        super().start(listen)
