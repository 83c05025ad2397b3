"""The CustomResourceDefinitions, written from the models."""

from dataclasses import dataclass
from typing import Any

from fourplane_api.documents import dump
from fourplane_api.meta import GROUP, VERSION, Resource
from fourplane_api.published import ConfigShard, ConfigSnapshot, RuntimeActivation
from fourplane_api.report import WorkerReport
from fourplane_api.route import ModelRoute
from fourplane_api.runtime import RuntimeDeployment
from fourplane_api.schema import structural

USERS = "fourplane"
"""Category of the kinds that users write."""
MACHINES = "fourplane-internal"
"""Category of the kinds that the operator and the workers write."""
_HEADER = "# Written by `make crds` from the models in crds/fourplane_api; edit those.\n"


# What has no conditions counts as done for kstatus, and so for pipelines: before an operator has looked, it is not.
_UNSEEN = {
    "conditions": [
        {
            "type": "Ready",
            "status": "Unknown",
            "reason": "Pending",
            "message": "no operator has looked at it yet",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }
    ]
}


@dataclass(frozen=True, slots=True)
class Column:
    """What `kubectl get` prints of an object."""

    name: str
    path: str
    description: str
    type: str = "string"
    wide: bool = False

    def document(self) -> dict[str, Any]:
        """Return it as the API server reads it."""
        column = {"name": self.name, "type": self.type, "description": self.description, "jsonPath": self.path}
        return column | ({"priority": 1} if self.wide else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One kind and its names."""

    model: type[Resource]
    plural: str
    short: str
    columns: tuple[Column, ...]
    category: str = USERS
    """What `kubectl get` finds it by, with its siblings."""

    @property
    def kind(self) -> str:
        """Return the kind's name."""
        return self.model.__name__

    @property
    def file(self) -> str:
        """Return the name of the file that holds the definition."""
        return f"{GROUP}_{self.plural}.yaml"

    def document(self) -> dict[str, Any]:
        """Return the CustomResourceDefinition."""
        version = {
            "name": VERSION,
            "served": True,
            "storage": True,
            "subresources": {"status": {}},
            "additionalPrinterColumns": [column.document() for column in self.columns],
            "schema": {"openAPIV3Schema": self._schema()},
        }
        if not self._has_status:
            del version["subresources"]
        names = {
            "kind": self.kind,
            "listKind": f"{self.kind}List",
            "plural": self.plural,
            "singular": self.kind.lower(),
            "shortNames": [self.short],
            "categories": [self.category],
        }
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{self.plural}.{GROUP}"},
            "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
        }

    @property
    def _has_status(self) -> bool:
        return "status" in self.model.model_fields

    def _schema(self) -> dict[str, Any]:
        schema: dict[str, Any] = structural(self.model)
        if self._has_status:
            schema["properties"]["status"]["default"] = _UNSEEN
        return schema

    def text(self) -> str:
        """Return the file."""
        return _HEADER + dump(self.document())


_READY = '.status.conditions[?(@.type=="Ready")]'
_STATE = (
    Column("Ready", f"{_READY}.status", "Whether the latest generation is served."),
    Column("Reason", f"{_READY}.reason", "Why it is ready or not, in one word."),
)
_AGE_ALONE = Column("Age", ".metadata.creationTimestamp", "Time since creation.", type="date")
_AGE = (
    _AGE_ALONE,
    Column("Message", f"{_READY}.message", "Why it is ready or not, and what to do next.", wide=True),
)

DEFINITIONS = (
    Definition(
        model=RuntimeDeployment,
        plural="runtimedeployments",
        short="rtd",
        columns=(
            *_STATE,
            Column("Digest", ".status.digestShort", "First digits of the active snapshot."),
            Column("Revision", ".status.revision", "Epoch and sequence of its activation."),
            Column("Applied", ".status.applied", "Workers that run it, of all."),
            *_AGE,
            Column("Propagation", ".status.propagation", "Time from activation to the last worker.", wide=True),
        ),
    ),
    Definition(
        model=ModelRoute,
        plural="modelroutes",
        short="mroute",
        columns=(
            Column("Model", ".spec.model.name", "Model name that callers send."),
            Column("Runtime", ".spec.runtimeRef.name", "Runtime that serves the route."),
            *_STATE,
            *_AGE,
        ),
    ),
    Definition(
        model=ConfigShard,
        plural="configshards",
        short="csh",
        category=MACHINES,
        columns=(
            Column("Entries", ".spec.entries", "How many entries it holds.", type="integer"),
            Column("Bytes", ".spec.sizeBytes", "Length of the shard.", type="integer"),
            _AGE_ALONE,
        ),
    ),
    Definition(
        model=ConfigSnapshot,
        plural="configsnapshots",
        short="csnap",
        category=MACHINES,
        columns=(
            Column("Runtime", ".spec.runtime", "Runtime that it was compiled for."),
            _AGE_ALONE,
            Column("Contract", ".spec.contractVersion", "Version of the contract.", wide=True),
        ),
    ),
    Definition(
        model=RuntimeActivation,
        plural="runtimeactivations",
        short="ract",
        category=MACHINES,
        columns=(
            Column("Digest", ".spec.stableShort", "First digits of the snapshot to serve."),
            Column("Epoch", ".spec.epoch", "Raised whenever another writer takes over.", type="integer"),
            Column("Sequence", ".spec.sequence", "Raised at every change within an epoch.", type="integer"),
            _AGE_ALONE,
            Column("Previous", ".spec.previous", "Snapshot that was served before.", wide=True),
        ),
    ),
    Definition(
        model=WorkerReport,
        plural="workerreports",
        short="wrep",
        category=MACHINES,
        columns=(
            Column("Runtime", ".spec.runtime", "Runtime that the worker serves."),
            Column("Digest", ".spec.acknowledged.digestShort", "First digits of the snapshot that is served."),
            Column("Processes", ".spec.processes.summary", "Processes that serve, of all that shall."),
            Column("Rejected", ".spec.rejections[0].reason", "Why a snapshot is not taken, if one is not."),
            _AGE_ALONE,
            Column("Version", ".spec.workerVersion", "Version of the worker's software.", wide=True),
            Column("Epoch", ".spec.acknowledged.epoch", "Epoch of what is served.", type="integer", wide=True),
            Column("Sequence", ".spec.acknowledged.sequence", "Its sequence.", type="integer", wide=True),
        ),
    ),
)
"""Every kind, in the order of the reference."""
