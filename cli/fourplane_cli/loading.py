"""What a command is given, folder or bundle, into a snapshot."""

from collections.abc import Sequence
from pathlib import Path

import click

from fourplane_cli import findings as show
from fourplane_cli.compiling import choose_runtime, compile_folder, findings_of, has_errors
from fourplane_cli.exits import ProblemsError, failures
from fourplane_cli.folder import read_folder
from fourplane_cli.keys import read_keyring
from fourplane_core.control.snapshot import Snapshot
from fourplane_wire.bundle import Opened, is_bundle, read_bundle


def open_bundle(path: Path, trusted: Sequence[Path]) -> Opened:
    """Read a bundle, and verify its signatures where there are keys to do so."""
    keyring = read_keyring(trusted) if trusted else None
    with failures(str(path)):
        return read_bundle(path.read_bytes(), keyring)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def load_snapshot(
    path: Path, runtime: str | None, trusted: Sequence[Path] = (), last_good: Snapshot | None = None
) -> Snapshot:
    """Return the snapshot of a bundle, or of a folder as it would be served; problems of the folder go to stderr."""
    with failures(str(path)):
        bundle = path.is_file() and is_bundle(_head(path))
    if bundle:
        return open_bundle(path, trusted).decoded.snapshot
    with failures(str(path)):
        folder = read_folder(path)
    chosen = choose_runtime(folder, runtime)
    held = last_good if last_good is not None and last_good.runtime.name == chosen else None
    compilation = compile_folder(folder, chosen, held)
    found = findings_of(folder, [compilation])
    if compilation.encoded is None:
        show.write_findings(found, err=True)
        raise ProblemsError(f"{path}: runtime {chosen} cannot be compiled")
    if has_errors(found):
        click.echo(f"{path}: {show.summary(found)}; shown is what would be served (see `fourplane validate`)", err=True)
    return compilation.snapshot()
