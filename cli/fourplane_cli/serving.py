"""What `fourplane worker` and `fourplane up` have in common: options, and how trouble at the start ends a command."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

from fourplane_cli.exits import FilesError, UntrustedError
from fourplane_worker.process.errors import SetupError
from fourplane_worker.process.settings import LISTEN
from fourplane_worker.store.errors import StoreError, UnreadableError
from fourplane_worker.telemetry import logs

F = TypeVar("F", bound=Callable[..., Any])

STATE = ".fourplane"
"""Name of the state folder beside the resources."""

_OPTIONS = (
    click.option(
        "--listen",
        default=LISTEN,
        show_default=True,
        metavar="HOST:PORT",
        help="Where clients connect; port 0 takes any free one and prints it.",
    ),
    click.option(
        "--workers",
        "processes",
        default=1,
        show_default=True,
        type=click.IntRange(1, 256),
        help="Processes that serve: one for each core that may be used.",
    ),
    click.option("--tls-cert", default="", metavar="FILE", help="Certificate chain in PEM form. Default: no TLS."),
    click.option("--tls-key", default="", metavar="FILE", help="Private key of the certificate in PEM form."),
    click.option(
        "--grace",
        "grace_s",
        default=20.0,
        show_default=True,
        type=click.FloatRange(0),
        metavar="SECONDS",
        help="Time that calls in flight get at the end.",
    ),
)


def serving_options(command: F) -> F:
    """Add the options that every worker takes; they arrive under the names of WorkerSettings."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def metrics_option(default: str) -> Callable[[F], F]:
    """Add the option of the pages for machines; `metrics_address` reads what was given."""
    return click.option(
        "--metrics",
        default=default,
        show_default=True,
        metavar="HOST:PORT|off",
        help="Where /metrics, /healthz and /readyz are.",
    )


def metrics_address(given: str) -> str:
    """Return HOST:PORT; empty: nowhere."""
    return "" if given == "off" else given


def log_options(level: str, form: str | None) -> Callable[[F], F]:
    """Add the options of the log, with their defaults."""

    def decorate(command: F) -> F:
        command = click.option(
            "--log-format",
            default=form,
            show_default="text on a terminal, json elsewhere" if form is None else True,
            type=click.Choice(logs.FORMATS),
            help="Form of the log on stderr.",
        )(command)
        return click.option(
            "--log-level",
            default=level,
            show_default=True,
            type=click.Choice(logs.LEVELS),
            help="Least that is logged.",
        )(command)

    return decorate


@contextmanager
def startup_failures() -> Iterator[None]:
    """Turn what keeps a worker from starting into one line and an exit code."""
    try:
        yield
    except SetupError as error:
        raise click.UsageError(str(error)) from error
    except UnreadableError as error:
        raise FilesError(str(error)) from error
    except StoreError as error:
        raise UntrustedError(str(error)) from error


def stop_event() -> asyncio.Event:
    """Return an event that SIGTERM and Ctrl-C set."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped
