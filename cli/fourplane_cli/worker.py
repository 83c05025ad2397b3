"""`fourplane worker`."""

import asyncio
import time
from pathlib import Path
from typing import Any

import click

from fourplane_cli.serving import log_options, serving_options, startup_failures, stop_event
from fourplane_cli.teaching import Command
from fourplane_worker.cluster.settings import ClusterSettings, followed
from fourplane_worker.process.beside import Beside
from fourplane_worker.process.settings import WorkerSettings
from fourplane_worker.process.supervisor import Supervisor
from fourplane_worker.telemetry import logs


@click.command(cls=Command)
@click.option(
    "--state",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with the snapshots, the activation, the endpoints and the keys.",
)
@serving_options
@click.option(
    "--metrics", default="", metavar="HOST:PORT", help="Where /metrics, /healthz and /readyz are. Default: none."
)
@click.option(
    "--public-key",
    "public_keys",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Key to trust, or a folder of keys; may be repeated, and is read again when it changes. Default: those of "
    "the state folder.",
)
@click.option(
    "--follow",
    default="",
    metavar="NAMESPACE/NAME",
    help="RuntimeDeployment in a cluster whose activation is followed into the state folder. Default: none.",
)
@click.option(
    "--pod", default="", envvar="POD_NAME", show_envvar=True, metavar="NAME", help="Pod to report as, with --follow."
)
@click.option(
    "--pod-uid", default="", envvar="POD_UID", show_envvar=True, metavar="UID", help="Its uid: it owns the report."
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="How to reach the API server, with --follow. Default: as the pod's service account, or as kubectl would.",
)
@log_options("info", "json")
def worker(*, follow: str, pod: str, pod_uid: str, kubeconfig: Path | None, **settings: Any) -> None:
    """Serve the signed snapshot of a state folder, and follow it.

    Compiles nothing and starts no engine: `fourplane up` or another writer puts activations there; with --follow, the
    worker itself copies them from the API server of a cluster, and reports what it serves in a WorkerReport. What does
    not verify is refused and said, and the last good snapshot is served on. SIGTERM lets calls in flight end.

    Examples:
      fourplane worker --state /var/lib/fourplane --listen 0.0.0.0:8011 --workers 4 --metrics 127.0.0.1:8012
      fourplane worker --state /var/lib/fourplane --public-key release.key.pub --follow shop/vision --pod vision-0

    Exit codes: 0 stopped when asked to; 2 a setting that cannot work, such as an address that is taken; 3 no key to
    trust, or another worker on the same folder; 4 a folder that cannot be written.
    """
    given = WorkerSettings(**settings)
    logs.configure(given.log_level, given.log_format, "supervisor")
    with startup_failures():
        asyncio.run(_follow(given, followed(follow, pod, pod_uid, kubeconfig)) if follow else _run(given, Beside()))


async def _follow(settings: WorkerSettings, cluster: ClusterSettings) -> None:
    from fourplane_worker.cluster.joining import joined  # noqa: PLC0415 - half a second that only followers need

    async with joined(cluster, time.time) as member:
        await _run(settings, member)


async def _run(settings: WorkerSettings, beside: Beside) -> None:
    stopped = stop_event()
    supervisor = Supervisor(settings, time.time, beside)
    await supervisor.start()
    tasks = [asyncio.create_task(each) for each in (_tell(supervisor), beside.run(supervisor.parts))]
    try:
        await stopped.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await supervisor.stop()


async def _tell(supervisor: Supervisor) -> None:
    """Say where it is once clients are accepted there."""
    await supervisor.accepting()
    click.echo(f"listening on {supervisor.listen}")
    if supervisor.metrics:
        click.echo(f"metrics on http://{supervisor.metrics}/metrics")
