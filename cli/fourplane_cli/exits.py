"""How commands end: one exit code for each kind of trouble, so that pipelines can tell them apart."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum, unique

import click

from fourplane_wire.errors import WireError


@unique
class Exit(IntEnum):
    """Exit codes, the same for every command."""

    OK = 0
    PROBLEMS = 1
    """Resources have problems; with `diff --exit-code`: there are differences."""
    USAGE = 2
    """Wrong arguments; click's own."""
    UNTRUSTED = 3
    """A bundle, key or signature that can't be verified."""
    FILES = 4
    """A file that can't be read or written."""


class ProblemsError(click.ClickException):
    """Resources are not as the command needs them."""

    exit_code = Exit.PROBLEMS


class UntrustedError(click.ClickException):
    """Bytes that can't be verified."""

    exit_code = Exit.UNTRUSTED


class FilesError(click.ClickException):
    """A file that can't be read or written."""

    exit_code = Exit.FILES


@contextmanager
def failures(what: str) -> Iterator[None]:
    """Turn errors of files and wire formats into failures that name what they are about."""
    try:
        yield
    except OSError as error:
        raise FilesError(f"{what}: {error.strerror or error}") from error
    except WireError as error:
        raise UntrustedError(f"{what}: {error}") from error
