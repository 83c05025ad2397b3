"""`fourplane validate`."""

from pathlib import Path

import click

from fourplane_cli import findings as show
from fourplane_cli.compiling import check_folder, has_errors
from fourplane_cli.exits import Exit, failures
from fourplane_cli.folder import read_folder
from fourplane_cli.output import Format, count, output_option, write_json, write_tsv
from fourplane_cli.teaching import Command
from fourplane_compiler.diagnostics import Severity


@click.command(cls=Command)
@click.argument("source", metavar="DIR", type=click.Path(exists=True, path_type=Path))
@output_option
@click.pass_context
def validate(ctx: click.Context, source: Path, output: Format) -> None:
    """Check every resource below DIR (or in one file) and name each problem by file, line and field.

    Errors are what can't be served as written; warnings are what has no effect. Resources of other groups are passed
    over with a note, hidden folders and model repositories silently.

    Examples:
      fourplane validate examples/
      fourplane validate --output json examples/ | jq '.problems[] | .file + ":" + (.line|tostring)'
      fourplane validate --output tsv examples/ | cut -f 1,2,8

    Exit codes: 0 no errors; 1 errors; 2 wrong usage; 4 the folder cannot be read.
    """
    with failures(str(source)):
        folder = read_folder(source)
    found = check_folder(folder)
    if output is Format.JSON:
        write_json(
            {
                "resources": len(folder.resources),
                "errors": sum(one.severity is Severity.ERROR for one in found),
                "warnings": sum(one.severity is Severity.WARNING for one in found),
                "problems": show.as_json(found),
                "notes": folder.notes,
            }
        )
    elif output is Format.TSV:
        write_tsv(show.COLUMNS, map(show.as_row, found))
    else:
        show.write_findings(found, err=False)
        click.echo(f"{count(len(folder.resources), 'resource')}: {show.summary(found)}")
    if output is not Format.JSON:
        for note in folder.notes:
            click.echo(f"note: {note}", err=True)
    ctx.exit(Exit.PROBLEMS if has_errors(found) else Exit.OK)
