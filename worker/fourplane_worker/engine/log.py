"""The engine's log: a file that stays within a bound, and its end in readable form."""

import os
import re
from pathlib import Path

_NOISE = re.compile(r"^(I\d{4} |[|+]|\s*$)|NVML|DCGM|CudaDriver|pinned system memory|^Signal \(")
"""Triton's information lines, its tables, and what it says on every machine without a GPU."""

_LONGEST_LINE = 600
_TAIL_BYTES = 64 * 1024


class EngineLog:
    """A log file that a child process writes to on its own, so that it outlives this process."""

    def __init__(self, path: Path, limit: int) -> None:
        self.path = path
        self._limit = limit

    @property
    def previous(self) -> Path:
        """The log of the start before, or what was cut off this one."""
        return self.path.with_name(f"{self.path.name}.1")

    def open_new(self) -> int:
        """Put the old log aside and return a descriptor for the child."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            self.path.replace(self.previous)
        # Appending, so that the child goes on at the new end after `trim`.
        return os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def trim(self) -> None:
        """Cut a log that has outgrown its bound; its last part goes to the previous one."""
        try:
            if self.path.stat().st_size <= self._limit:
                return
            self.previous.write_bytes(_last_bytes(self.path, self._limit))
            os.truncate(self.path, 0)
        except FileNotFoundError:
            return

    def tail(self, count: int) -> tuple[str, ...]:
        """Return the last lines that say something about a failure."""
        try:
            text = _last_bytes(self.path, _TAIL_BYTES).decode(errors="replace")
        except FileNotFoundError:
            return ()
        return telling_lines(text, count)

    def has(self, text: str) -> bool:
        """Tell whether the end of the log contains a text."""
        return text.encode() in _last_bytes(self.path, _TAIL_BYTES)


def telling_lines(text: str, count: int) -> tuple[str, ...]:
    """Return the last lines without Triton's tables and chatter, or all kinds if nothing is left."""
    lines = text.splitlines()
    telling = [line for line in lines if not _NOISE.search(line)] or lines
    # Triton quotes a model's stack in one line, after it was logged in several.
    return tuple(line.partition(r"\n\nAt:")[0][:_LONGEST_LINE] for line in telling[-count:])


def _last_bytes(path: Path, count: int) -> bytes:
    with path.open("rb") as opened:
        opened.seek(max(0, opened.seek(0, os.SEEK_END) - count))
        return opened.read(count)
