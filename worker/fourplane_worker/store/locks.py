"""One process at a time works on a state folder; a second one hears which it is."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from fourplane_worker.store.errors import LockedError
from fourplane_worker.store.layout import StateFolder


@contextmanager
def hold(state: StateFolder, name: str) -> Iterator[None]:
    """Hold a lock of the folder and write the pid there; the kernel frees it at death, however that comes."""
    path = state.run / f"{name}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise LockedError(
                state.root,
                f"`fourplane {name}` runs here already, as process {owner}",
                f"stop it (kill {owner}), or choose another folder with --state",
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(handle)
