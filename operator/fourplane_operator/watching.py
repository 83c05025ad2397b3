"""kopf, for what it does best: watching kinds through disconnects. Only raw events are used, so it writes nothing."""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import kopf
from kubernetes.aio.client import Configuration

from fourplane_kube import Kind, Object
from fourplane_kube.kinds import MODEL_ROUTE, RUNTIME_ACTIVATION, RUNTIME_DEPLOYMENT, WORKER_REPORT

log = logging.getLogger(__name__)

WATCHED: Sequence[Kind] = (RUNTIME_DEPLOYMENT, MODEL_ROUTE, RUNTIME_ACTIVATION, WORKER_REPORT)

Heard = Callable[[Kind, str, Object], None]
"""Takes the kind, the type of the event (empty in a listing) and the object."""


async def watch(
    configuration: Configuration,
    namespaces: Sequence[str],
    heard: Heard,
    *,
    owned: Sequence[Kind] = (),
    labels: dict[str, str] | None = None,
    stop: asyncio.Event,
    ready: asyncio.Event,
) -> None:
    """Tell of every event until `stop`; of `owned` kinds, of those objects that have the labels.

    kopf takes the signals of the process for itself; `ready` is set when that is done. It goes on when the watch of
    one kind failed for good, as it does where a definition was removed: here that raises WatchingError.
    """
    registry = kopf.OperatorRegistry()
    for kind in WATCHED:
        _on_event(registry, kind, heard, None)
    for kind in owned:
        _on_event(registry, kind, heard, labels)
    _login(registry, configuration)
    with _failures(stop) as failures:
        await _operate(registry, namespaces, stop, ready)
    if failures:
        raise WatchingError(failures[0])


async def _operate(
    registry: kopf.OperatorRegistry, namespaces: Sequence[str], stop: asyncio.Event, ready: asyncio.Event
) -> None:
    await kopf.operator(
        registry=registry,
        settings=_settings(),
        standalone=True,
        namespaces=list(namespaces),
        clusterwide=not namespaces,
        stop_flag=stop,
        ready_flag=ready,
    )


class WatchingError(Exception):
    """A watch ended that should never end."""


class _Failures(logging.Handler):
    """Hears from kopf's log, which alone tells it, that a task of kopf failed; then everything is to stop."""

    def __init__(self, stop: asyncio.Event) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []
        self._stop = stop

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.heard.append(record.getMessage())
            self._stop.set()


@contextmanager
def _failures(stop: asyncio.Event) -> Iterator[list[str]]:
    handler = _Failures(stop)
    kopfs = logging.getLogger("kopf")
    kopfs.addHandler(handler)
    try:
        yield handler.heard
    finally:
        kopfs.removeHandler(handler)


def _on_event(registry: kopf.OperatorRegistry, kind: Kind, heard: Heard, labels: dict[str, str] | None) -> None:
    group, _, version = kind.api_version.rpartition("/")

    async def handle(event: Any, **_: Any) -> None:
        heard(kind, event["type"] or "", event["object"])

    labelled: Any = {key: value or kopf.PRESENT for key, value in labels.items()} if labels else None
    kopf.on.event(group, version, kind.plural, registry=registry, id=f"saw-{kind.plural}", labels=labelled)(handle)


def _login(registry: kopf.OperatorRegistry, configuration: Configuration) -> None:
    async def login(**_: Any) -> kopf.ConnectionInfo:
        """Give kopf what the client has; asked again whenever the API server refuses it."""
        given: Any = await configuration.auth_settings()
        scheme, _space, token = str(given.get("BearerToken", {}).get("value", "")).partition(" ")
        return kopf.ConnectionInfo(
            server=configuration.host,
            ca_path=configuration.ssl_ca_cert,
            ca_data=configuration.ca_cert_data,
            insecure=not configuration.verify_ssl,
            scheme=scheme or None,
            token=token or None,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
        )

    kopf.on.login(registry=registry, id="login")(login)


def _settings() -> kopf.OperatorSettings:
    logging.getLogger("kopf").setLevel(logging.WARNING)  # it tells of each event that it hands over
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True  # our kinds are there when we start: no rights on definitions are needed
    settings.watching.reconnect_backoff = 0.5
    settings.watching.chunk_size = 500
    settings.queueing.idle_timeout = 1.0  # a task for each object that was heard of: let 10,000 of them go soon
    settings.networking.error_backoffs = _Endless()
    settings.persistence.diffbase_storage = _NoDiffs()
    return settings


class _NoDiffs(kopf.DiffBaseStorage):
    """Keeps kopf from copying each object to see what changed in it: nobody asks for that here."""

    def build(self, **_: Any) -> kopf.BodyEssence:
        """Return nothing."""
        return kopf.BodyEssence()

    def fetch(self, **_: Any) -> None:
        """Return nothing."""

    def store(self, **_: Any) -> None:
        """Write nothing."""


class _Endless:
    """Waits between tries, in seconds, without an end: an API server may be gone for days."""

    def __iter__(self) -> Iterator[float]:
        """Double, up to a bound, with a spread."""
        wait = 0.5
        while True:
            yield wait * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
            wait = min(15.0, wait * 2)
