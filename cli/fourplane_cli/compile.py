"""`fourplane compile`."""

from pathlib import Path

import click

from fourplane_cli import findings as show
from fourplane_cli.compiling import choose_runtime, compile_folder, findings_of, has_errors
from fourplane_cli.exits import ProblemsError, failures
from fourplane_cli.files import write_whole
from fourplane_cli.folder import read_folder
from fourplane_cli.keys import read_signing_key
from fourplane_cli.loading import open_bundle
from fourplane_cli.output import Format, output_option, write_json, write_tsv
from fourplane_cli.teaching import Command
from fourplane_compiler.compilation import Compilation
from fourplane_wire.bundle import Opened, write_bundle

PATH = click.Path(path_type=Path)
EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(name="compile", cls=Command)
@click.argument("source", metavar="DIR", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--bundle", required=True, type=PATH, help="File to write the bundle to.")
@click.option(
    "--key", "keys", required=True, multiple=True, type=EXISTING, help="Private key to sign with; two while rotating."
)
@click.option("--previous", type=EXISTING, help="Bundle whose forms go on where a resource is broken now.")
@click.option("--runtime", metavar="[NAMESPACE/]NAME", help="Which RuntimeDeployment, where DIR has several.")
@click.option("--revision", default="", help="Revision of the sources to note in the provenance, such as a commit.")
@click.option("--keep-going", is_flag=True, help="Write the bundle in spite of errors, with last good forms in place.")
@output_option
def compile_(
    *,
    source: Path,
    bundle: Path,
    keys: tuple[Path, ...],
    previous: Path | None,
    runtime: str | None,
    revision: str,
    keep_going: bool,
    output: Format,
) -> None:
    """Compile DIR into one signed file that holds the whole snapshot of a runtime.

    The same resources give the same bytes, on any machine and in any order. Where a resource is broken nothing is
    written; with --keep-going the rest goes ahead, and the broken resource keeps the form it has in --previous,
    which one of the keys must have signed.

    Examples:
      fourplane keygen -o release.key
      fourplane compile examples/ -o new.bundle --key release.key
      fourplane compile examples/ -o new.bundle --key release.key --previous live.bundle --keep-going
      fourplane compile examples/ -o new.bundle --key old.key --key new.key --revision "$(git rev-parse HEAD)"

    Exit codes: 0 written; 1 errors, nothing written; 2 wrong usage; 3 --previous cannot be verified, or a key is no
    key; 4 a file cannot be read or written.
    """
    signing = [read_signing_key(key) for key in keys]
    before = open_bundle(previous, keys) if previous else None
    with failures(str(source)):
        folder = read_folder(source)
    chosen = choose_runtime(folder, runtime)
    if before and before.decoded.manifest.runtime != chosen:
        raise ProblemsError(f"{previous} is of runtime {before.decoded.manifest.runtime}, not of {chosen}")
    compilation = compile_folder(folder, chosen, before.decoded.snapshot if before else None)
    found = findings_of(folder, [compilation])
    show.write_findings(found, err=True)
    encoded = compilation.encoded
    if encoded is None:
        raise ProblemsError(f"runtime {chosen} cannot be compiled, and has no last good form; nothing is written")
    if has_errors(found) and not keep_going:
        raise ProblemsError(f"{show.summary(found)}; nothing is written (--keep-going writes the rest)")
    with failures(str(bundle)):
        write_whole(bundle, write_bundle(encoded, *signing, provenance=compilation.provenance(revision)))
    _report(compilation, before, bundle, output)


def _report(compilation: Compilation, before: Opened | None, bundle: Path, output: Format) -> None:
    encoded = compilation.encoded
    assert encoded is not None
    known = before.shards if before else {}
    sizes = {name: len(data) for name, data in encoded.shards.items()}
    result = {
        "bundle": str(bundle),
        "runtime": compilation.runtime,
        "digest": encoded.digest,
        "changed": before is None or before.decoded.snapshot.digest != encoded.digest,
        "shards": len(sizes),
        "shardsNew": len(sizes.keys() - known),
        "bytes": sum(sizes.values()) + len(encoded.manifest),
        "bytesNew": sum(size for name, size in sizes.items() if name not in known) + len(encoded.manifest),
    }
    if output is Format.JSON:
        write_json(result)
    elif output is Format.TSV:
        write_tsv(list(result), [list(result.values())])
    else:
        click.echo(f"{encoded.digest}")
        click.echo(
            f"{bundle}: runtime {compilation.runtime}, {result['shardsNew']} of {result['shards']} shards are new, "
            f"{result['bytes']} bytes"
        )
