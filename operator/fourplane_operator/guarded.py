"""Writes that are sent only while the Lease is held."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fourplane_kube import BrokenOffError, Cluster, Kind, Object, UnreachableError
from fourplane_kube.following import backoff
from fourplane_operator.leadership import Leadership
from fourplane_operator.settings import MANAGER

T = TypeVar("T")
_TRIES = 5
"""How often a write is sent that an API server asks to send later, or whose connection broke; client-go does 10."""


class Writer:
    """Every write of the operator beside the Lease; each raises NotLeadingError rather than be sent without it."""

    def __init__(self, cluster: Cluster, leadership: Leadership) -> None:
        """Write to a cluster as long as leadership lasts."""
        self._cluster = cluster
        self._leadership = leadership

    async def create(self, kind: Kind, namespace: str, body: Object) -> Object:
        """Create an object; raise ExistsError where the name is taken."""
        return await self._patiently(lambda: self._cluster.create(kind, namespace, body))

    async def replace(self, kind: Kind, namespace: str, body: Object) -> Object:
        """Replace an object in the very version that it carries."""
        return await self._patiently(lambda: self._cluster.replace(kind, namespace, body))

    async def apply(self, kind: Kind, namespace: str, body: Object, *, subresource: str = "") -> Object:
        """Apply on the server's side; with a resourceVersion in it, only to that version."""
        self._leadership.check()
        return await self._cluster.apply(kind, namespace, body, manager=MANAGER, subresource=subresource)

    async def apply_as(self, manager: str, kind: Kind, namespace: str, body: Object) -> Object:
        """Apply under another manager, whose fields are then its own."""
        return await self._patiently(lambda: self._cluster.apply(kind, namespace, body, manager=manager))

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str, resource_version: str = "") -> None:
        """Delete the object of that uid, only in that version where given."""
        self._leadership.check()
        await self._cluster.delete(kind, namespace, name, uid=uid, resource_version=resource_version)

    async def _patiently(self, send: Callable[[], Awaitable[T]]) -> T:
        """Send, and again where the server says when to come back or the connection broke: not all is to be done anew.

        What was done although the answer was lost does no harm when it is sent again: a name is taken then, or the
        version that was asked for is gone, which the caller has to look into anyway.
        """
        for _ in range(_TRIES - 1):
            self._leadership.check()
            try:
                return await send()
            except UnreachableError as error:
                if not error.retry_after_s and not isinstance(error, BrokenOffError):
                    raise
                await asyncio.sleep(backoff(1, error.retry_after_s))
        self._leadership.check()
        return await send()
