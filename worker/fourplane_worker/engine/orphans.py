"""End a server that an earlier run left behind, and tidy up after any server."""

from pathlib import Path

from fourplane_worker.engine import processes

SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - Triton's choice

_STUB_GRACE = 1.0
"""Seconds a model's process gets after its server; it notices by itself and frees its memory."""


def end_orphan(pid_file: Path, program_root: Path, grace: float) -> bool:
    """End the server that the pid file names, if that very process still runs. Blocks."""
    target = processes.read_mark(pid_file)
    if target is None:
        return False
    ended = processes.end(target, grace)
    end_group(target.pid, program_root)
    pid_file.unlink(missing_ok=True)
    return ended


def end_group(group: int, program_root: Path) -> None:
    """End the model processes of a server that is gone. Blocks."""
    for member in processes.members(group, program_root):
        processes.end(member, _STUB_GRACE)


def free_memory(prefix: str, folder: Path = SHARED_MEMORY) -> None:
    """Remove the shared memory of a server that is gone."""
    for region in folder.glob(f"{prefix}*"):
        region.unlink(missing_ok=True)
