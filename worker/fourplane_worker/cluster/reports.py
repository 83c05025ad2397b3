"""What a WorkerReport says, from what the supervisor and the follower know: pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from fourplane_api import ModelRoute, ObjectMeta, RuntimeDeployment, WorkerReport, short_form
from fourplane_api.report import (
    NO_SOURCE,
    NOTHING_ACKNOWLEDGED,
    Acknowledged,
    PoolReport,
    Processes,
    Rejection,
    ReportedSource,
    WorkerReportSpec,
)
from fourplane_wire import canonical

MAX_REJECTIONS = 16
MAX_MESSAGE = 4096
CONTRACT_VERSIONS = tuple(str(number) for number in range(canonical.OLDEST_SUPPORTED, canonical.NEWEST_SUPPORTED + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What every process serves."""

    digest: str
    epoch: int
    sequence: int
    at: str
    """RFC 3339, UTC."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A snapshot that is not taken, and why."""

    digest: str
    reason: str
    message: str
    entry: str = ""
    """Key of the entry at fault: route/NAMESPACE/NAME, pool/NAME or runtime; empty: the snapshot as a whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a worker stands."""

    taken: Taken | None
    refused: tuple[Refused, ...]
    serving: int
    """Processes that serve."""
    wanted: int
    """Processes that there should be."""
    pools: tuple[PoolReport, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who reports."""

    runtime: str
    """NAMESPACE/NAME."""
    pod: str
    pod_uid: str
    """Empty: not known."""
    version: str


def document(who: Identity, standing: Standing) -> dict[str, Any]:
    """Return the report as an object to store."""
    namespace = who.runtime.partition("/")[0]
    spec = WorkerReportSpec(
        runtime=who.runtime,
        worker_version=who.version,
        contract_versions=CONTRACT_VERSIONS,
        acknowledged=_acknowledged(standing.taken),
        rejections=tuple(_rejections(who.runtime, standing.refused)),
        processes=Processes.of(standing.serving, standing.wanted),
        pools=standing.pools,
    )
    found = WorkerReport(metadata=ObjectMeta(name=who.pod, namespace=namespace), spec=spec).document()
    metadata: dict[str, Any] = {"name": who.pod, "namespace": namespace}
    if who.pod_uid:
        metadata["ownerReferences"] = [{"apiVersion": "v1", "kind": "Pod", "name": who.pod, "uid": who.pod_uid}]
    return found | {"metadata": metadata}


def is_same(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether what is stored says what is wanted; labels and annotations are others' business."""
    owners = [stored["metadata"].get("ownerReferences"), wanted["metadata"].get("ownerReferences")]
    return stored.get("spec") == wanted["spec"] and (owners[1] is None or owners[0] == owners[1])


def differ_in_pools_alone(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two reports say the same but of pools."""
    return one != other and _without_pools(one) == _without_pools(other)


def over(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what to put in the place of what is stored."""
    return dict(stored) | {"spec": wanted["spec"], "metadata": stored["metadata"] | wanted["metadata"]}


def _without_pools(report: Mapping[str, Any]) -> dict[str, Any]:
    spec = {key: value for key, value in report.get("spec", {}).items() if key != "pools"}
    return dict(report) | {"spec": spec}


def _acknowledged(taken: Taken | None) -> Acknowledged:
    if taken is None:
        return NOTHING_ACKNOWLEDGED
    return Acknowledged(
        digest=taken.digest,
        digest_short=short_form(taken.digest),
        epoch=taken.epoch,
        sequence=taken.sequence,
        at=taken.at,
    )


def _rejections(runtime: str, refused: Iterable[Refused]) -> Iterator[Rejection]:
    """Yield each once, the first that are known; what names no snapshot can't be told here."""
    distinct = dict.fromkeys(each for each in refused if each.digest)
    for each in tuple(distinct)[:MAX_REJECTIONS]:
        source, field = _source(runtime, each.entry)
        yield Rejection(
            digest=each.digest, reason=each.reason, message=each.message[:MAX_MESSAGE], source=source, field=field
        )


def _source(runtime: str, entry: str) -> tuple[ReportedSource, str]:
    """Return the resource that an entry was compiled from, and the field where that is known."""
    kind, _, name = entry.partition("/")
    path = name if kind == "route" else runtime if kind in ("pool", "runtime") else ""
    namespace, _, name = path.partition("/")
    try:
        source = ReportedSource(kind=_KINDS[kind], namespace=namespace, name=name)
    except (KeyError, ValidationError):
        return NO_SOURCE, ""  # garbage names no resource
    return source, "spec.pools" if kind == "pool" else ""


_KINDS = {"route": ModelRoute.__name__, "pool": RuntimeDeployment.__name__, "runtime": RuntimeDeployment.__name__}
