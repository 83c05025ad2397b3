"""From EndpointSlices to addresses, and from a snapshot to the Services whose slices are followed: pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fourplane_compiler.workloads.names import pool_service
from fourplane_core.control.snapshot import Pool, PoolName, Snapshot

GRPC_PORT = "8001"
"""Where engines of managed pools answer gRPC."""
SERVICE_LABEL = "kubernetes.io/service-name"


@dataclass(frozen=True, slots=True)
class Place:
    """A port of a Service in the runtime's namespace."""

    service: str
    port: str
    """Its name or its number."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where a Service's ready endpoints are."""

    addresses: tuple[str, ...]
    problem: str = ""
    """Why there are none, though pods may be ready; empty: that is not known to be so."""


def places(snapshot: Snapshot) -> dict[PoolName, Place]:
    """Return the pools whose endpoints are found by slices."""
    runtime = snapshot.runtime.name.partition("/")[2]
    return {pool.name: _place(runtime, pool) for pool in snapshot.pools if not pool.endpoints}


def _place(runtime: str, pool: Pool) -> Place:
    service, _, port = pool.service.rpartition(":")
    return Place(service, port) if service else Place(pool_service(runtime, pool.name), GRPC_PORT)


def found(place: Place, slices: Iterable[Mapping[str, Any]]) -> Found:
    """Return the ready endpoints of a port; a pod that has addresses of both families counts once, with IPv4."""
    by_pod: dict[str, tuple[int, str]] = {}
    ports: set[str] = set()
    for each in slices:
        family = _FAMILIES.get(each.get("addressType", ""))
        port = _port(place.port, each.get("ports") or ())
        ports |= {str(one.get("name") or one.get("port")) for one in each.get("ports") or ()}
        if family is None or port is None:
            continue
        for endpoint in filter(_is_ready, each.get("endpoints") or ()):
            for address in (endpoint.get("addresses") or ())[:1]:
                written = f"[{address}]:{port}" if family else f"{address}:{port}"
                pod = str((endpoint.get("targetRef") or {}).get("uid") or written)
                by_pod[pod] = min(by_pod.get(pod, (family, written)), (family, written))
    addresses = tuple(sorted(written for _, written in by_pod.values()))
    return Found(addresses, "" if addresses else _problem(place, ports))


def _problem(place: Place, ports: set[str]) -> str:
    if ports and place.port not in ports and len(ports) > 1:
        return f"Service {place.service} has no port {place.port}; it has {', '.join(sorted(ports))}"
    return f"Service {place.service} has no ready endpoint"


def _port(wanted: str, ports: Iterable[Mapping[str, Any]]) -> int | None:
    """Choose by name, else by number; a Service's only port may have another number there than in its pods."""
    usable = [one for one in ports if one.get("port") and one.get("protocol", "TCP") == "TCP"]
    by_name = [one for one in usable if one.get("name") == wanted]
    by_number = [one for one in usable if str(one["port"]) == wanted]
    only = usable if len(usable) == 1 and wanted.isdecimal() else []
    return next((int(one["port"]) for one in (*by_name, *by_number, *only)), None)


def _is_ready(endpoint: Mapping[str, Any]) -> bool:
    """Tell whether it takes new requests; what the slice does not say counts as ready, as the API has it."""
    conditions = endpoint.get("conditions") or {}
    return conditions.get("ready") is not False and not conditions.get("terminating")


_FAMILIES = {"IPv4": 0, "IPv6": 1}
