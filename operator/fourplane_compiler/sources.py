"""What goes into a compile: resources, resources that did not parse, and deletions."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeAlias

from fourplane_api import InvalidResourceError, ModelRoute, Problem, RuntimeDeployment
from fourplane_compiler.diagnostics import SourceRef
from fourplane_wire.provenance import Source

RUNTIME = "RuntimeDeployment"
ROUTE = "ModelRoute"

Resource: TypeAlias = RuntimeDeployment | ModelRoute


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A resource that is there and does not parse: its last good form goes on."""

    ref: SourceRef
    problems: tuple[Problem, ...]
    created: str = ""
    """Time of creation (RFC 3339); empty: not known."""
    uid: str = ""
    generation: int = 0

    @classmethod
    def of(cls, error: InvalidResourceError, document: Mapping[str, Any]) -> "Broken":
        """Take over what `parse` found wrong with a document, and what can be read of its metadata all the same."""
        found = document.get("metadata")
        metadata = found if isinstance(found, Mapping) else {}
        generation = metadata.get("generation")
        return cls(
            ref=SourceRef(error.kind, f"{_text(metadata, 'namespace') or 'default'}/{error.name}"),
            problems=error.problems,
            created=_text(metadata, "creationTimestamp"),
            uid=_text(metadata, "uid"),
            generation=generation if isinstance(generation, int) and generation > 0 else 0,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What is different from the last compile."""

    upserts: tuple[Resource | Broken, ...] = ()
    """Resources that are new or were edited, each at most once."""
    deletes: tuple[SourceRef, ...] = ()


def _text(metadata: Mapping[str, Any], key: str) -> str:
    value = metadata.get(key)
    return value if isinstance(value, str) else ""


def ref_of(resource: Resource | Broken) -> SourceRef:
    """Name a resource."""
    if isinstance(resource, Broken):
        return resource.ref
    return SourceRef(type(resource).__name__, resource.full_name)


def runtime_of(route: ModelRoute) -> str:
    """Return `NAMESPACE/NAME` of the runtime that a route names."""
    reference = route.spec.runtime_ref
    return f"{reference.namespace or route.metadata.namespace}/{reference.name}"


def runtime_named(document: Mapping[str, Any], namespace: str) -> str:
    """Return the runtime that a route's document names, be it valid or not; empty where that can't be read."""
    spec = document.get("spec")
    reference = spec.get("runtimeRef") if isinstance(spec, Mapping) else None
    if not isinstance(reference, Mapping) or not (name := _text(reference, "name")):
        return ""
    return f"{_text(reference, 'namespace') or namespace}/{name}"


def source_of(resource: Resource | Broken) -> Source:
    """Return a resource's provenance; equal specs have equal hashes however they are written."""
    ref = ref_of(resource)
    namespace, _, name = ref.name.partition("/")
    if isinstance(resource, Broken):
        return Source(kind=ref.kind, namespace=namespace, name=name, uid=resource.uid, generation=resource.generation)
    spec = resource.spec.model_dump_json(by_alias=True, exclude_defaults=True)
    return Source(
        kind=ref.kind,
        namespace=namespace,
        name=name,
        uid=resource.metadata.uid,
        generation=resource.metadata.generation,
        sha256=sha256(spec.encode()).hexdigest(),
    )


def created_of(resource: Resource | Broken) -> str:
    """Return the time of creation (RFC 3339); empty: not known."""
    if isinstance(resource, Broken):
        return resource.created
    return resource.metadata.creation_timestamp or ""
