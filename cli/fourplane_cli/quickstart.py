"""`fourplane quickstart`."""

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import click

from fourplane_cli.exits import FilesError, ProblemsError
from fourplane_cli.progress import Progress
from fourplane_cli.running import Running
from fourplane_cli.serving import metrics_option, startup_failures
from fourplane_cli.teaching import Command
from fourplane_cli.up import serve, settings_of
from fourplane_worker.engine import ProvisionError, TritonInstall, default_cache, provision
from fourplane_worker.engine.settings import inherited_variables
from fourplane_worker.process.settings import LISTEN, METRICS

EXAMPLE = Path("examples/quickstart")
_MADE = ("models/digits_v1/1/model.onnx", "models/digits_v2/1/model.onnx", "heldout.npz")
"""What training writes."""


WhenUp = Callable[[Running], Awaitable[None]]


class _DoneError(Exception):
    """Ends a run that was to go once around."""


@click.command(cls=Command)
@click.option(
    "--example",
    default=EXAMPLE,
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the example, as in the repository.",
)
@click.option("--once", is_flag=True, help="End after the client's round, with its exit code.")
@click.option("--ask", is_flag=True, help="Only ask the quickstart that runs already, once.")
@click.option("--listen", default=LISTEN, show_default=True, metavar="HOST:PORT", help="Where clients connect.")
@metrics_option(METRICS)
@click.option(
    "--workers", "processes", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes that serve."
)
def quickstart(example: Path, *, once: bool, ask: bool, **serving: Any) -> None:
    """Train two small models, serve them with a real Triton, and ask them as any client would.

    Triton and what the models need are installed once into the user's cache (about 500 MB). Afterwards everything
    stays up: edit the files of the example, and see what happens.

    Examples:
      fourplane quickstart
      fourplane quickstart --ask
      fourplane quickstart --once --listen 127.0.0.1:0 --metrics off

    Exit codes: 0 stopped by Ctrl-C, or with --once after everything went well; 1 something did not; 2 wrong usage, or
    an address that is taken; 3 and 4 as `fourplane up`.
    """
    if not (example / "train.py").is_file():
        raise FilesError(f"{example}: this is not the quickstart; run it in the repository, or name it with --example")
    settings = settings_of(example, log_level="warning", **serving)
    progress = Progress()
    try:
        install = provision(default_cache(), lambda line: progress.say("engine", line))
    except ProvisionError as error:
        raise ProblemsError(str(error)) from error
    if ask:
        asyncio.run(_ask(install, example, serving["listen"]))
        return
    with startup_failures(), contextlib.suppress(_DoneError):
        asyncio.run(_run(install, example, progress, lambda done: serve(settings, progress, done), once=once))


async def _run(
    install: TritonInstall, example: Path, progress: Progress, up: Callable[[WhenUp], Awaitable[None]], *, once: bool
) -> None:
    """Prepare the models, serve them, and ask them when they are up."""
    await _train(install, example, progress)

    async def ask(running: Running) -> None:
        progress.say("client", "tritonclient, as it comes from NVIDIA, asks")
        await _ask(install, example, running.supervisor.listen)
        if once:
            raise _DoneError
        progress.say("ready", f"still serving {running.supervisor.listen}; Ctrl-C ends it")

    await up(ask)


async def _ask(install: TritonInstall, example: Path, address: str) -> None:
    """Send the client's requests."""
    status = await _python(install, [str(example / "client.py"), "--url", address])
    if status:
        raise ProblemsError(f"the client ended with status {status}; what it said is above")


async def _train(install: TritonInstall, example: Path, progress: Progress) -> None:
    """Train unless that was done since the script was edited."""
    script = example / "train.py"
    if await asyncio.to_thread(_is_trained, example, script):
        return
    progress.say("models", f"training, by {script}")
    status = await _python(install, [str(script), "--into", str(example)])
    if status:
        raise ProblemsError(f"{script} ended with status {status}; what it said is above")


def _is_trained(example: Path, script: Path) -> bool:
    edited = script.stat().st_mtime
    return all((example / name).exists() and (example / name).stat().st_mtime >= edited for name in _MADE)


async def _python(install: TritonInstall, arguments: Sequence[str]) -> int:
    """Run a script in the models' environment, with its output on ours; end it when this is cancelled."""
    sys.stdout.flush()
    process = await asyncio.create_subprocess_exec(
        str(install.python),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        env=install.environment(inherited_variables()),
    )
    try:
        return await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
