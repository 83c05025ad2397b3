"""Know a process again, and end it without ever hitting another one that got its number."""

import json
import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """What tells a process from a later one with the same number."""

    pid: int
    started: int
    """Clock ticks from boot to its start."""
    boot: str
    """The boot that the ticks count from."""


@dataclass(frozen=True, slots=True)
class Stat:
    """The fields of /proc/PID/stat that are used here."""

    state: str
    group: int
    started: int


def read_stat(text: str) -> Stat:
    """Parse /proc/PID/stat; the name in it may hold spaces and brackets."""
    fields = text[text.rindex(")") + 2 :].split()
    return Stat(state=fields[0], group=int(fields[2]), started=int(fields[19]))


def mark(pid: int) -> ProcessMark | None:
    """Return the mark of a running process; None if there is none."""
    stat = _stat(pid)
    if stat is None or stat.state in "ZX":
        return None
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    return ProcessMark(pid, stat.started, boot)


def members(group: int, program_root: Path) -> list[ProcessMark]:
    """Return the processes of a process group whose program lies under the folder."""
    pids = (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    found = [pid for pid in pids if (stat := _stat(pid)) is not None and stat.group == group]
    marks = [mark(pid) for pid in found if _runs_from(pid, program_root)]
    return [each for each in marks if each is not None]


def end(target: ProcessMark, grace: float) -> bool:
    """Ask the process to stop, then kill it; False if it was gone already. Blocks."""
    with _handle(target) as handle:
        if handle is None:
            return False
        for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
            try:
                signal.pidfd_send_signal(handle, number)
            except ProcessLookupError:
                break
            if _ended(handle, patience):
                break
        return True


def write_mark(path: Path, target: ProcessMark) -> None:
    """Write the pid file, whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(target)))
    temporary.replace(path)


def read_mark(path: Path) -> ProcessMark | None:
    """Read the pid file; None if it is not there or says nothing of use."""
    try:
        facts = json.loads(path.read_text())
        return ProcessMark(int(facts["pid"]), int(facts["started"]), str(facts["boot"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextmanager
def _handle(target: ProcessMark) -> Iterator[int | None]:
    """Open a handle that stays with the process; None if it is not that process any more."""
    try:
        handle = os.pidfd_open(target.pid)
    except (OSError, ValueError):
        yield None
        return
    try:
        # Compared after the handle was taken: from here on the number cannot change hands.
        yield handle if mark(target.pid) == target else None
    finally:
        os.close(handle)


def _ended(handle: int, patience: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(patience * 1000))


def _stat(pid: int) -> Stat | None:
    try:
        return read_stat((PROC / str(pid) / "stat").read_text())
    except (OSError, ValueError):
        return None


def _runs_from(pid: int, root: Path) -> bool:
    try:
        return (PROC / str(pid) / "exe").readlink().is_relative_to(root.resolve())
    except OSError:
        return False
