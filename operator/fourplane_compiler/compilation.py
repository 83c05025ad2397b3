"""Compile one runtime, whole or by what changed: both give the same bytes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from fourplane_api import RuntimeDeployment
from fourplane_compiler.claims import Claims
from fourplane_compiler.diagnostics import Diagnostic, Severity, SourceRef
from fourplane_compiler.frame import Frame, frame_of
from fourplane_compiler.routes import Routes, RouteState, update_routes
from fourplane_compiler.sources import ROUTE, RUNTIME, Broken, Changes, Resource, ref_of, source_of
from fourplane_core.control.snapshot import Pool, Route, Runtime, Snapshot
from fourplane_wire import trie
from fourplane_wire.entries import Value, encode_entry, entry_key
from fourplane_wire.provenance import Provenance, Source
from fourplane_wire.snapshot import Encoded, decode_entry, decode_snapshot, encode_trie


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compilation:
    """The state of a runtime's sources and what they compile to; a value that the next compile starts from."""

    runtime: str
    """`NAMESPACE/NAME` of the RuntimeDeployment."""
    encoded: Encoded | None = None
    """The snapshot; None where there is no runtime to serve."""
    diagnostics: Mapping[SourceRef, tuple[Diagnostic, ...]] = field(default_factory=dict)
    """By source; a source that there is nothing to say about is absent."""
    deployment: Source | None = None
    """The RuntimeDeployment, where there is one."""
    frame: Frame | None = None
    routes: Mapping[str, RouteState] = field(default_factory=dict)
    claims: Claims = field(default_factory=dict)
    root: trie.Node = trie.EMPTY
    """The shards."""
    last_good: trie.Node = trie.EMPTY
    """The shards of the last snapshot: where last good forms are found."""

    @property
    def has_errors(self) -> bool:
        """Tell whether something that was asked for is not served."""
        return any(one.severity is Severity.ERROR for many in self.diagnostics.values() for one in many)

    def snapshot(self) -> Snapshot:
        """Return the snapshot as a worker reads it."""
        if self.encoded is None:
            raise ValueError(f"runtime {self.runtime} has no snapshot")
        return decode_snapshot(self.encoded.manifest, self.encoded.shards).snapshot

    def provenance(self, revision: str = "", compiled_at_ms: int = 0) -> Provenance:
        """Tell what the snapshot was compiled from."""
        if self.encoded is None:
            raise ValueError(f"runtime {self.runtime} has no snapshot")
        sources = [state.source for state in self.routes.values()]
        if self.deployment is not None:
            sources.append(self.deployment)
        return Provenance(
            snapshot=self.encoded.digest,
            sources=tuple(sorted(sources)),
            revision=revision,
            compiled_at_ms=compiled_at_ms,
        )


def blank(runtime: str, last_good: Snapshot | None = None) -> Compilation:
    """Return the state before the first compile: no sources, and the last good forms of a snapshot.

    The first compile must have every source there is: a route that it lacks is a route that was deleted.
    """
    if last_good is None:
        return Compilation(runtime=runtime)
    if last_good.runtime.name != runtime:
        raise ValueError(f"the last good snapshot is of runtime {last_good.runtime.name}, not of {runtime}")
    values: tuple[Value, ...] = (last_good.runtime, *last_good.pools, *last_good.routes)
    entries = {entry_key(value): encode_entry(value) for value in values}
    return Compilation(runtime=runtime, last_good=trie.update(trie.EMPTY, entries))


def compile_runtime(previous: Compilation, changes: Changes) -> Compilation:
    """Return the state after the changes; what they don't touch is shared with the previous one."""
    deployment, frame, about = _frame(previous, changes)
    routes = update_routes(
        Routes(previous.routes, previous.claims, previous.frame),
        frame,
        [one for one in changes.upserts if ref_of(one).kind == ROUTE],
        [ref.name for ref in changes.deletes if ref.kind == ROUTE],
        lambda name: _held_route(previous.last_good, name),
    )
    root = trie.update(previous.root, {**_frame_entries(previous.frame, frame), **routes.entries})
    diagnostics = dict(previous.diagnostics)
    for ref, said in {**about, **routes.diagnostics}.items():
        if said:
            diagnostics[ref] = said
        else:
            diagnostics.pop(ref, None)
    return replace(
        previous,
        encoded=encode_trie(previous.runtime, root) if frame else None,
        diagnostics=diagnostics,
        deployment=deployment,
        frame=frame,
        routes=routes.state.routes,
        claims=routes.state.claims,
        root=root,
        last_good=root if frame else previous.last_good,
    )


def compile_all(runtime: str, resources: Iterable[Resource | Broken], last_good: Snapshot | None = None) -> Compilation:
    """Compile from nothing; the order of the resources has no effect."""
    return compile_runtime(blank(runtime, last_good), Changes(upserts=tuple(resources)))


def _frame(
    previous: Compilation, changes: Changes
) -> tuple[Source | None, Frame | None, dict[SourceRef, tuple[Diagnostic, ...]]]:
    ref = SourceRef(RUNTIME, previous.runtime)
    given = [one for one in changes.upserts if ref_of(one).kind == RUNTIME]
    strangers = {ref_of(one) for one in given} - {ref}
    if strangers:
        raise ValueError(
            f"{', '.join(map(str, sorted(strangers)))}: not the runtime {previous.runtime} of this compile"
        )
    if given:
        resource = given[-1]
        if not isinstance(resource, RuntimeDeployment | Broken):
            raise TypeError(f"{resource.full_name} is no RuntimeDeployment")
        frame, said = frame_of(resource, previous.frame or _held_frame(previous.last_good))
        return source_of(resource), frame, {ref: said}
    if ref in changes.deletes:
        return None, None, {ref: ()}
    return previous.deployment, previous.frame, {}


def _held_frame(root: trie.Node) -> Frame | None:
    values = [
        decode_entry(item.data)
        for _, leaf in trie.leaves(root)
        for item in leaf.items
        if not item.key.startswith("route/")
    ]
    runtime = next((value for value in values if isinstance(value, Runtime)), None)
    return Frame.of(runtime, tuple(value for value in values if isinstance(value, Pool))) if runtime else None


def _held_route(root: trie.Node, name: str) -> Route | None:
    data = trie.get(root, f"route/{name}")
    value = decode_entry(data) if data is not None else None
    return value if isinstance(value, Route) else None


def _frame_entries(old: Frame | None, new: Frame | None) -> dict[str, bytes | None]:
    before, after = old.entries if old else {}, new.entries if new else {}
    changed: dict[str, bytes | None] = {key: data for key, data in after.items() if before.get(key) != data}
    changed.update({key: None for key in before if key not in after})
    return changed
