"""`fourplane keygen`."""

import secrets
from pathlib import Path

import click

from fourplane_cli.exits import failures
from fourplane_cli.files import write_new
from fourplane_cli.output import Format, output_option, write_json, write_tsv
from fourplane_cli.teaching import Command
from fourplane_wire.signing import SEED_BYTES, SigningKey


@click.command(cls=Command)
@click.option(
    "-o", "--key", required=True, type=click.Path(path_type=Path), help="File to write the private key to; mode 0600."
)
@output_option
def keygen(key: Path, output: Format) -> None:
    """Make an Ed25519 key pair: KEY to sign with, KEY.pub to verify with.

    Neither file may be there yet: a key that is overwritten can't be had back. To replace a key, sign with the old
    and the new one for a while (`compile --key OLD --key NEW`) and trust both, then drop the old one.

    Examples:
      fourplane keygen -o release.key
      fourplane compile examples/ -o new.bundle --key release.key
      fourplane verify new.bundle --key release.key.pub

    Exit codes: 0 made; 2 wrong usage; 4 a file is there already or cannot be written.
    """
    public = key.with_name(f"{key.name}.pub")
    made = SigningKey(secrets.token_bytes(SEED_BYTES))
    with failures(str(public)):
        if public.exists():
            raise FileExistsError(0, "the file exists")
    with failures(str(key)):
        write_new(key, made.pem(), 0o600)
    with failures(str(public)):
        write_new(public, made.public.pem(), 0o644)
    columns = ("keyId", "key", "publicKey")
    row = (made.public.key_id, str(key), str(public))
    if output is Format.JSON:
        write_json(dict(zip(columns, row, strict=True)))
    elif output is Format.TSV:
        write_tsv(columns, [row])
    else:
        click.echo(f"key {row[0]}: {key} signs and stays secret, {public} verifies")
