"""Findings as text, JSON and tab-separated values: the same for every command."""

from collections.abc import Iterable
from typing import Any

import click

from fourplane_cli.compiling import shown_path
from fourplane_cli.folder import Finding
from fourplane_cli.output import count
from fourplane_compiler.diagnostics import Severity

COLUMNS = ("file", "line", "severity", "reason", "kind", "name", "field", "message", "remedy", "lastGood")
"""Fields of a finding in JSON and TSV."""


def as_row(finding: Finding) -> tuple[object, ...]:
    """Return a finding's fields in the order of the columns."""
    return (
        shown_path(finding.path),
        finding.line,
        finding.severity.value,
        finding.reason,
        finding.ref.kind if finding.ref else "",
        finding.ref.name if finding.ref else "",
        finding.field,
        finding.message,
        finding.remedy,
        finding.last_good,
    )


def as_json(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Return findings as JSON objects."""
    return [dict(zip(COLUMNS, as_row(finding), strict=True)) for finding in findings]


def write_findings(findings: Iterable[Finding], *, err: bool) -> None:
    """Write findings for people, each with its place first, as compilers do."""
    for finding in findings:
        place = f"{shown_path(finding.path)}:{finding.line}"
        about = "".join(f"{part}: " for part in (str(finding.ref or ""), finding.field) if part)
        click.echo(f"{place}: {finding.severity}: {about}{finding.message} [{finding.reason}]", err=err)
        note = "; its last good form is served" if finding.last_good else ""
        click.echo(f"    {finding.remedy}{note}", err=err)


def summary(findings: Iterable[Finding]) -> str:
    """Count errors and warnings."""
    severities = [finding.severity for finding in findings]
    errors, warnings = severities.count(Severity.ERROR), severities.count(Severity.WARNING)
    return f"{count(errors, 'error')}, {count(warnings, 'warning')}"
