"""What `fourplane up` says of its sources."""

import re
from pathlib import Path

import pytest

from fourplane_cli.folder import Finding
from fourplane_cli.progress import Progress
from fourplane_cli.sources import Reading
from fourplane_compiler.diagnostics import Severity

FINDING = Finding(
    path=Path("a.yaml"), line=3, severity=Severity.ERROR, reason="Invalid", message="it is wrong", remedy="correct it"
)


@pytest.fixture
def said(capsys):
    """Return what tells a reading, and returns the lines without their times."""
    progress = Progress()

    def tell(*, first=False, **reading):
        progress.reading(Reading(**reading), first=first)
        shown = capsys.readouterr()
        return [re.sub(r"^ *[0-9.]+s  (\w+) +", r"\1: ", line) for line in (shown.err + shown.out).splitlines()]

    return tell


def test_at_the_start_only_the_reason_is_told(said):
    assert said(first=True, failure="there is no runtime") == ["sources: there is no runtime"]


def test_later_also_that_nothing_is_lost_and_once(said):
    why = "there is no runtime"
    assert said(failure=why) == [f"sources: {why}; what was served before is served on"]
    assert said(failure=why) == []
    assert said() == []
    assert len(said(failure=why)) == 1


def test_problems_are_told_when_they_change(said):
    assert said(first=True, findings=(FINDING,)) == ["a.yaml:3: error: it is wrong [Invalid]", "    correct it"]
    assert said(findings=(FINDING,)) == []
    assert said() == ["sources: all problems are gone"]


def note(number, *, line=1):
    return f"{number}.yaml:{line}: passed over"


def test_notes_are_told_once_and_when_they_change(said):
    assert said(first=True, notes=(note(1),)) == [f"note: {note(1)}"]
    assert said(notes=(note(1, line=7),)) == []
    assert said(notes=(note(1), note(2))) == [f"note: {note(2)}"]


def test_of_many_notes_there_are_a_few_and_the_number_of_the_others(said):
    *shown, rest = said(first=True, notes=tuple(map(note, range(10))))
    assert shown == [f"note: {note(number)}" for number in range(3)]
    assert rest == "note: and 7 more; `fourplane validate` lists them"
