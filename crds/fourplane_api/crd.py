"""The CustomResourceDefinitions, written from the models."""

from dataclasses import dataclass
from typing import Any

from fourplane_api.documents import dump
from fourplane_api.meta import GROUP, VERSION, Resource
from fourplane_api.route import ModelRoute
from fourplane_api.runtime import RuntimeDeployment
from fourplane_api.schema import structural

_HEADER = "# Written by `make crds` from the models in crds/fourplane_api; edit those.\n"


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
            "schema": {"openAPIV3Schema": structural(self.model)},
        }
        names = {
            "kind": self.kind,
            "listKind": f"{self.kind}List",
            "plural": self.plural,
            "singular": self.kind.lower(),
            "shortNames": [self.short],
            "categories": ["fourplane"],
        }
        return {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{self.plural}.{GROUP}"},
            "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
        }

    def text(self) -> str:
        """Return the file."""
        return _HEADER + dump(self.document())


_READY = '.status.conditions[?(@.type=="Ready")]'
_STATE = (
    Column("Ready", f"{_READY}.status", "Whether the latest generation is served."),
    Column("Reason", f"{_READY}.reason", "Why it is ready or not, in one word."),
)
_AGE = (
    Column("Age", ".metadata.creationTimestamp", "Time since creation.", type="date"),
    Column("Message", f"{_READY}.message", "Why it is ready or not, and what to do next.", wide=True),
)

DEFINITIONS = (
    Definition(
        model=RuntimeDeployment,
        plural="runtimedeployments",
        short="rtd",
        columns=(
            *_STATE,
            Column("Digest", ".status.digest", "Name of the active snapshot."),
            Column("Applied", ".status.applied", "Workers that run it, of all."),
            *_AGE,
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
)
"""Every kind, in the order of the reference."""
