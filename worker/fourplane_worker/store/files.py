"""Files that are whole or not there: written beside, flushed, renamed."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from fourplane_worker.store.errors import MissingError, UnreadableError

PUBLIC, PRIVATE = 0o644, 0o600


def write(path: Path, data: bytes, mode: int = PUBLIC) -> None:
    """Replace a file by a whole one that outlives a loss of power."""
    place(path, data, mode)
    settle((path.parent,))


def place(path: Path, data: bytes, mode: int = PUBLIC, *, durable: bool = True) -> None:
    """Replace a file by a whole one; `settle` its folder afterwards, or set `durable` to false for what may be lost."""
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)
            file.write(data)
            file.flush()
            if durable:
                os.fsync(handle)
        Path(temporary).replace(path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise _unwritable(path, error) from error


def settle(folders: Iterable[Path]) -> None:
    """Make renames in these folders outlive a loss of power."""
    for folder in folders:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def read(path: Path, remedy: str) -> bytes:
    """Return a file's content, or raise a StoreError that says what to do."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise MissingError(path, "the file is not there", remedy) from error
    except OSError as error:
        raise UnreadableError(path, error.strerror or str(error), "check its owner and mode") from error


def stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes whenever a file is replaced; None where there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size


def _unwritable(path: Path, error: OSError) -> UnreadableError:
    return UnreadableError(path, f"can't be written: {error.strerror or error}", "make room, or check owner and mode")
