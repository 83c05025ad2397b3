"""What the workers say: their WorkerReports as the values that conditions are made of."""

import logging
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from fourplane_api import InvalidResourceError, WorkerReport, parse_machine
from fourplane_compiler.conditions import Rejection, Report
from fourplane_compiler.diagnostics import SourceRef
from fourplane_core.control.snapshot import Digest
from fourplane_kube import Object
from fourplane_kube.kinds import WORKER_REPORT
from fourplane_operator.gone import Gone, is_in

log = logging.getLogger(__name__)


_REPAIRABLE = ("Damaged", "Missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One worker's report."""

    runtime: str
    """`NAMESPACE/NAME`."""
    version: int
    """resourceVersion."""
    report: Report
    revision: tuple[int, int]
    """Epoch and sequence of the activation that it serves; zeros: none."""
    missing: frozenset[Digest] = frozenset()
    """Snapshots that it can't take, since what is stored of them is damaged or missing."""


def heard(document: Object) -> Heard | None:
    """Read a WorkerReport; None for one that is not valid, or speaks for a runtime of another namespace."""
    metadata: dict[str, Any] = document["metadata"]
    try:
        found = parse_machine(
            {
                "apiVersion": document.get("apiVersion"),
                "kind": "WorkerReport",
                "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
                "spec": document.get("spec"),
            }
        )
    except InvalidResourceError:
        return None
    if not isinstance(found, WorkerReport) or found.spec.runtime.partition("/")[0] != metadata["namespace"]:
        return None
    said = found.spec
    return Heard(
        runtime=said.runtime,
        version=int(metadata.get("resourceVersion") or 0),
        report=Report(
            acknowledged=Digest(said.acknowledged.digest)
            if said.acknowledged.digest and said.processes.serving
            else None,
            rejections=tuple(
                Rejection(
                    digest=Digest(one.digest),
                    message=one.message or one.reason,
                    source=SourceRef(one.source.kind, f"{one.source.namespace}/{one.source.name}")
                    if one.source.kind
                    else None,
                    field=one.field,
                )
                for one in said.rejections
            ),
            pools=said.pools,
            revision=(said.acknowledged.epoch, said.acknowledged.sequence),
        ),
        revision=(said.acknowledged.epoch, said.acknowledged.sequence),
        missing=frozenset(Digest(one.digest) for one in said.rejections if one.reason in _REPAIRABLE),
    )


@dataclass(slots=True)
class Reports:
    """All reports, each kept with the runtime that it is about."""

    of: Callable[[str], MutableMapping[str, Heard]]
    """Returns the reports on a runtime, by NAMESPACE/NAME of the report."""
    wake: Callable[[str], None]
    """Is called with the runtime on which a report says something else."""
    _runtimes: dict[str, str] = field(default_factory=dict)
    """Runtime of each report, by NAMESPACE/NAME of the report."""
    _gone: Gone = field(default_factory=Gone)

    def saw(self, document: Object) -> None:
        """Take a report in its newest form; older forms are passed over."""
        ref, version, said = _ref(document), _version(document), heard(document)
        name, before = ref.name, self._known(ref.name)
        if version <= before.version if before else self._gone.is_late(ref, version):
            return
        if before is not None and (said is None or before.runtime != said.runtime):
            self._forget(name)
        if said is None:
            self._gone.went(ref, version)  # nor does an older form that could be read
            log.warning("WorkerReport %s can't be read, or speaks for another namespace: it does not count", name)
            return
        self._runtimes[name] = said.runtime
        ours = self.of(said.runtime)
        known, ours[name] = ours.get(name), said
        if known is None or _told(known) != _told(said):
            self.wake(said.runtime)

    def lost(self, document: Object) -> None:
        """Take note that a report is gone, unless another of its name came since."""
        ref, version = _ref(document), _version(document)
        before = self._known(ref.name)
        self._gone.went(ref, version)
        if before is not None and before.version <= version:
            self._forget(ref.name)

    def listed(self, namespace: str, documents: Iterable[Object], version: int) -> None:
        """Take all there is in a namespace (empty: in all), as of that version."""
        there = set()
        for document in documents:
            document.setdefault("apiVersion", WORKER_REPORT.api_version)
            there.add(_ref(document).name)
            self.saw(document)
        self._gone.listed(WORKER_REPORT.kind, namespace, version)
        for name, runtime in list(self._runtimes.items()):
            if is_in(name, namespace) and name not in there and self.of(runtime)[name].version <= version:
                self._forget(name)

    def _known(self, name: str) -> Heard | None:
        runtime = self._runtimes.get(name)
        return None if runtime is None else self.of(runtime).get(name)

    def _forget(self, name: str) -> None:
        runtime = self._runtimes.pop(name)
        self.of(runtime).pop(name, None)
        self.wake(runtime)


def _ref(document: Object) -> SourceRef:
    metadata = document["metadata"]
    return SourceRef(WORKER_REPORT.kind, f"{metadata['namespace']}/{metadata['name']}")


def _version(document: Object) -> int:
    return int(document["metadata"].get("resourceVersion") or 0)


def _told(said: Heard) -> tuple[Report, tuple[int, int]]:
    return said.report, said.revision
