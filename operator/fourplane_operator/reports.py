"""What the workers say: their WorkerReports as the values that conditions are made of."""

from dataclasses import dataclass
from typing import Any

from fourplane_api import InvalidResourceError, WorkerReport, parse_machine
from fourplane_compiler.conditions import Rejection, Report
from fourplane_compiler.diagnostics import SourceRef
from fourplane_core.control.snapshot import Digest
from fourplane_kube import Object


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
            acknowledged=Digest(said.acknowledged.digest) if said.acknowledged.digest else None,
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
        ),
        revision=(said.acknowledged.epoch, said.acknowledged.sequence),
    )
