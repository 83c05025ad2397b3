"""Requests to one API server: plain JSON objects in and out, typed errors, and counts of what was sent."""

import asyncio
import contextlib
import json
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self, TypeAlias
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException

from fourplane_kube.errors import BrokenOffError, KubeError, UnreachableError, error_of
from fourplane_kube.kinds import Kind

Object: TypeAlias = dict[str, Any]
"""An object as JSON has it."""
Objects: TypeAlias = list[Object]

_JSON = "application/json"
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_READ_AGAIN_AFTER_S = (0.05, 0.2)
"""Pauses, in seconds, before a read is sent again whose connection broke."""
_SOCKETS_CLOSE_S = 0.05
"""Seconds in which the loop closes the sockets of connections that were given up."""
_PAGE = 500
"""Objects for each answer of a listing."""
_ANSWER_WITHIN_S = 30.0
_CONNECT_WITHIN_S = 10.0
_PATIENCE = aiohttp.ClientTimeout(total=_ANSWER_WITHIN_S, sock_connect=_CONNECT_WITHIN_S)
_LONGEST_LINE = 4 * 1024 * 1024
"""Bytes of one watched event; etcd takes objects of 1.5 MiB."""


class Cluster:
    """One API server as one identity sees it; use it as an async context."""

    def __init__(self, configuration: Configuration, trust: ssl.SSLContext) -> None:
        """Take where it is and who we are; nothing is sent yet."""
        self.configuration = configuration
        self._trust = trust
        self._proxy = configuration.proxy or _proxy(configuration.host)
        self.requests: Counter[tuple[str, str]] = Counter()
        """How many were sent, by method and kind."""
        self.written_bytes = 0
        """Bytes of all bodies that were sent."""

    async def __aenter__(self) -> Self:
        """Open the connection pool."""
        self._connector = aiohttp.TCPConnector(ssl=self._trust, limit=0)
        self._session = aiohttp.ClientSession(
            connector=self._connector, read_bufsize=_LONGEST_LINE, auto_decompress=True
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Close all connections, at once: nobody waits for the other side's farewell, and nothing outlives the loop."""
        await self._connector.close(abort_ssl=True)
        await self._session.close()
        await asyncio.sleep(_SOCKETS_CLOSE_S)

    async def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Return an object; raise NotFoundError where there is none."""
        return await self._json("GET", kind, namespace, name)

    async def list(self, kind: Kind, namespace: str = "", **selectors: str) -> tuple[Objects, str]:
        """Return all objects of a kind, of one namespace or of all, and the version that the listing is of.

        `selectors` are the API's own: labelSelector, fieldSelector. An object of a listing does not say its kind.
        """
        return await self._pages(kind, namespace, selectors, _JSON)

    async def peek(self, kind: Kind, namespace: str = "") -> None:
        """Raise what a listing would raise, at the price of one object."""
        await self._json("GET", kind, namespace, query={"limit": "1"})

    async def list_metadata(self, kind: Kind, namespace: str = "") -> Objects:
        """Return the metadata of all objects of a kind, without their content."""
        return (await self._pages(kind, namespace, {}, _METADATA))[0]

    async def _pages(
        self, kind: Kind, namespace: str, selectors: Mapping[str, str], accept: str
    ) -> tuple[Objects, str]:
        found: Objects = []
        version, proceed = "", ""
        while True:
            query = {**selectors, "limit": str(_PAGE), **({"continue": proceed} if proceed else {})}
            page = await self._json("GET", kind, namespace, query=query, accept=accept)
            found += page["items"] or ()  # null where there is none, in some forms
            metadata = page["metadata"]
            version = metadata["resourceVersion"]
            proceed = metadata.get("continue") or ""
            if not proceed:
                return found, version

    async def create(self, kind: Kind, namespace: str, body: Object) -> Object:
        """Create an object; raise ExistsError where the name is taken."""
        return await self._json("POST", kind, namespace, body=body)

    async def replace(self, kind: Kind, namespace: str, body: Object) -> Object:
        """Replace an object; with a resourceVersion in it, only that version (else ConflictError)."""
        return await self._json("PUT", kind, namespace, body["metadata"]["name"], body=body)

    async def apply(
        self, kind: Kind, namespace: str, body: Object, *, manager: str, subresource: str = "", force: bool = True
    ) -> Object:
        """Apply on the server's side what `manager` wants; with a resourceVersion in it, only to that version."""
        query = {"fieldManager": manager, "force": "true" if force else "false"}
        name = "/".join(part for part in (body["metadata"]["name"], subresource) if part)
        return await self._json("PATCH", kind, namespace, name, body=body, query=query, content_type=_APPLY)

    async def merge(self, kind: Kind, namespace: str, name: str, patch: Object, *, manager: str) -> Object:
        """Merge a patch (RFC 7396) into an object; with a resourceVersion in it, only into that version."""
        return await self._json(
            "PATCH", kind, namespace, name, body=patch, query={"fieldManager": manager}, content_type=_MERGE
        )

    async def delete(self, kind: Kind, namespace: str, name: str, *, uid: str = "", resource_version: str = "") -> None:
        """Delete an object, only the one with that uid and in that version where given (else ConflictError)."""
        wanted = {"uid": uid, "resourceVersion": resource_version}
        preconditions = {key: value for key, value in wanted.items() if value}
        body: Object = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
        if preconditions:
            body["preconditions"] = preconditions
        await self._json("DELETE", kind, namespace, name, body=body)

    async def ask(self, path: str) -> Object:
        """Return what the API server says below a path, such as /apis."""
        async with self._request("GET", path, "") as answer:
            return _object(await answer.read())

    @asynccontextmanager
    async def watch(
        self, kind: Kind, namespace: str, query: Mapping[str, str], silence_s: float
    ) -> AsyncIterator[AsyncIterator[Object]]:
        """Yield events as they come, until the server ends the watch; raise UnreachableError after a long silence."""
        path = f"{kind.path(namespace)}?{urlencode({**query, 'watch': 'true'})}"
        patience = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_WITHIN_S, sock_read=silence_s)
        async with self._request("GET", path, str(kind), patience=patience) as answer:
            yield _events(answer, f"watch of {kind}")

    async def _json(
        self,
        method: str,
        kind: Kind,
        namespace: str,
        name: str = "",
        *,
        query: Mapping[str, str] | None = None,
        **request: Any,
    ) -> Object:
        path = kind.path(namespace, name) + (f"?{urlencode(query)}" if query else "")
        for pause_s in _READ_AGAIN_AFTER_S if method == "GET" else ():
            with contextlib.suppress(BrokenOffError):
                return await self._once(method, path, kind, **request)
            await asyncio.sleep(pause_s)
        return await self._once(method, path, kind, **request)

    async def _once(self, method: str, path: str, kind: Kind, **request: Any) -> Object:
        async with self._request(method, path, str(kind), **request) as answer:
            return _object(await answer.read())

    @asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        what: str,
        *,
        body: Object | None = None,
        content_type: str = _JSON,
        accept: str = _JSON,
        patience: aiohttp.ClientTimeout = _PATIENCE,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        self.requests[method, what] += 1
        self.written_bytes += len(data or b"")
        asked = f"{method} {path.partition('?')[0]}"
        try:
            headers = {**await self._headers(), "Content-Type": content_type, "Accept": accept}
            async with self._session.request(
                method,
                self.configuration.host + path,
                data=data,
                headers=headers,
                timeout=patience,
                proxy=self._proxy,
                server_hostname=self.configuration.tls_server_name,
            ) as answer:
                if answer.status >= 400:
                    raise error_of(asked, answer.status, await answer.read(), answer.headers)
                yield answer
        except KubeError:
            raise
        except (ConfigException, TimeoutError, ValueError) as error:
            raise UnreachableError(f"{asked}: {str(error) or type(error).__name__}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise BrokenOffError(f"{asked}: {str(error) or type(error).__name__}") from error

    async def _headers(self) -> dict[str, str]:
        headers = {"User-Agent": "fourplane"}
        settings: Any = await self.configuration.auth_settings()
        for setting in settings.values():
            if setting["in"] == "header":
                headers[setting["key"]] = setting["value"]
        return headers


def _proxy(host: str) -> str | None:
    """Return the proxy that the environment names for a host, once: the session would also read ~/.netrc each time."""
    where = urlsplit(host)
    return None if proxy_bypass(where.hostname or "") else getproxies().get(where.scheme)


async def _events(answer: aiohttp.ClientResponse, what: str) -> AsyncIterator[Object]:
    async for line in answer.content:
        event = _object(line)
        if event.get("type") == "ERROR":
            status = event.get("object") or {}
            raise error_of(what, int(status.get("code") or 500), json.dumps(status).encode(), {})
        yield event


def _object(data: bytes) -> Object:
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError(f"the API server answered with a {type(found).__name__}")  # noqa: TRY004 - as bad as no JSON
    return found
