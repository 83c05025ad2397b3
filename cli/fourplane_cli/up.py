"""`fourplane up`."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
from pydantic import TypeAdapter, ValidationError

from fourplane_api.problems import did_you_mean
from fourplane_api.values import Endpoint
from fourplane_cli.engines import Server
from fourplane_cli.progress import Progress
from fourplane_cli.running import Running, UpSettings
from fourplane_cli.serving import (
    STATE,
    log_options,
    metrics_address,
    metrics_option,
    serving_options,
    startup_failures,
    stop_event,
)
from fourplane_cli.teaching import Command
from fourplane_worker.engine import EngineError, EngineSettings, TritonServer, default_cache, provision
from fourplane_worker.process import preflight
from fourplane_worker.process.settings import METRICS, WorkerSettings
from fourplane_worker.telemetry import logs


@click.command(cls=Command)
@click.argument("root", metavar="DIR", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), help=f"State folder. Default: {STATE} below DIR."
)
@click.option("--runtime", metavar="[NAMESPACE/]NAME", help="Which RuntimeDeployment, where a folder has several.")
@click.option(
    "--triton",
    default="",
    metavar="HOST:PORT",
    help="A Triton that runs already, for every pool without endpoints. Default: one is started for each.",
)
@metrics_option(METRICS)
@serving_options
@log_options("warning", None)
def up(root: Path, state: Path | None, runtime: str | None, triton: str, **serving: Any) -> None:
    """Serve a folder of resources on this machine, and follow every edit.

    Compiles DIR into a signed snapshot, starts a Triton for each pool with a folder as its modelRepository, and serves
    stock clients of the Open Inference Protocol. What only a cluster has, such as a Service, is reported. An edit is
    live within a moment; a broken one is reported, and what was served before is served on. Everything is kept in the
    state folder: after any crash the same command goes on from there.

    Examples:
      fourplane up examples/quickstart
      fourplane up --workers 4 --listen 0.0.0.0:8011 --tls-cert tls.crt --tls-key tls.key deploy/
      fourplane up --triton 127.0.0.1:8001 deploy/
      fourplane status deploy/

    Exit codes: 0 stopped by Ctrl-C or SIGTERM; 1 nothing in DIR can be served; 2 wrong usage, or an address that is
    taken; 3 a key that cannot be used, or another `fourplane up` on the same state folder; 4 files.
    """
    settings = settings_of(root, state, runtime=runtime, triton=triton, **serving)
    with startup_failures():
        asyncio.run(serve(settings, Progress()))


def settings_of(
    root: Path, state: Path | None = None, *, runtime: str | None = None, triton: str = "", **serving: Any
) -> UpSettings:
    """Fill in what depends on the folder and on the terminal; refuse what can't work before anything is written."""
    _check_triton(triton)
    beside = root if root.is_dir() else root.parent
    serving["metrics"] = metrics_address(serving.get("metrics", ""))
    serving["log_format"] = serving.get("log_format") or ("text" if sys.stderr.isatty() else "json")
    worker = WorkerSettings(state=state or beside / STATE, **serving)
    with startup_failures():
        preflight.check(worker)
    return UpSettings(root=root, runtime=runtime, triton=triton, worker=worker)


def check_repository(repository: Path) -> None:
    """Raise EngineError where Triton can't start: it would say so only then, in many lines or in none."""
    if not repository.is_dir():
        beside = [entry.name for entry in repository.parent.glob("*") if entry.is_dir()]
        hint = did_you_mean(repository.name, beside) or "make it, or correct modelRepository"
        raise EngineError(f"the model repository {repository} is no folder; {hint}")
    if any(character.isspace() for character in str(repository.absolute())):
        raise EngineError(
            f"the path of the model repository {repository.absolute()} has a space in it: Triton can't start Python "
            "models there; move it to a path without one"
        )


def _check_triton(address: str) -> None:
    """Take what a pool's `endpoints` take."""
    try:
        if address:
            TypeAdapter[str](Endpoint).validate_python(address)
    except ValidationError as error:
        message = f"{address!r} is no address: write HOST:PORT, such as 127.0.0.1:8001"
        raise click.BadParameter(message, param_hint="--triton") from error


async def serve(
    settings: UpSettings, progress: Progress, ready: Callable[[Running], Awaitable[None]] | None = None
) -> None:
    """Run until stopped; `ready` is awaited once, when everything is up, and stops the run by raising."""
    logs.configure(settings.worker.log_level, settings.worker.log_format, "supervisor")

    def make_server(pool: str, repository: Path) -> Server:
        check_repository(repository)
        install = provision(default_cache(), lambda line: progress.say("engine", line))
        return TritonServer(
            install,
            EngineSettings(
                model_repository=repository,
                run_folder=settings.worker.state / "run",
                name=f"triton-{pool}",
                start_timeout=timedelta(minutes=10),
            ),
        )

    async def told() -> None:
        if ready is not None:
            await ready(running)

    running = Running(settings, make_server, time.time, progress)
    await running.run(stop_event(), told)
