"""One process at a time works on a state folder; a second one hears which it is."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fourplane_worker.store.errors import LockedError
from fourplane_worker.store.layout import StateFolder

_TRIES, _BETWEEN_S = 5, 0.02
"""Whoever only asks holds a lock for a moment, too."""


@contextmanager
def hold(state: StateFolder, name: str) -> Iterator[None]:
    """Hold a lock of the folder and write the pid there; the kernel frees it at death, however that comes."""
    handle = os.open(state.run / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not any(_take(handle, fcntl.LOCK_EX, attempt) for attempt in range(_TRIES)):
            pid = _pid(handle)
            raise LockedError(
                state.root,
                f"`fourplane {name}` runs here already, as process {pid}",
                f"stop it (kill {pid}), or choose another folder with --state",
            )
        os.ftruncate(handle, 0)
        os.pwrite(handle, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(handle)


def owner(state: StateFolder, name: str) -> str:
    """Return the pid of whoever holds a lock; empty where nobody does."""
    try:
        handle = os.open(state.run / f"{name}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return "" if _take(handle, fcntl.LOCK_SH) else _pid(handle)
    finally:
        os.close(handle)


def _take(handle: int, kind: int, attempt: int = 0) -> bool:
    if attempt:
        time.sleep(_BETWEEN_S)
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _pid(handle: int) -> str:
    return os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
