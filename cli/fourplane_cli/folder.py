"""A folder of YAML files into resources, and findings that say where everything stands."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

from fourplane_api import (
    API_VERSION,
    GROUP,
    KINDS,
    InvalidResourceError,
    Problem,
    RuntimeDeployment,
    is_ours,
    parse,
)
from fourplane_api.problems import did_you_mean
from fourplane_cli.documents import Document, UnreadableError, is_mapping, parse_documents, pieces_of, read_text
from fourplane_cli.walking import is_below, resolved, yaml_files
from fourplane_compiler.diagnostics import Severity, SourceRef
from fourplane_compiler.sources import Broken, Resource, ref_of


@unique
class Trouble(StrEnum):
    """Reasons of findings that are about files; those about resources are the compiler's."""

    UNREADABLE = "Unreadable"
    """The file is not there, not readable, or no YAML."""
    NOT_A_RESOURCE = "NotAResource"
    """A document that is meant for our group, and has no name, no kind of the group, or its group misspelt."""
    OTHER_GROUP = "OtherGroup"
    """A document of a kind of ours, and of quite another group."""
    NOTHING_FOUND = "NothingFound"
    """No resource was found at all."""
    ONLY_IN_A_CLUSTER = "OnlyInACluster"
    """A pool whose engines `fourplane up` neither finds nor starts."""


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


def read_folder(root: Path, files: "Files | None" = None) -> Folder:
    """Read all resources below a folder, or of one file; raise OSError when the folder itself can't be read.

    With `files`, what was read before and is unchanged is not read again: the result is the same.
    """
    read = (files or Files()).read(root)
    whole = resolved(root)
    repositories = {_repository(root, real, name) for real, file in read for name in file.repositories}
    folder = Folder(root)
    for real, file in read:
        # What stands in a model repository belongs to the models.
        if not any(is_below(real, place) for place in repositories if place != whole):
            _add(folder, file)
    if not folder.resources and all(one.severity is not Severity.ERROR for one in folder.findings):
        folder.findings.append(
            _finding(root, 1, Trouble.NOTHING_FOUND, "no resource of fourplane.dev was found", _EMPTY)
        )
    return folder


@dataclass(frozen=True, slots=True)
class _Stranger:
    """A document of a kind of ours that is not of our group."""

    reason: Trouble
    message: str
    remedy: str


_Outcome: TypeAlias = Resource | Broken | InvalidResourceError | _Stranger | str | None
"""What became of a document: a resource, none, a note on why it was passed over, or nothing to say."""


@dataclass(frozen=True, slots=True)
class _File:
    """What one file says, wherever else there are files."""

    signature: tuple[int, ...] = ()
    """What `stat` says; empty: read it again in any case."""
    digest: bytes = b""
    pieces: Mapping[bytes, Sequence[tuple[Document, _Outcome]]] = field(default_factory=dict)
    """Documents by their text, as if nothing stood above them."""
    resources: Sequence[tuple[SourceRef, Resource | Broken, Document]] = ()
    repositories: Sequence[str] = ()
    """Model repositories that it names."""
    findings: Sequence[Finding] = ()
    notes: Sequence[str] = ()


@dataclass(slots=True)
class Files:
    """Files as they were when they were last read."""

    _known: dict[Path, _File] = field(default_factory=dict)

    def read(self, root: Path) -> list[tuple[str, _File]]:
        """Return every file, and its path without links."""
        found = [(path, real, _read(path, self._known.get(path, _File()))) for path, real in yaml_files(root)]
        self._known = {path: file for path, _, file in found}
        return [(real, file) for _, real, file in found]


def _read(path: Path, known: _File) -> _File:
    try:
        now = time.time_ns()
        status = path.stat()
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        signature = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if signature == known.signature:
            return known
        text = read_text(path)
    except UnreadableError as error:
        return _File(findings=(_unreadable(path, error),))
    except OSError as error:
        message = f"this file cannot be read: {error.strerror or error}"
        return _File(findings=(_finding(path, 1, Trouble.UNREADABLE, message, "make it readable, or remove it"),))
    digest = sha256(text).digest()
    file = known if digest == known.digest else _parse(path, text, known)
    # Soon after an edit, another one may leave the same times.
    return replace(file, signature=() if now - changed < _YOUNG_NS else signature, digest=digest)


def _parse(path: Path, text: bytes, known: _File) -> _File:
    """Parse what is new in a file; all of it where that is no valid YAML, since only the whole says what is wrong."""
    pieces: dict[bytes, Sequence[tuple[Document, _Outcome]]] = {}
    documents: list[tuple[Document, _Outcome]] = []
    divided = list(pieces_of(text))
    if not divided:
        return _whole(path, text)
    try:
        for above, piece in divided:
            if piece not in pieces:
                parsed = known.pieces.get(piece)
                pieces[piece] = _outcomes(parse_documents(path, piece, is_piece=True)) if parsed is None else parsed
            documents += [(document.moved(above), outcome) for document, outcome in pieces[piece]]
    except UnreadableError:
        return replace(_whole(path, text), pieces=known.pieces)
    return replace(_file(documents), pieces=pieces)


