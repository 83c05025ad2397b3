"""A folder of YAML files into resources, and findings that say where everything stands."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from pathlib import Path
from typing import Any

from fourplane_api import KINDS, InvalidResourceError, ModelRoute, Problem, RuntimeDeployment, is_ours, parse
from fourplane_cli.documents import Document, UnreadableError, is_mapping, read_documents
from fourplane_compiler.diagnostics import Severity, SourceRef
from fourplane_compiler.sources import Broken, Resource, ref_of


@unique
class Trouble(StrEnum):
    """Reasons of findings that are about files; those about resources are the compiler's."""

    UNREADABLE = "Unreadable"
    """The file is not there, not readable, or no YAML."""
    NOT_A_RESOURCE = "NotAResource"
    """A document of our group that has no name, or a kind that the group lacks."""
    NOTHING_FOUND = "NothingFound"
    """No resource was found at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something to say about a line of a file."""

    path: Path
    line: int
    severity: Severity
    reason: str
    message: str
    remedy: str
    ref: SourceRef | None = None
    field: str = ""
    last_good: bool = False
    """Whether the last good form of the resource is served because of this."""


@dataclass(slots=True)
class Folder:
    """What was found."""

    root: Path
    resources: dict[SourceRef, Resource | Broken] = field(default_factory=dict)
    documents: dict[SourceRef, Document] = field(default_factory=dict)
    """Where each resource stands."""
    findings: list[Finding] = field(default_factory=list)
    """What is wrong with files and with documents that are no resources."""
    notes: list[str] = field(default_factory=list)
    """What was passed over, and why."""

    def runtimes(self) -> list[str]:
        """Return `NAMESPACE/NAME` of every RuntimeDeployment, broken ones included."""
        return sorted(ref.name for ref in self.resources if ref.kind == RuntimeDeployment.__name__)


def read_folder(root: Path) -> Folder:
    """Read all resources below a folder, or of one file; raise OSError when the folder itself can't be read."""
    folder = Folder(root)
    repositories: list[Path] = []
    for path in yaml_files(root):
        for document in _documents(folder, path):
            repositories += [_repository(root, path, name) for name in _repositories(document.data)]
            _take(folder, document)
    _drop(folder, [place for place in repositories if place != root.resolve()])
    if not folder.resources and not folder.findings:
        folder.findings.append(
            _finding(root, 1, Trouble.NOTHING_FOUND, "no resource of fourplane.dev was found", _EMPTY)
        )
    return folder


def yaml_files(root: Path) -> Iterator[Path]:
    """Yield every *.yaml and *.yml, each once, in the order of their paths.

    Hidden files and folders are passed over, and so are the models of a model repository.
    """
    if root.is_file():
        yield root
        return
    entered: set[Path] = set()
    waiting = [root]
    while waiting:
        here = waiting.pop()
        place = here.resolve()
        if place in entered or (here != root and _is_model(here)):
            continue
        entered.add(place)
        visible = sorted((entry for entry in here.iterdir() if not entry.name.startswith(".")), reverse=True)
        for entry in reversed(visible):
            real = entry.resolve() if entry.suffix in _SUFFIXES and not entry.is_dir() else None
            if real is not None and real not in entered:
                entered.add(real)
                yield entry
        waiting += [entry for entry in visible if entry.is_dir()]


def _is_model(folder: Path) -> bool:
    if (folder / "config.pbtxt").exists():
        return True
    versions = (entry for entry in folder.iterdir() if entry.name.isdecimal() and entry.is_dir())
    return any(entry.name.startswith("model.") for version in versions for entry in version.iterdir())


def _documents(folder: Folder, path: Path) -> Iterator[Document]:
    """Yield the documents of a file, the items of lists on their own; what can't be read becomes a finding."""
    try:
        for document in read_documents(path):
            yield from _items(document)
    except UnreadableError as error:
        folder.findings.append(_finding(path, error.line, Trouble.UNREADABLE, error.message, error.remedy))
    except OSError as error:
        message = f"this file cannot be read: {error.strerror or error}"
        folder.findings.append(_finding(path, 1, Trouble.UNREADABLE, message, "make it readable, or remove it"))


