"""What stands of the objects that runtimes make: fed by listings and events, asked by the provisioner."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fourplane_api import GROUP
from fourplane_compiler.sources import RUNTIME
from fourplane_compiler.workloads.manifest import MANAGED_BY, MANAGER, RUNTIME_LABEL, Key
from fourplane_kube import Kind, Object, kinds
from fourplane_operator.provisioning_values import digest_of, values_of
from fourplane_operator.settings import MANAGER as FIELD_MANAGER

KINDS: Mapping[str, Kind] = {
    one.kind: one
    for one in (
        kinds.CONFIG_MAP,
        kinds.DEPLOYMENT,
        kinds.HORIZONTAL_POD_AUTOSCALER,
        kinds.NETWORK_POLICY,
        kinds.POD_DISRUPTION_BUDGET,
        kinds.ROLE_BINDING,
        kinds.SERVICE,
        kinds.SERVICE_ACCOUNT,
    )
}
"""The kinds to follow, by name."""
SELECTOR = f"{MANAGED_BY}={MANAGER},{RUNTIME_LABEL}"
"""labelSelector of what to follow of them."""
_TOLD = {"Deployment", "HorizontalPodAutoscaler"}
"""Kinds whose status is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One object, as far as it matters here."""

    uid: str
    version: int
    owner: str
    """uid of its controller; empty: none."""
    owner_name: str
    """Its name, where it is a RuntimeDeployment."""
    is_going: bool
    fields: str
    """Hash of the fields that the operator's manager holds and of their values: another than after the apply is drift.

    Names alone would not do: another operator's late apply has the same manager, and so the same names.
    """
    holds_replicas: bool
    """Whether that manager holds the number of pods."""
    replicas: int
    told: Object
    """What judges need: metadata and status of some kinds."""

    @classmethod
    def of(cls, kind: str, found: Mapping[str, Any]) -> "Standing":
        """Read an object."""
        metadata = found["metadata"]
        controller = _controller(metadata)
        held = _held_fields(metadata)
        return cls(
            uid=str(metadata.get("uid", "")),
            version=int(metadata.get("resourceVersion") or 0),
            owner=str(controller.get("uid", "")),
            owner_name=str(controller.get("name", "")) if _is_runtime(controller) else "",
            is_going="deletionTimestamp" in metadata,
            fields=digest_of([held, values_of(held, found)]),
            holds_replicas="f:replicas" in held.get("f:spec", {}),
            replicas=int((found.get("spec") or {}).get("replicas") or 0),
            told=_told(metadata, found) if kind in _TOLD else {},
        )

    @property
    def precondition(self) -> Object:
        """Return what in an applied object's metadata makes the apply fail on any other object or version."""
        return {"uid": self.uid, "resourceVersion": str(self.version)}


class Stock:
    """Everything that stands, by place and by owner."""

    def __init__(self) -> None:
        """Begin empty."""
        self._standing: dict[Key, Standing] = {}
        self._by_owner: dict[str, set[Key]] = {}

    def get(self, key: Key) -> Standing | None:
        """Return an object; None: none was seen."""
        return self._standing.get(key)

    def of_owner(self, uid: str) -> tuple[tuple[Key, Standing], ...]:
        """Return everything that one RuntimeDeployment owns."""
        return tuple((key, self._standing[key]) for key in sorted(self._by_owner.get(uid, ())))

    def put(self, key: Key, found: Standing) -> bool:
        """Keep an object in its newest form; tell whether it is news."""
        before = self._standing.get(key)
        if before is not None and before.version >= found.version:
            return False
        self.drop(key)
        self._standing[key] = found
        self._by_owner.setdefault(found.owner, set()).add(key)
        return True

    def drop(self, key: Key) -> None:
        """Forget an object."""
        before = self._standing.pop(key, None)
        if before is None:
            return
        keys = self._by_owner[before.owner]
        keys.discard(key)
        if not keys:
            del self._by_owner[before.owner]

    def missing(self, kind: str, namespace: str, there: set[Key], version: int) -> Iterable[tuple[Key, Standing]]:
        """Return what a listing of that version (0: of the newest) should have had and had not."""
        return [
            (key, one)
            for key, one in self._standing.items()
            if key.kind == kind and (not namespace or key.namespace == namespace)
            if key not in there and (not version or one.version <= version)
        ]


def key_of(kind: str, found: Mapping[str, Any]) -> Key:
    """Return an object's place."""
    metadata = found["metadata"]
    return Key(kind, str(metadata.get("namespace", "")), str(metadata["name"]))


def is_ours(found: Mapping[str, Any]) -> bool:
    """Tell whether an object says that an operator made it for a runtime."""
    labels = found["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY) == MANAGER and RUNTIME_LABEL in labels


def owner_of(found: Mapping[str, Any]) -> str | None:
    """Return `NAMESPACE/NAME` of the RuntimeDeployment that made an object; None: none did."""
    controller = _controller(found["metadata"])
    if not is_ours(found) or not _is_runtime(controller):
        return None
    return f"{found['metadata'].get('namespace', '')}/{controller['name']}"


def _controller(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    owners = metadata.get("ownerReferences") or ()
    return next((one for one in owners if one.get("controller")), {})


def _is_runtime(controller: Mapping[str, Any]) -> bool:
    group = str(controller.get("apiVersion", "")).partition("/")[0]
    return group == GROUP and controller.get("kind") == RUNTIME


def _held_fields(metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what our manager applied and still holds; a status is none of it."""
    for one in metadata.get("managedFields") or ():
        if one.get("manager") == FIELD_MANAGER and one.get("operation") == "Apply" and not one.get("subresource"):
            held: Mapping[str, Any] = one.get("fieldsV1") or {}
            return held
    return {}


def _told(metadata: Mapping[str, Any], found: Mapping[str, Any]) -> Object:
    kept = {name: metadata[name] for name in ("name", "generation", "labels") if name in metadata}
    return {"metadata": kept, "status": found.get("status") or {}}
