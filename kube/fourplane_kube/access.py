"""Where the API server is, and who we are there: from a kubeconfig, or as a pod."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from fourplane_kube.cluster import Cluster
from fourplane_kube.errors import NoAccessError

PODS_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path

_incluster: Any = config.load_incluster_config
_kubeconfig: Any = config.load_kube_config


@asynccontextmanager
async def connect(kubeconfig: Path | None = None, context: str | None = None) -> AsyncIterator[Cluster]:
    """Connect as a kubeconfig says; without one, as the service account of this pod, or as kubectl would.

    Raises NoAccessError where there is neither. Nothing is sent yet.
    """
    configuration = Configuration()
    try:
        if kubeconfig is None and os.access(PODS_TOKEN, os.R_OK):
            _incluster(client_configuration=configuration)
        else:
            given = str(kubeconfig) if kubeconfig is not None else None
            await _kubeconfig(config_file=given, context=context, client_configuration=configuration)
    except (config.ConfigException, OSError) as error:
        raise NoAccessError(
            f"no way to an API server: {error}; name a file with --kubeconfig or in KUBECONFIG, or run in a pod"
        ) from error
    # The library's client is never opened: its TLS context is all that is taken from it.
    async with Cluster(configuration, ApiClient(configuration).rest_client.ssl_context) as cluster:
        yield cluster
