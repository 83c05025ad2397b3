"""Everything that was seen since this operator leads: resources to compile, reports, and what stands in status."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fourplane_api import InvalidResourceError, ModelRoute, RuntimeDeployment, parse
from fourplane_api.meta import Condition
from fourplane_compiler.conditions import standing
from fourplane_compiler.diagnostics import SourceRef
from fourplane_compiler.permission import UNKNOWN, Permission, permission_of
from fourplane_compiler.sources import RUNTIME, Broken, Changes, Resource, ref_of, runtime_named, runtime_of
from fourplane_kube import Object
from fourplane_operator.gone import Gone, is_in

_READ = ("apiVersion", "kind", "spec")
_METADATA = ("name", "namespace", "uid", "generation", "creationTimestamp")

_NONE = Permission()


@dataclass(slots=True)
class Known:
    """A resource of users, as far as it is needed after its compile."""

    uid: str
    generation: int
    version: int
    """Newest resourceVersion that was seen."""
    runtime: str
    """`NAMESPACE/NAME` of the runtime that it is of."""
    standing: tuple[Condition, ...]
    told: Mapping[str, Any]
    """The rest of what stands in its status."""
    is_going: bool = False
    """Whether it is deleted, and waits for what depends on it."""
    takes: Permission = _NONE
    """From which other namespaces a runtime takes routes."""


@dataclass(slots=True)
class Gathered:
    """All resources by name; what changed waits here, by runtime, for the next compile."""

    wake: Callable[[str], None]
    """Is called with the runtime for which something changed."""
    known: dict[SourceRef, Known] = field(default_factory=dict)
    pending: dict[str, dict[SourceRef, Resource | Broken | None]] = field(default_factory=dict)
    """What to compile, by runtime; None: it is gone, or belongs to another runtime now."""
    stirred: dict[str, set[SourceRef]] = field(default_factory=dict)
    """Whose status was written, by runtime."""
    _shared: dict[Condition, Condition] = field(default_factory=dict)
    """One object for all conditions that are equal: 10,000 routes have eight each."""
    _gone: Gone = field(default_factory=Gone)

    def saw(self, document: Object) -> None:
        """Take a resource in its newest form; older forms are passed over."""
        ref, version = _ref(document), _version(document)
        before = self.known.get(ref)
        if version <= before.version if before else self._gone.is_late(ref, version):
            return
        metadata, status = document["metadata"], document.get("status") or {}
        uid, generation = str(metadata.get("uid", "")), int(metadata.get("generation", 0))
        told = {key: value for key, value in status.items() if key != "conditions"}
        if before is not None and (before.uid, before.generation) == (uid, generation):
            standing_now = self._standing(status)
            is_other = (before.standing, before.told) != (standing_now, told)
            before.version, before.standing, before.told = version, standing_now, told
            if is_other:  # somebody else wrote it, or our own write is heard of before it is answered
                self.stirred.setdefault(before.runtime, set()).add(ref)
                self.wake(before.runtime)
            return
        resource, is_going = _parsed(document), "deletionTimestamp" in metadata
        runtime = _runtime(resource, document, before)
        if before is not None and before.runtime != runtime:
            self._wait(before.runtime, ref, None)
        standing_now, takes = self._standing(status), _takes(resource, ref)
        self.known[ref] = Known(uid, generation, version, runtime, standing_now, told, is_going, takes)
        # A runtime that waits for what depends on it serves no more: its routes are told so.
        self._wait(runtime, ref, None if is_going and ref.kind == RUNTIME else resource)

    def lost(self, document: Object) -> None:
        """Take note that a resource is gone, unless another of its name came since."""
        ref = _ref(document)
        before = self.known.get(ref)
        self._gone.went(ref, _version(document))
        if before is not None and before.uid in ("", str(document["metadata"].get("uid", ""))):
            self._forget(ref, before)

    def listed(self, kind: str, namespace: str, documents: Iterable[Object], version: str) -> int:
        """Take all there is of a kind in a namespace (empty: in all); return how many were gone without a word."""
        there = set()
        for document in documents:
            document["kind"] = kind
            document.setdefault("apiVersion", "fourplane.dev/v1alpha1")
            there.add(_ref(document))
            self.saw(document)
        self._gone.listed(kind, namespace, int(version))
        gone = [
            (ref, known)
            for ref, known in self.known.items()
            if ref.kind == kind and is_in(ref.name, namespace) and ref not in there and known.version <= int(version)
        ]
        for ref, known in gone:
            self._forget(ref, known)
        return len(gone)

    def take(self, runtime: str) -> Changes:
        """Return what is to be compiled, once."""
        waiting = self.pending.pop(runtime, {})
        return Changes(
            upserts=tuple(one for one in waiting.values() if one is not None),
            deletes=tuple(ref for ref, one in waiting.items() if one is None),
        )

    def put_back(self, runtime: str, changes: Changes) -> None:
        """Let what was taken wait again, where nothing newer waits."""
        waiting = self.pending.setdefault(runtime, {})
        for one in changes.upserts:
            waiting.setdefault(ref_of(one), one)
        for ref in changes.deletes:
            waiting.setdefault(ref, None)

    def wrote(self, ref: SourceRef, answer: Object) -> None:
        """Take note of what the API server stored as a status."""
        known = self.known.get(ref)
        if known is not None and known.uid == str(answer["metadata"].get("uid", "")):
            status = answer.get("status") or {}
            known.version = max(known.version, _version(answer))
            known.standing = self._standing(status)
            known.told = {key: value for key, value in status.items() if key != "conditions"}

    def _forget(self, ref: SourceRef, known: Known) -> None:
        del self.known[ref]
        self._wait(known.runtime, ref, None)

    def _wait(self, runtime: str, ref: SourceRef, resource: Resource | Broken | None) -> None:
        self.pending.setdefault(runtime, {})[ref] = resource
        self.wake(runtime)

    def _standing(self, status: Mapping[str, Any]) -> tuple[Condition, ...]:
        if len(self._shared) > _SHARED_MAX:
            self._shared.clear()
        return tuple(self._shared.setdefault(one, one) for one in standing(status))


def _ref(document: Object) -> SourceRef:
    metadata = document["metadata"]
    return SourceRef(str(document.get("kind", "")), f"{metadata['namespace']}/{metadata['name']}")


def _version(document: Object) -> int:
    return int(document["metadata"].get("resourceVersion") or 0)


def _takes(resource: Resource | Broken, ref: SourceRef) -> Permission:
    if isinstance(resource, RuntimeDeployment):
        return permission_of(resource)
    return UNKNOWN if ref.kind == RUNTIME else _NONE


def _parsed(document: Object) -> Resource | Broken:
    metadata = {key: document["metadata"][key] for key in _METADATA if key in document["metadata"]}
    read = {key: document[key] for key in _READ if key in document} | {"metadata": metadata}
    try:
        return parse(read)
    except InvalidResourceError as error:
        return Broken.of(error, read)


def _runtime(resource: Resource | Broken, document: Object, before: Known | None) -> str:
    if isinstance(resource, ModelRoute):
        return runtime_of(resource)
    if isinstance(resource, RuntimeDeployment) or document["kind"] == RUNTIME:
        return _ref(document).name
    namespace = document["metadata"]["namespace"]
    return runtime_named(document, namespace) or (before.runtime if before else f"{namespace}/-")


_SHARED_MAX = 50_000
