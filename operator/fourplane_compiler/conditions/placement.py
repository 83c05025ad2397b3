"""Which snapshots hold which form of a resource."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fourplane_compiler.compilation import Compilation
from fourplane_compiler.conditions.facts import Form, Subject
from fourplane_compiler.diagnostics import Severity, SourceRef
from fourplane_compiler.sources import RUNTIME
from fourplane_core.control.snapshot import Digest, Route, Snapshot
from fourplane_wire import trie
from fourplane_wire.entries import Value, encode_entry, entry_key
from fourplane_wire.snapshot import decode_entry


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """One snapshot, so that forms can be looked up in it; keep those that are active or that a worker serves."""

    digest: Digest
    root: trie.Node
    frame: Mapping[str, bytes]
    """Entries of the runtime and its pools, by key."""

    @classmethod
    def of(cls, compilation: Compilation) -> "Held":
        """Take what a compile gave; shares all of its memory."""
        if compilation.encoded is None or compilation.frame is None:
            raise ValueError(f"runtime {compilation.runtime} has no snapshot")
        return cls(digest=compilation.encoded.digest, root=compilation.root, frame=compilation.frame.entries)

    @classmethod
    def of_snapshot(cls, digest: Digest, snapshot: Snapshot) -> "Held":
        """Take a snapshot that was read back, as after a restart."""
        frame: tuple[Value, ...] = (snapshot.runtime, *snapshot.pools)
        entries = {entry_key(value): encode_entry(value) for value in frame}
        routes = {entry_key(route): encode_entry(route) for route in snapshot.routes}
        return cls(digest=digest, root=trie.update(trie.EMPTY, {**entries, **routes}), frame=entries)

    def route(self, name: str) -> bytes | None:
        """Return the encoded form of a route."""
        return trie.get(self.root, f"route/{name}")


def subject_of(compilation: Compilation, ref: SourceRef, others: Iterable[Held]) -> Subject | None:
    """Return what a compile knows of one of its sources, with the other snapshots around; None: no source of it."""
    here = () if compilation.encoded is None else (Held.of(compilation),)
    held = (*here, *others)
    if ref.kind == RUNTIME:
        return _runtime(compilation, ref, held) if ref.name == compilation.runtime else None
    return _route(compilation, ref, held)


def _runtime(compilation: Compilation, ref: SourceRef, held: tuple[Held, ...]) -> Subject | None:
    if compilation.deployment is None:
        return None
    said, frame = compilation.diagnostics.get(ref, ()), compilation.frame
    form = Form.LATEST if frame else Form.NONE
    if frame and any(one.severity is Severity.ERROR for one in said):
        form = Form.LAST_GOOD
    return Subject(
        ref=ref,
        generation=compilation.deployment.generation,
        diagnostics=said,
        form=form,
        latest=frozenset(
            one.digest for one in held if form is Form.LATEST and frame is not None and one.frame == frame.entries
        ),
        good=frozenset(one.digest for one in held),
    )


def _route(compilation: Compilation, ref: SourceRef, held: tuple[Held, ...]) -> Subject | None:
    state = compilation.routes.get(ref.name)
    if state is None:
        return None
    now = trie.get(compilation.root, f"route/{ref.name}")
    form = Form.NONE if now is None else Form.LAST_GOOD if state.verdict.last_good else Form.LATEST
    forms = {one.digest: data for one in held if (data := one.route(ref.name)) is not None}
    whole = {data for data in set(forms.values()) if _is_whole(data)}
    return Subject(
        ref=ref,
        generation=state.source.generation,
        diagnostics=compilation.diagnostics.get(ref, ()),
        form=form,
        latest=frozenset(digest for digest, data in forms.items() if form is Form.LATEST and data == now),
        good=frozenset(digest for digest, data in forms.items() if data in whole),
        partial=frozenset(digest for digest, data in forms.items() if data not in whole),
    )


def _is_whole(data: bytes) -> bool:
    value = decode_entry(data)
    return isinstance(value, Route) and all(backend.resolved for backend in value.backends)
