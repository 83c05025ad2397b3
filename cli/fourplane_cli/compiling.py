"""Folders to compilations: which runtime is meant, and the compiler's diagnostics as findings on lines of files."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from fourplane_api import ModelRoute, Problem, RuntimeDeployment
from fourplane_cli.exits import ProblemsError
from fourplane_cli.folder import Finding, Folder
from fourplane_compiler.compilation import Compilation, compile_all
from fourplane_compiler.diagnostics import Diagnostic, Reason, Severity, SourceRef
from fourplane_compiler.sources import Broken, Resource, ref_of, runtime_named
from fourplane_core.control.snapshot import Snapshot


def compile_folder(folder: Folder, runtime: str, last_good: Snapshot | None = None) -> Compilation:
    """Compile one runtime of a folder."""
    deployment = folder.resources[SourceRef(RuntimeDeployment.__name__, runtime)]
    routes = [*routes_of(folder, runtime), *_unread(folder, last_good)]
    return compile_all(runtime, [deployment, *routes], last_good)


def routes_of(folder: Folder, runtime: str) -> Iterator[Resource | Broken]:
    """Yield the routes to compile with a runtime: its own, and where it is the only one, every other route too."""
    runtimes = folder.runtimes()
    for resource in folder.resources.values():
        if ref_of(resource).kind != ModelRoute.__name__:
            continue
        if len(runtimes) == 1 or _named(folder, resource) == runtime:
            yield resource


def _named(folder: Folder, resource: Resource | Broken) -> str:
    """Return the runtime that a route names, as far as it can be read."""
    ref = ref_of(resource)
    data = folder.documents[ref].data
    return runtime_named(data, ref.name.partition("/")[0]) if isinstance(data, Mapping) else ""


def _unread(folder: Folder, last_good: Snapshot | None) -> Iterator[Broken]:
    """Yield last good routes that may stand in a file that can't be read: that is not the same as deleted."""
    if last_good is None or not has_errors(folder.findings):
        return
    for route in last_good.routes:
        ref = SourceRef(ModelRoute.__name__, route.name)
        if ref not in folder.resources:
            yield Broken(ref=ref, problems=(_UNREAD,))


def choose_runtime(folder: Folder, wanted: str | None) -> str:
    """Return the runtime that is meant: the only one, or that of `--runtime`."""
    there = folder.runtimes()
    names = ", ".join(there) or "none"
    if wanted is not None:
        full = wanted if "/" in wanted else f"default/{wanted}"
        if full not in there:
            raise ProblemsError(f"{folder.root} has no RuntimeDeployment {full}; there: {names}")
        return full
    if len(there) != 1:
        remedy = "choose one with --runtime" if there else "add one; `fourplane validate` lists what is wrong"
        raise ProblemsError(f"{folder.root} has {len(there)} RuntimeDeployments ({names}); {remedy}")
    return there[0]


def findings_of(folder: Folder, compilations: Iterable[Compilation]) -> list[Finding]:
    """Return everything to say about a folder, by file and line."""
    found = [
        _on_line(folder, diagnostic)
        for compilation in compilations
        for diagnostics in compilation.diagnostics.values()
        for diagnostic in diagnostics
    ]
    return sorted([*folder.findings, *found], key=lambda one: (str(one.path), one.line, one.field, one.message))


def check_folder(folder: Folder) -> list[Finding]:
    """Compile every runtime of a folder, and return everything to say about it."""
    runtimes = folder.runtimes()
    compilations = [compile_folder(folder, runtime) for runtime in runtimes]
    served = {name for compilation in compilations for name in compilation.routes}
    orphans = [
        resource
        for resource in folder.resources.values()
        if ref_of(resource).kind == ModelRoute.__name__ and ref_of(resource).name not in served
    ]
    # Compiled against no runtime at all, a route says whatever is wrong with it, and that it has none.
    lost = [compile_all(runtimes[0] if runtimes else "default/none", orphans)] if orphans else []
    hidden = [ref for ref, resource in folder.resources.items() if _is_unusable(ref, resource, compilations)]
    folder.notes += [f"{ref}: its routes are checked on their own only, until it is correct" for ref in hidden]
    found = findings_of(folder, [*compilations, *lost])
    return [one for one in found if not (hidden and one.reason == Reason.RUNTIME_NOT_FOUND)]


def _is_unusable(ref: SourceRef, resource: Resource | Broken, compilations: Iterable[Compilation]) -> bool:
    """Tell whether a RuntimeDeployment is there and can't be compiled: what its routes lack is its fault."""
    there = ref.kind == RuntimeDeployment.__name__ and isinstance(resource, Broken)
    return there and any(one.runtime == ref.name and one.encoded is None for one in compilations)


def _on_line(folder: Folder, diagnostic: Diagnostic) -> Finding:
    document = folder.documents.get(diagnostic.source)
    return Finding(
        path=document.path if document else folder.root,
        line=document.line_of(diagnostic.field) if document else 1,
        severity=diagnostic.severity,
        reason=diagnostic.reason.value,
        message=diagnostic.message,
        remedy=diagnostic.remedy,
        ref=diagnostic.source,
        field=diagnostic.field,
        last_good=diagnostic.last_good,
    )


def has_errors(findings: Iterable[Finding]) -> bool:
    """Tell whether anything that was asked for is not served."""
    return any(finding.severity is Severity.ERROR for finding in findings)


def shown_path(path: Path) -> str:
    """Return a path as short as it can be said from here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


_UNREAD = Problem(
    "", "it is not in the folder, and some files can't be read", "correct the files; only then is it deleted"
)
