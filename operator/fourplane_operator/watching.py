"""kopf, for what it does best: watching kinds through disconnects. Only raw events are used, so it writes nothing."""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any

import kopf
from kubernetes.aio.client import Configuration

from fourplane_kube import Kind, Object
from fourplane_kube.following import backoff
from fourplane_kube.kinds import MODEL_ROUTE, RUNTIME_ACTIVATION, RUNTIME_DEPLOYMENT, WORKER_REPORT

log = logging.getLogger(__name__)

WATCHED: Sequence[Kind] = (RUNTIME_DEPLOYMENT, MODEL_ROUTE, RUNTIME_ACTIVATION, WORKER_REPORT)

_ENDS_WITHIN_S = 8.0
"""Seconds that kopf gets to end. It takes five when a watch failed; and when connections broke just then, it waits for
ever for credentials that nobody gives any more."""

Heard = Callable[[Kind, str, Object], None]
"""Takes the kind, the type of the event (empty in a listing) and the object."""


async def watch(
    configuration: Configuration,
    namespaces: Sequence[str],
    heard: Heard,
    *,
    stop: asyncio.Event,
    ready: asyncio.Event,
) -> None:
    """Tell of every event until `stop`; `ready` is set when watching begins.

    kopf goes on when the watch of one kind failed for good, as it does where a definition was removed: here that raises
    WatchingError. It has a loop of its own, in a thread: when it ends it cancels all that runs on its loop.
    """
    loop, halt = asyncio.get_running_loop(), threading.Event()
    registry = kopf.OperatorRegistry()
    for kind in WATCHED:
        _on_event(registry, kind, lambda *event: loop.call_soon_threadsafe(heard, *event))
    _login(registry, configuration)
    operating = _operate(registry, namespaces, halt, lambda: loop.call_soon_threadsafe(ready.set))
    work = _in_a_thread(operating, loop)
    stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    halted: asyncio.Future[Any] = loop.run_in_executor(None, halt.wait)
    try:
        await asyncio.wait({work, stopping, halted}, return_when="FIRST_COMPLETED")
    finally:
        halt.set()
        stopping.cancel()
        await asyncio.wait({work}, timeout=_ENDS_WITHIN_S)
    if not work.done():
        raise WatchingError("kopf does not end; its thread is left behind")
    work.result()


def _in_a_thread(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> "asyncio.Future[None]":
    """Run work on a loop of its own; a thread that never ends keeps neither us nor the end of the process waiting."""
    done: asyncio.Future[None] = loop.create_future()

    def tell(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        failure: BaseException | None = None
        try:
            asyncio.run(work)
        except BaseException as error:  # noqa: BLE001 - it is told where somebody waits for it
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: the process ends
            loop.call_soon_threadsafe(tell, failure)

    threading.Thread(target=run, name="kopf", daemon=True).start()
    return done


async def _operate(
    registry: kopf.OperatorRegistry, namespaces: Sequence[str], halt: threading.Event, begun: Callable[[], Any]
) -> None:
    ready = asyncio.Event()
    telling = asyncio.ensure_future(_tell(ready, begun))
    try:
        with _failures(halt) as failures:
            await kopf.operator(
                registry=registry,
                settings=_settings(),
                standalone=True,
                namespaces=list(namespaces),
                clusterwide=not namespaces,
                stop_flag=halt,
                ready_flag=ready,
            )
    finally:
        halt.set()  # a thread of kopf's loop waits for it
        telling.cancel()
    if failures:
        raise WatchingError(failures[0])


async def _tell(ready: asyncio.Event, begun: Callable[[], Any]) -> None:
    await ready.wait()
    begun()


class WatchingError(Exception):
    """A watch ended that should never end."""


class _Failures(logging.Handler):
    """Hears from kopf's log, which alone tells it, that a task of kopf failed; then everything is to stop."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []
        self._stop = stop

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.heard.append(record.getMessage())
            self._stop.set()


@contextmanager
def _failures(stop: threading.Event) -> Iterator[list[str]]:
    handler = _Failures(stop)
    kopfs = logging.getLogger("kopf")
    kopfs.addHandler(handler)
    try:
        yield handler.heard
    finally:
        kopfs.removeHandler(handler)


def _on_event(registry: kopf.OperatorRegistry, kind: Kind, heard: Callable[[Kind, str, Object], Any]) -> None:
    group, _, version = kind.api_version.rpartition("/")

    async def handle(event: Any, **_: Any) -> None:
        heard(kind, event["type"] or "", event["object"])

    kopf.on.event(group, version, kind.plural, registry=registry, id=f"saw-{kind.plural}")(handle)


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
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)  # it misses signals, which are not for it
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
        """Wait as everybody here does who asks the API server again."""
        return map(backoff, count(1))
