"""Joins a cluster; apart from the command line, since only followers pay for the client library."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from fourplane_kube import NoAccessError, connect
from fourplane_worker.cluster.member import Member
from fourplane_worker.cluster.settings import ClusterSettings
from fourplane_worker.process.errors import SetupError


@asynccontextmanager
async def joined(settings: ClusterSettings, now: Callable[[], float]) -> AsyncIterator[Member]:
    """Connect to the API server, which need not answer; raise SetupError where nothing says where it is."""
    async with AsyncExitStack() as opened:
        try:
            cluster = await opened.enter_async_context(connect(settings.kubeconfig))
        except NoAccessError as error:
            raise SetupError(str(error)) from error
        yield Member(settings, cluster, now)
