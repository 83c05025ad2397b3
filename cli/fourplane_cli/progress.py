"""What `fourplane up` tells the person who started it: one line for each thing that happens."""

import re
import time
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

import click

from fourplane_cli import findings as show
from fourplane_cli.folder import Finding
from fourplane_cli.output import count
from fourplane_cli.sources import Reading
from fourplane_compiler.differences import Difference

_SHOWN = 2
"""Differences that are named; of the others only the number is."""

_NOTES_SHOWN = 3
_LINE = re.compile(r":[0-9]+:")


class Progress:
    """Writes to standard output, with the time since the start."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._findings: tuple[Finding, ...] = ()
        self._notes: AbstractSet[str] = set()
        """What was passed over, without the lines: those change with every edit above."""
        self._failure = ""

    def say(self, subject: str, text: str) -> None:
        """Write one line."""
        since = time.perf_counter() - self._begun
        click.echo(f"{since:8.2f}s  {click.style(f'{subject:9}', bold=True)} {text}")

    def warn(self, subject: str, text: str) -> None:
        """Write one line about trouble, on standard error."""
        since = time.perf_counter() - self._begun
        click.echo(f"{since:8.2f}s  {click.style(f'{subject:9}', fg='red')} {text}", err=True)

    def reading(self, reading: Reading, *, first: bool) -> None:
        """Tell what a reading found: problems when they are others than before, changes always."""
        self._tell_findings(reading)
        if reading.failure and reading.failure != self._failure:
            self.warn("sources", reading.failure + "; what was served before is served on" * (not first))
        if reading.held:
            names = ", ".join(str(ref) for ref in reading.held[:_SHOWN])
            more = f" and {len(reading.held) - _SHOWN} more" if len(reading.held) > _SHOWN else ""
            self.warn("sources", f"served in their last good form, since their file can't be read: {names}{more}")
        self._failure = reading.failure
        if first and reading.snapshot is not None:
            routes, pools = len(reading.snapshot.routes), len(reading.snapshot.pools)
            facts = f"{count(routes, 'route')}, {count(pools, 'pool')}, {show.summary(reading.findings)}"
            self.say("compiled", f"{reading.runtime}: {facts}, in {reading.seconds * 1000:.0f} ms")
        elif reading.differences:
            self.say("changed", difference_line(reading.differences))

    def _tell_findings(self, reading: Reading) -> None:
        if reading.findings != self._findings:
            show.write_findings(reading.findings, err=True)
            if self._findings and not reading.findings:
                self.say("sources", "all problems are gone")
        notes = {_LINE.sub(":", note, count=1): note for note in reading.notes}
        for note in _in_short([note for key, note in notes.items() if key not in self._notes]):
            self.say("note", note)
        self._findings, self._notes = reading.findings, notes.keys()


def _in_short(new: Sequence[str]) -> Iterator[str]:
    """Yield notes; of many only the number."""
    yield from new[:_NOTES_SHOWN]
    if len(new) > _NOTES_SHOWN:
        yield f"and {len(new) - _NOTES_SHOWN} more; `fourplane validate` lists them"


def difference_line(found: Sequence[Difference]) -> str:
    """Sum up what changes."""
    named = "; ".join(
        " ".join(f"{one.subject} {one.change} {one.detail}".split())
        + f": {one.before or 'none'} -> {one.after or 'none'}"
        for one in found[:_SHOWN]
    )
    return f"{named}; and {count(len(found) - _SHOWN, 'other difference')}" if len(found) > _SHOWN else named
