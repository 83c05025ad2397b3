"""`fourplane completion`."""

import click
from click.shell_completion import get_completion_class

from fourplane_cli.teaching import Command


@click.command(cls=Command)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell.

    Examples:
      eval "$(fourplane completion bash)"      in ~/.bashrc
      eval "$(fourplane completion zsh)"       in ~/.zshrc
      fourplane completion fish > ~/.config/fish/completions/fourplane.fish

    Exit codes: 0 printed; 2 wrong usage.
    """
    kind = get_completion_class(shell)
    assert kind is not None, "click has a class for each of the choices"
    script = kind(ctx.find_root().command, {}, "fourplane", "_FOURPLANE_COMPLETE")
    click.echo(script.source_template % script.source_vars())
