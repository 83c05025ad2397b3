"""The command itself: its help, its table of commands, its completion."""

import re

import click
import pytest
from cli_folders import run

from fourplane_cli.main import COMMANDS, main


def commands():
    """Yield every command of this release's table that is part of these tests, with the words that call it."""
    for name in ("validate", "compile", "verify", "diff", "keygen", "completion"):
        yield (name,)
    yield ("explain", "route")


def test_the_help_lists_every_command():
    shown = run("--help").stdout
    assert all(re.search(rf"^  {name} ", shown, re.MULTILINE) for name in COMMANDS)
    assert "Exit codes" in shown


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_every_command_teaches_by_example_and_says_how_it_ends(words):
    shown = run(*words, "--help").stdout
    assert "Examples:\n" in shown
    assert re.search(rf"^    (eval \"\$\()?fourplane {' '.join(words)}", shown, re.MULTILINE)
    assert "Exit codes:" in shown


def test_help_and_version_are_quick_and_short():
    assert run("--version").stdout.startswith("fourplane, version ")
    assert run("-h").stdout == run("--help").stdout


def test_a_command_that_is_not_there_is_wrong_usage():
    assert "No such command 'compiles'" in run("compiles", code=2).stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_prints_a_script(shell):
    assert "_FOURPLANE_COMPLETE" in run("completion", shell).stdout


def test_names_of_commands_are_completed_without_loading_them():
    context = click.Context(main)
    assert {item.value for item in main.shell_complete(context, "")} >= set(COMMANDS)
    assert [item.value for item in main.shell_complete(context, "val")] == ["validate"]
