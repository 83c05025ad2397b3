"""The `fourplane` command: a table of commands, each loaded when it is used."""

import contextlib
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from fourplane_cli.exits import FilesError
from fourplane_cli.teaching import Group


class Entry(NamedTuple):
    """One command."""

    target: str
    """`MODULE:NAME` below this package."""
    summary: str
    """What `fourplane --help` says; one sentence."""


COMMANDS: dict[str, Entry] = {
    "up": Entry("up:up", "Serve a folder of resources on this machine, and follow every edit."),
    "status": Entry("status:status", "Tell what is served, by whom, and what is refused."),
    "validate": Entry("validate:validate", "Check a folder of resources and name every problem by file and line."),
    "compile": Entry("compile:compile_", "Compile a folder into a signed bundle."),
    "verify": Entry("verify:verify", "Check a bundle's content and signatures."),
    "diff": Entry("diff:diff", "Tell what changes between two folders or bundles, and for whom."),
    "explain": Entry("explain:explain", "Tell where a request goes, and why not elsewhere."),
    "keygen": Entry("keygen:keygen", "Make a key pair for signing snapshots."),
    "worker": Entry("worker:worker", "Serve the signed snapshot of a state folder."),
    "operator": Entry("operator:operator", "Compile the resources of a cluster, and activate what comes of it."),
    "quickstart": Entry("quickstart:quickstart", "Train two small models, serve them and ask them."),
    "completion": Entry("completion:completion", "Print the completion script of a shell."),
}
"""Every command; a new one is a line here and a module beside."""


class LazyGroup(Group):
    """Loads a command's module when the command is used, so that none pays for the imports of another."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return super().get_command(ctx, cmd_name)
        module, _, name = entry.target.partition(":")
        command = getattr(import_module(f"fourplane_cli.{module}"), name)
        if not isinstance(command, click.Command):
            raise TypeError(f"{entry.target} is no command")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a file that it can't write, standard output included, is a failure of one line."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # click ends quietly: whoever reads wants no more
        except OSError as error:
            _drop_output()
            raise FilesError(f"{error.filename or 'output'}: {error.strerror or error}") from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without loading them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without loading any."""
        found = [
            CompletionItem(name, help=entry.summary) for name, entry in COMMANDS.items() if name.startswith(incomplete)
        ]
        return found + click.Command.shell_complete(self, ctx, incomplete)


def _drop_output() -> None:
    """Let what could not be written go: Python would try again at its end, and change the exit code."""
    with contextlib.suppress(OSError, ValueError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Exit codes: 0 fine; 1 problems were found, or differences with --exit-code; 2 wrong usage; "
    "3 a bundle or signature that cannot be verified; 4 a file that cannot be read or written.",
)
@click.version_option(package_name="fourplane", prog_name="fourplane")
def main() -> None:
    """Run AI requests under control: compile resources, look at snapshots, serve them.

    The usual way:
      fourplane validate examples/            is everything as it should be?
      fourplane diff live.bundle examples/    what would change, and for whom?
      fourplane keygen -o release.key         once: a key to sign with
      fourplane compile examples/ -o new.bundle --key release.key
      fourplane verify new.bundle --key release.key.pub

    Every command explains itself: `fourplane COMMAND --help`.
    """
