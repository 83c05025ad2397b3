"""`fourplane diff`."""

from pathlib import Path

import click

from fourplane_cli.exits import Exit
from fourplane_cli.loading import load_snapshot
from fourplane_cli.output import Format, count, output_option, write_json, write_tsv
from fourplane_cli.teaching import Command
from fourplane_compiler.differences import Difference, differences
from fourplane_core.control.snapshot import Snapshot

SOURCE = click.Path(exists=True, path_type=Path)
COLUMNS = ("change", "subject", "detail", "before", "after", "affects")


@click.command(cls=Command)
@click.argument("old", metavar="OLD", type=SOURCE)
@click.argument("new", metavar="NEW", type=SOURCE)
@click.option("--runtime", metavar="[NAMESPACE/]NAME", help="Which RuntimeDeployment, where a folder has several.")
@click.option(
    "--key",
    "trusted",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Public key that bundles must be signed with; without one signatures are not looked at.",
)
@click.option("--exit-code", is_flag=True, help="End with 1 where there are differences.")
@output_option
@click.pass_context
def diff(
    ctx: click.Context,
    *,
    old: Path,
    new: Path,
    runtime: str | None,
    trusted: tuple[Path, ...],
    exit_code: bool,
    output: Format,
) -> None:
    """Tell what changes from OLD to NEW in behaviour, and whose callers may notice.

    Each is a bundle or a folder. A folder for NEW is compiled on top of OLD, as it would be in service: what is broken
    in it keeps its form of OLD. What changes no behaviour (comments, order, defaults written out) is no difference.

    Examples:
      fourplane diff live.bundle examples/
      fourplane diff --exit-code old.bundle new.bundle
      fourplane diff --output json live.bundle examples/ | jq '[.differences[].affects[]] | unique'

    Exit codes: 0 done; 1 differences, with --exit-code, or a folder that cannot be compiled; 2 wrong usage;
    3 a bundle that cannot be verified; 4 a file cannot be read.
    """
    before = load_snapshot(old, runtime, trusted)
    after = load_snapshot(new, runtime or before.runtime.name if new.is_dir() else runtime, trusted, last_good=before)
    found = differences(before, after)
    _write(before, after, found, output)
    ctx.exit(Exit.PROBLEMS if exit_code and found else Exit.OK)


def _write(before: Snapshot, after: Snapshot, found: tuple[Difference, ...], output: Format) -> None:
    affected = sorted({name for one in found for name in one.affects})
    if output is Format.JSON:
        differences_json = [dict(zip(COLUMNS, _row(one), strict=True)) | {"affects": one.affects} for one in found]
        write_json({"old": before.digest, "new": after.digest, "affects": affected, "differences": differences_json})
    elif output is Format.TSV:
        write_tsv(COLUMNS, map(_row, found))
    elif not found:
        click.echo(f"no differences: {after.digest}")
    else:
        for one in found:
            click.echo(_line(one))
        click.echo(f"{count(len(found), 'difference')}; affected public models: {_few(affected)}")


def _row(one: Difference) -> tuple[str, ...]:
    return one.change.value, one.subject, one.detail, one.before, one.after, ",".join(one.affects)


def _line(one: Difference) -> str:
    detail = f" {one.detail}" if one.detail else ""
    values = f"{one.before or 'none'} -> {one.after or 'none'}"
    return f"{one.subject}: {one.change}{detail}: {values} (affects {_few(one.affects)})"


def _few(names: list[str] | tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "none") + more


_SHOWN = 5
