"""`fourplane operator`."""

import asyncio
import re
import secrets
import signal
import socket
from pathlib import Path
from typing import Any

import click

from fourplane_cli.serving import log_options, metrics_address, metrics_option
from fourplane_cli.teaching import Command
from fourplane_compiler.workloads.settings import WorkloadSettings
from fourplane_kube import NoAccessError
from fourplane_operator.errors import SetupError
from fourplane_operator.running import Operator
from fourplane_operator.settings import LEASE_NAME, LEASE_S, METRICS, LeaseSettings, OperatorSettings, pods_namespace
from fourplane_worker.telemetry import logs


@click.command(cls=Command)
@click.option("--namespace", "namespaces", multiple=True, metavar="NAME", help="Namespace to watch; may be repeated.")
@click.option("--all-namespaces", is_flag=True, help="Watch every namespace.")
@click.option(
    "--signing-key",
    "signing_keys",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Private key to sign with, or a folder of them (*.key); repeated while one replaces another.",
)
@click.option(
    "--signing-key-secret",
    default="",
    metavar="NAME",
    help="Secret with the private key, in the Lease's namespace; made where it is missing.",
)
@click.option(
    "--own-secret",
    "own_secrets",
    multiple=True,
    metavar="NAME",
    help="Secret in the Lease's namespace for no pod of a runtime, as that of --signing-key-secret; may be repeated.",
)
@click.option(
    "--worker-image",
    default="",
    metavar="IMAGE",
    help="Image of the workers. Default: none, and RuntimeDeployments make snapshots alone.",
)
@click.option(
    "--triton-image",
    default="",
    metavar="IMAGE",
    help="Image of the Triton servers of pools that name none, with --worker-image.",
)
@click.option(
    "--worker-role",
    show_default="fourplane-worker",
    metavar="NAME",
    help="ClusterRole with the workers' rights.",
)
@click.option(
    "--image-pull-policy",
    show_default="IfNotPresent",
    type=click.Choice(["Always", "IfNotPresent", "Never"]),
    help="When those images are pulled.",
)
@click.option(
    "--image-pull-secret",
    "image_pull_secrets",
    multiple=True,
    metavar="NAME",
    help="Secret in each runtime's namespace to pull them with; may be repeated.",
)
@click.option(
    "--lease-namespace", metavar="NAME", help="Where the Lease is. Default: the pod's namespace, or the first watched."
)
@click.option("--lease-name", default=LEASE_NAME, show_default=True, metavar="NAME", help="Name of the Lease.")
@click.option(
    "--lease-duration",
    type=click.IntRange(min=3, max=3600),
    default=LEASE_S,
    show_default=True,
    metavar="SECONDS",
    help="How long others wait for a leader that is silent; it stops writing after two thirds of it.",
)
@click.option("--identity", metavar="NAME", help="Name among those that stand for the Lease. Default: the host's.")
@metrics_option(METRICS)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    help="How to reach the API server. Default: the pod's service account, or what kubectl uses.",
)
@log_options("info", "json")
def operator(**given: Any) -> None:
    """Compile the resources of a cluster into signed snapshots, activate them, and tell in status what came of it.

    Watches RuntimeDeployments and ModelRoutes, and writes ConfigSnapshots, RuntimeActivations and status; with
    --worker-image it also makes the workers and engines that they ask for. What users apply is not touched otherwise.
    Any number may run: a Lease decides which of them writes. Workers serve on when there is none.

    Examples:
      fourplane operator --namespace models --signing-key release.key
      fourplane operator --all-namespaces --lease-namespace fourplane --signing-key-secret fourplane-signing-key

    Exit codes: 0 stopped when asked to; 2 a setting that cannot work.
    """
    log_level, log_format = given.pop("log_level"), given.pop("log_format")
    settings = settings_of(**given)
    logs.configure(log_level, log_format, "operator")
    try:
        asyncio.run(_run(settings))
    except (SetupError, NoAccessError) as error:
        raise click.UsageError(str(error)) from error


async def _run(settings: OperatorSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Operator(settings, stop).run()


_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_OF_WORKLOADS = ("worker_image", "triton_image", "worker_role", "image_pull_policy", "image_pull_secrets")


def settings_of(
    *, all_namespaces: bool, namespaces: tuple[str, ...], identity: str | None, **given: Any
) -> OperatorSettings:
    """Return what these options say, by their parameters' names; raise click.UsageError where it can't work."""
    if bool(namespaces) == all_namespaces:
        raise click.UsageError("say what to watch: --namespace NAME, as often as needed, or --all-namespaces")
    if bool(given["signing_keys"]) == bool(given["signing_key_secret"]):
        raise click.UsageError("say what to sign with: either --signing-key FILE or --signing-key-secret NAME")
    here = given.pop("lease_namespace") or pods_namespace() or next(iter(namespaces), "default")
    given["metrics"] = metrics_address(given["metrics"])
    for name in namespaces:
        if not _LABEL.fullmatch(name):
            raise click.UsageError(
                f"--namespace {name}: a namespace's name has lower-case letters, digits and '-', at most 63, with a"
                " letter or digit at both ends; for every namespace say --all-namespaces"
            )
    workloads = {name: value for name in _OF_WORKLOADS if (value := given.pop(name))}
    if workloads and "worker_image" not in workloads:
        options = ", ".join(f"--{name.removesuffix('s').replace('_', '-')}" for name in workloads)
        raise click.UsageError(f"{options}: only of use for the pods of --worker-image IMAGE; give that too")
    own = {*given.pop("own_secrets"), given["signing_key_secret"]} - {""}
    workloads["own_secrets"] = frozenset((here, name) for name in own)
    return OperatorSettings(
        namespaces=tuple(dict.fromkeys(namespaces)),
        identity=f"{identity or socket.gethostname()}_{secrets.token_hex(4)}",
        lease=LeaseSettings(
            namespace=here, name=given.pop("lease_name"), duration_s=float(given.pop("lease_duration"))
        ),
        workloads=WorkloadSettings(**workloads) if "worker_image" in workloads else None,
        **given,
    )
