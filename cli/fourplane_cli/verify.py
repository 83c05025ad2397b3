"""`fourplane verify`."""

from pathlib import Path

import click

from fourplane_cli.exits import failures
from fourplane_cli.keys import read_keyring
from fourplane_cli.output import Format, output_option, write_json, write_tsv
from fourplane_cli.teaching import Command
from fourplane_wire.bundle import read_bundle

EXISTING = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=Command)
@click.argument("bundle", type=EXISTING)
@click.option(
    "--key", "trusted", required=True, multiple=True, type=EXISTING, help="Public key to trust; give it several times."
)
@output_option
def verify(bundle: Path, trusted: tuple[Path, ...], output: Format) -> None:
    """Check every byte of BUNDLE: its content against its digest, and its signatures against the keys that you trust.

    Examples:
      fourplane verify new.bundle --key release.key.pub
      fourplane verify new.bundle --key old.pub --key new.pub --output json | jq -r .digest

    Exit codes: 0 verified; 2 wrong usage; 3 damaged, or signed by none of the keys; 4 a file cannot be read.
    """
    keyring = read_keyring(trusted)
    with failures(str(bundle)):
        opened = read_bundle(bundle.read_bytes(), keyring)
        signed = opened.manifest
        vouching = keyring.verify(signed.purpose, signed.payload, signed.signatures)
    snapshot, provenance = opened.decoded.snapshot, opened.provenance
    result = {
        "bundle": str(bundle),
        "digest": snapshot.digest,
        "runtime": snapshot.runtime.name,
        "contractVersion": opened.decoded.manifest.contract_version,
        "keyIds": list(vouching),
        "pools": len(snapshot.pools),
        "routes": len(snapshot.routes),
        "shards": len(opened.shards),
        "revision": provenance.revision if provenance else "",
        "sources": len(provenance.sources) if provenance else 0,
        "activation": f"{opened.activation.epoch}.{opened.activation.sequence}" if opened.activation else "",
    }
    if output is Format.JSON:
        write_json(result)
    elif output is Format.TSV:
        write_tsv(list(result), [list(result.values())])
    else:
        click.echo(f"{snapshot.digest}")
        click.echo(
            f"verified by {', '.join(vouching)}: runtime {snapshot.runtime.name}, {len(snapshot.pools)} pools, "
            f"{len(snapshot.routes)} routes in {len(opened.shards)} shards"
        )
        if provenance and provenance.revision:
            click.echo(f"compiled from revision {provenance.revision}")
