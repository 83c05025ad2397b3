"""What is not yet, or never will be, as it was asked for: in the words of conditions."""

from collections.abc import Mapping
from typing import Any

from fourplane_compiler.conditions.provisioned import Shortfall
from fourplane_compiler.conditions.reasons import ConditionReason
from fourplane_compiler.workloads.manifest import RUNTIME_LABEL, Key
from fourplane_compiler.workloads.plan import Lack, Remark

_REASON_OF: Mapping[Lack, ConditionReason] = {
    Lack.REPOSITORY: ConditionReason.REPOSITORY_NOT_SERVED,
    Lack.IMAGE: ConditionReason.IMAGE_MISSING,
    Lack.SECRET: ConditionReason.SECRET_REFUSED,
    Lack.AUTOSCALER: ConditionReason.NOT_AUTOSCALED,
}
_STAYS_SHORT = "pods that were ready are not, for long"
_LONGEST = 300
"""Characters of what another program says."""


def of_remark(remark: Remark) -> Shortfall:
    """Say what can't be made."""
    return Shortfall(_REASON_OF[remark.lack], str(remark))


def taken(key: Key) -> Shortfall:
    """Say that somebody else's object has a name that is needed."""
    return Shortfall(
        ConditionReason.NAME_TAKEN,
        f"{key} is there and not owned by this RuntimeDeployment, so it is left alone;"
        " delete or rename it, or give the RuntimeDeployment another name",
    )


def refused(key: Key, error: str) -> Shortfall:
    """Say what the API server has against an object."""
    return Shortfall(
        ConditionReason.APPLY_FAILED,
        f"{key} can't be applied: {_cut(error)}; correct the field or the operator's rights, it is tried again",
    )


def stays(key: Key, error: str) -> Shortfall:
    """Say that what is wanted no longer can't be removed."""
    return Shortfall(
        ConditionReason.APPLY_FAILED,
        f"{key} is wanted no longer and can't be deleted: {_cut(error)}; delete it, or correct the operator's rights",
    )


def going(key: Key) -> Shortfall:
    """Say that an object of the name has to go first."""
    return Shortfall(
        ConditionReason.PODS_NOT_READY,
        f"{key} is being deleted and will be made anew; wait, and if it stays so look at its finalizers",
    )


def of_deployment(found: Mapping[str, Any], at_least: int, *, is_overdue: bool = False) -> Shortfall | None:
    """Judge a Deployment as it stands: only pods of its latest form count, and only once its controller saw that.

    `is_overdue` says that it has lost pods for too long to go on waiting.
    """
    metadata, status = found["metadata"], found.get("status") or {}
    if int(status.get("observedGeneration") or 0) < int(metadata.get("generation") or 0):
        return _waiting(metadata, "its latest form was not looked at yet")
    total, updated, available = (int(status.get(f"{which}eplicas") or 0) for which in ("r", "updatedR", "availableR"))
    if total <= updated and available >= at_least <= updated:
        return None
    if failure := _failure(status) or (_STAYS_SHORT if is_overdue else ""):
        text = f"Deployment {metadata['name']}: {_cut(failure)}; {_look_at(metadata)}"
        return Shortfall(ConditionReason.PODS_FAILING, text)
    if total > updated:
        return _waiting(metadata, f"{total - updated} pods of an earlier form are still there")
    return _waiting(metadata, f"{min(available, updated)} of {at_least} pods are ready")


def has_lost_pods(found: Mapping[str, Any]) -> bool:
    """Tell whether a Deployment whose rollout was complete lacks pods: its controller gives that no deadline."""
    by_type = _conditions(found.get("status") or {})
    is_complete = by_type.get("Progressing", {}).get("reason") == "NewReplicaSetAvailable"
    return is_complete and by_type.get("Available", {}).get("status") == "False"


def of_autoscaler(found: Mapping[str, Any]) -> Shortfall | None:
    """Say that an autoscaler gets no metrics, and so holds the scale."""
    conditions = (found.get("status") or {}).get("conditions") or ()
    lame = [one for one in conditions if one.get("type") == "ScalingActive" and one.get("status") == "False"]
    if not lame or not str(lame[0].get("reason", "")).startswith("Failed"):
        return None
    name = found["metadata"]["name"]
    text = f"HorizontalPodAutoscaler {name} gets no metric and holds the scale; look at it and at the metrics adapter"
    return Shortfall(ConditionReason.NOT_AUTOSCALED, text)


def _failure(status: Mapping[str, Any]) -> str:
    """Return why pods can't be made or don't become ready; empty: nothing is known to be wrong."""
    by_type = _conditions(status)
    unmade, progress = by_type.get("ReplicaFailure", {}), by_type.get("Progressing", {})
    if unmade.get("status") == "True":
        return str(unmade.get("message") or "its pods can't be made")
    if progress.get("status") == "False" and progress.get("reason") == "ProgressDeadlineExceeded":
        return "its pods did not become ready in time"
    return ""


def _conditions(status: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    return {str(one.get("type")): one for one in status.get("conditions") or ()}


def _waiting(metadata: Mapping[str, Any], what: str) -> Shortfall:
    text = f"Deployment {metadata['name']}: {what}; wait, and if it stays so {_look_at(metadata)}"
    return Shortfall(ConditionReason.PODS_NOT_READY, text)


def _look_at(metadata: Mapping[str, Any]) -> str:
    runtime = (metadata.get("labels") or {}).get(RUNTIME_LABEL, "")
    return f"look at its pods (kubectl describe pods -l {RUNTIME_LABEL}={runtime})"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
