"""A folder of resources, edit by edit: each reading compiles only what is different from the one before."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fourplane_api import ModelRoute, Problem, RuntimeDeployment
from fourplane_cli.compiling import choose_runtime, findings_of, routes_of
from fourplane_cli.elsewhere import only_in_a_cluster
from fourplane_cli.exits import ProblemsError
from fourplane_cli.folder import Files, Finding, Folder, Trouble, read_folder
from fourplane_compiler.compilation import Compilation, blank, compile_runtime
from fourplane_compiler.diagnostics import Severity, SourceRef
from fourplane_compiler.differences import Difference, differences
from fourplane_compiler.sources import Broken, Changes, Resource, ref_of
from fourplane_core.control.snapshot import Snapshot
from fourplane_wire.snapshot import Encoded, Part, decode_snapshot

_UNREAD = Problem("", "the file that held it can't be read in full", "correct the file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the folder holds now."""

    runtime: str = ""
    """`NAMESPACE/NAME`; empty where there is none."""
    deployment: RuntimeDeployment | None = None
    """The RuntimeDeployment, where it is valid."""
    encoded: Encoded | None = None
    snapshot: Snapshot | None = None
    """What is to be served; None where nothing can be."""
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    """What was passed over, and why."""
    held: tuple[SourceRef, ...] = ()
    """Resources in their last good form, since the file that held them can't be read in full."""
    differences: tuple[Difference, ...] = ()
    """From the snapshot of the last reading."""
    seconds: float = 0.0
    """Time that reading and compiling took."""
    failure: str = ""
    """Why nothing was compiled; empty where something was."""


@dataclass(slots=True)
class Sources:
    """Reads one runtime's resources again and again."""

    root: Path
    wanted: str | None = None
    """The runtime that is meant, where a folder has several."""
    last_good: Snapshot | None = None
    """What was served before the first reading: broken resources keep that form."""
    has_engine: bool = False
    """Whether an engine was named for every pool without endpoints."""
    _files: Files = field(default_factory=Files)
    _compilation: Compilation | None = None
    _resources: dict[SourceRef, Resource | Broken] = field(default_factory=dict)
    _places: dict[SourceRef, Path] = field(default_factory=dict)
    _parts: Mapping[str, Part] = field(default_factory=dict)

    def read(self) -> Reading:
        """Read and compile; blocks."""
        begun = time.perf_counter()
        try:
            folder = read_folder(self.root, self._files)
        except OSError as error:
            return Reading(failure=f"{self.root}: {error.strerror or error}")
        try:
            runtime = self._runtime(folder)
        except ProblemsError as error:
            return Reading(failure=error.message, findings=tuple(folder.findings), notes=tuple(folder.notes))
        resources = {SourceRef(RuntimeDeployment.__name__, runtime): folder.resources.get(_ref(runtime))}
        resources |= {ref_of(route): route for route in routes_of(folder, runtime)}
        found = {ref: resource for ref, resource in resources.items() if resource is not None}
        held = self._held(folder, found, runtime)
        compilation = self._compile(runtime, found | {ref: Broken(ref=ref, problems=(_UNREAD,)) for ref in held})
        self._places = {ref: document.path for ref, document in folder.documents.items()}
        return self._reading(folder, compilation, held, begun)

    def _runtime(self, folder: Folder) -> str:
        """Choose the runtime; one whose file can't be read right now stays chosen."""
        known = (
            self._compilation.runtime if self._compilation else self.last_good.runtime.name if self.last_good else ""
        )
        if known and not folder.runtimes() and _unreadable(folder):
            return known
        return choose_runtime(folder, self.wanted)

    def _held(self, folder: Folder, found: Iterable[SourceRef], runtime: str) -> tuple[SourceRef, ...]:
        """Return what only seems to be deleted: it stood in a file that can't be read in full.

        Before the first reading nobody knows which file that was, so any such file holds everything back.
        """
        unread = _unreadable(folder)
        if not unread:
            return ()
        if self._compilation is not None:
            gone = [ref for ref in self._resources if self._places.get(ref) in unread or ref not in self._places]
        elif self.last_good is not None and self.last_good.runtime.name == runtime:
            routes = [SourceRef(ModelRoute.__name__, route.name) for route in self.last_good.routes]
            gone = [_ref(runtime), *routes]
        else:
            gone = []
        present = set(found)
        return tuple(ref for ref in gone if ref not in present)

    def _compile(self, runtime: str, resources: dict[SourceRef, Resource | Broken]) -> Compilation:
        """Compile what is different; a runtime of another name begins anew."""
        previous = self._compilation
        if previous is None or previous.runtime != runtime:
            seed = self.last_good if self.last_good and self.last_good.runtime.name == runtime else None
            previous, self._resources = blank(runtime, seed), {}
        old = self._resources
        changes = Changes(
            upserts=tuple(resource for ref, resource in resources.items() if _is_other(resource, old.get(ref))),
            deletes=tuple(ref for ref in old if ref not in resources),
        )
        compilation = compile_runtime(previous, changes) if changes.upserts or changes.deletes else previous
        self._compilation, self._resources = compilation, resources
        return compilation

    def _reading(self, folder: Folder, compilation: Compilation, held: tuple[SourceRef, ...], begun: float) -> Reading:
        encoded, before = compilation.encoded, self.last_good
        findings = tuple(one for one in findings_of(folder, [compilation]) if one.ref not in held)
        deployment = self._resources.get(_ref(compilation.runtime))
        if isinstance(deployment, RuntimeDeployment) and not self.has_engine:
            findings = (*findings, *only_in_a_cluster(folder, deployment))
        failure = "" if encoded else f"runtime {compilation.runtime} cannot be compiled"
        if encoded is not None:
            decoded = decode_snapshot(encoded.manifest, encoded.shards, self._parts)
            self._parts, self.last_good = decoded.parts, decoded.snapshot
        after = self.last_good if encoded is not None else None
        return Reading(
            runtime=compilation.runtime,
            deployment=deployment if isinstance(deployment, RuntimeDeployment) else None,
            encoded=encoded,
            snapshot=after,
            findings=findings,
            notes=tuple(folder.notes),
            held=held,
            differences=differences(before, after) if before and after and before.digest != after.digest else (),
            seconds=time.perf_counter() - begun,
            failure=failure,
        )


def _ref(runtime: str) -> SourceRef:
    return SourceRef(RuntimeDeployment.__name__, runtime)


def _is_other(resource: Resource | Broken, old: Resource | Broken | None) -> bool:
    return resource is not old and resource != old


def _unreadable(folder: Folder) -> set[Path]:
    """Return the files with text that is no resource: there is no telling what stood there."""
    errors = (one for one in folder.findings if one.severity is Severity.ERROR)
    return {one.path for one in errors if one.reason != Trouble.NOTHING_FOUND}