def _whole(path: Path, text: bytes) -> _File:
    documents: list[Document] = []
    try:
        documents.extend(parse_documents(path, text))
    except UnreadableError as error:
        file = _file(_outcomes(documents))
        return replace(file, findings=(*file.findings, _unreadable(path, error)))
    return _file(_outcomes(documents))


def _file(documents: Iterable[tuple[Document, _Outcome]]) -> _File:
    """Sort documents into resources, findings and notes."""
    resources: list[tuple[SourceRef, Resource | Broken, Document]] = []
    repositories: list[str] = []
    findings: list[Finding] = []
    notes: list[str] = []
    for document, outcome in documents:
        repositories += _repositories(document.data)
        if isinstance(outcome, str):
            notes.append(f"{document.path}:{document.line}: {outcome}")
        elif isinstance(outcome, _Stranger):
            findings.append(_of_another_group(document, outcome))
        elif isinstance(outcome, InvalidResourceError):
            findings += _no_resource(document, outcome)
        elif outcome is not None:
            resources.append((ref_of(outcome), outcome, document))
    return _File(resources=resources, repositories=repositories, findings=findings, notes=notes)


def _outcomes(documents: Iterable[Document]) -> Sequence[tuple[Document, _Outcome]]:
    return [(document, _outcome(document.data)) for document in documents]


def _outcome(data: Any) -> _Outcome:
    if data is None:
        return None
    if not is_mapping(data) or "kind" not in data:
        return _NAMELESS
    if not is_ours(data):
        return _other(data["kind"], data.get("apiVersion"))
    try:
        return parse(data)
    except InvalidResourceError as error:
        return Broken.of(error, data) if error.kind in KINDS and error.name else error


def _other(kind: Any, version: Any) -> _Stranger | str:
    """Tell a slip in the group, which must not look like a deletion, from what is another's."""
    if not isinstance(kind, str) or kind not in KINDS:
        return f"passed over, since {kind} of {version} is not fourplane's" if version is not None else _NAMELESS
    group = version.rpartition("/")[0] if isinstance(version, str) else ""
    hint = did_you_mean(group, [GROUP])
    return _Stranger(
        Trouble.NOT_A_RESOURCE if hint or not group else Trouble.OTHER_GROUP,
        f"this {kind} is of {group or 'no group'}, not of {GROUP}: it is passed over",
        hint or f"write {API_VERSION} if it is meant for fourplane",
    )


def _add(folder: Folder, file: _File) -> None:
    folder.findings += file.findings
    folder.notes += file.notes
    for ref, resource, document in file.resources:
        first = folder.documents.get(ref)
        folder.resources[ref] = resource if first is None else _twice(ref, first)
        folder.documents[ref] = document


def _twice(ref: SourceRef, first: Document) -> Broken:
    message = f"{ref} is there twice: also at {first.path}:{first.line}"
    return Broken(ref=ref, problems=(Problem("metadata.name", message, "remove or rename one of the two"),))


def _of_another_group(document: Document, stranger: _Stranger) -> Finding:
    line = document.line_of("apiVersion")
    finding = _finding(document.path, line, stranger.reason, stranger.message, stranger.remedy)
    severity = Severity.WARNING if stranger.reason is Trouble.OTHER_GROUP else Severity.ERROR
    return replace(finding, severity=severity, field="apiVersion")


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
            if isinstance(name, str) and name and "\0" not in name and "://" not in name:
                yield name


def _repository(root: Path, file: str, name: str) -> str:
    """Return a repository's place; one that holds the very file that names it hides nothing."""
    place = resolved((root if root.is_dir() else root.parent) / name)
    return resolved(root) if is_below(file, place) else place


def _unreadable(path: Path, error: UnreadableError) -> Finding:
    return _finding(path, error.line, Trouble.UNREADABLE, error.message, error.remedy)


def _finding(path: Path, line: int, reason: Trouble, message: str, remedy: str) -> Finding:
    return Finding(path=path, line=line, severity=Severity.ERROR, reason=reason.value, message=message, remedy=remedy)


_YOUNG_NS = 2_000_000_000
"""Files changed less than this ago are read again: clocks of file systems are coarse, FAT's counts two seconds."""
_NAMELESS = "passed over, since it has no apiVersion and kind"
_EMPTY = "name the folder that holds the RuntimeDeployment and its ModelRoutes"