def _items(document: Document) -> Iterator[Document]:
    data = document.data
    if not (is_mapping(data) and data.get("kind") == "List" and isinstance(data.get("items"), list)):
        yield document
        return
    nodes = next(value.value for key, value in document.node.value if key.value == "items")
    for item, node in zip(data["items"], nodes, strict=True):
        yield Document(document.path, item, node)


def _take(folder: Folder, document: Document) -> None:
    """Sort a document into resources, findings and notes."""
    data = document.data
    where = f"{document.path}:{document.line}"
    if data is None:
        return
    if not is_mapping(data) or "apiVersion" not in data or "kind" not in data:
        folder.notes.append(f"{where}: passed over, since it has no apiVersion and kind")
    elif not is_ours(data):
        folder.notes.append(f"{where}: passed over, since {data['kind']} of {data['apiVersion']} is not fourplane's")
    else:
        _add(folder, document, data)


def _add(folder: Folder, document: Document, data: Mapping[str, Any]) -> None:
    resource: Resource | Broken
    try:
        resource = parse(data)
    except InvalidResourceError as error:
        if error.kind not in KINDS or not error.name:
            folder.findings += _no_resource(document, error)
            return
        resource = Broken.of(error, data)
    ref = ref_of(resource)
    first = folder.documents.get(ref)
    if first is not None:
        message = f"{ref} is there twice: also at {first.path}:{first.line}"
        problem = Problem("metadata.name", message, "remove or rename one of the two")
        resource = Broken(ref=ref, problems=(problem,))
    folder.resources[ref] = resource
    folder.documents[ref] = document


def _no_resource(document: Document, error: InvalidResourceError) -> Iterator[Finding]:
    for problem in error.problems:
        message = f"{problem.field}: {problem.message}" if problem.field else problem.message
        remedy = problem.remedy or "correct the field"
        yield _finding(document.path, document.line_of(problem.field), Trouble.NOT_A_RESOURCE, message, remedy)


def _repositories(data: Any) -> Iterator[str]:
    """Yield the model repositories that a document names, valid or not."""
    if is_mapping(data) and is_ours(data):
        spec = data.get("spec")
        pools = spec.get("pools") if isinstance(spec, Mapping) else None
        for pool in pools if isinstance(pools, list) else ():
            triton = pool.get("triton") if isinstance(pool, Mapping) else None
            name = triton.get("modelRepository") if isinstance(triton, Mapping) else None
            if isinstance(name, str) and name:
                yield name


def _repository(root: Path, path: Path, name: str) -> Path:
    """Return a repository's place; one that holds the very file that names it hides nothing."""
    place = ((root if root.is_dir() else root.parent) / name).resolve()
    return root.resolve() if path.resolve().is_relative_to(place) else place


def _drop(folder: Folder, repositories: list[Path]) -> None:
    """Forget what stands in a model repository: it belongs to the models."""

    def belongs(path: Path) -> bool:
        return any(path.resolve().is_relative_to(place) for place in repositories)

    for ref, document in list(folder.documents.items()):
        if belongs(document.path):
            del folder.documents[ref], folder.resources[ref]
    folder.findings = [finding for finding in folder.findings if not belongs(finding.path)]
    folder.notes = [note for note in folder.notes if not belongs(Path(re.sub(r":\d+: .*", "", note)))]


def _finding(path: Path, line: int, reason: Trouble, message: str, remedy: str) -> Finding:
    return Finding(path=path, line=line, severity=Severity.ERROR, reason=reason.value, message=message, remedy=remedy)


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
    spec = data.get("spec") if isinstance(data, Mapping) else None
    reference = spec.get("runtimeRef") if isinstance(spec, Mapping) else None
    name = reference.get("name") if isinstance(reference, Mapping) else None
    return f"{ref.name.partition('/')[0]}/{name}"


_SUFFIXES = (".yaml", ".yml")
_EMPTY = "name the folder that holds the RuntimeDeployment and its ModelRoutes"
