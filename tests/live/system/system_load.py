"""Clients that keep calling, and note every answer."""

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from conformance_calls import Peer, floats

NO_RETRIES = (("grpc.enable_retries", 0),)


@dataclass(frozen=True)
class Said:
    """What one answer says of where it comes from."""

    code: str
    digest: str = ""
    engine: str = ""
    model: str = ""
    outcome: str = ""


def said(answer: Any) -> Said:
    """Read an answer of a scripted engine."""
    parameters = answer.responses[0].parameters if answer.responses else {}
    return Said(
        answer.code,
        answer.trailers.get("x-fourplane-digest", ""),
        *(parameters[key].string_param if key in parameters else "" for key in ("engine", "model")),
        answer.trailers.get("x-fourplane-outcome", answer.message),
    )


@dataclass
class Caller:
    """One client with a connection of its own, which calls a model again and again."""

    address: str
    model: str
    wait_for_ready: bool = False
    every_s: float = 0.0
    options: tuple[tuple[str, Any], ...] = NO_RETRIES
    heard: list[Said] = field(default_factory=list)

    def run(self, stopped: threading.Event) -> None:
        """Call until told to stop."""
        with Peer(self.address, *self.options, ("grpc.use_local_subchannel_pool", 1)) as peer:
            while not stopped.is_set():
                answer = peer.infer(floats(self.model, [1.0, 2.0]), wait_for_ready=self.wait_for_ready)
                self.heard.append(said(answer))
                stopped.wait(self.every_s)


def answers(address: str, calls: int = 4) -> set[tuple[str, str]]:
    """Return the codes and digests that fresh connections get."""
    found = set()
    for _ in range(calls):
        with Peer(address, *NO_RETRIES, ("grpc.use_local_subchannel_pool", 1)) as peer:
            answer = peer.infer(floats("steady", [1.0]))
            found.add((answer.code, answer.trailers.get("x-fourplane-digest", answer.message)))
    return found


@contextmanager
def running(*callers: Any) -> Iterator[None]:
    """Let callers call until the end."""
    stopped = threading.Event()
    failed: list[BaseException] = []

    def run(caller: Any) -> None:
        try:
            caller.run(stopped)
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=run, args=(caller,)) for caller in callers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stopped.set()
        for thread in threads:
            thread.join()
    assert not failed, failed


class Talk:
    """One open ModelStreamInfer."""

    def __init__(self, peer: Peer) -> None:
        """Open it."""
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._call = peer.stub.ModelStreamInfer(iter(self._requests.get, None))

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it."""
        self._requests.put(None)
        self._call.cancel()

    def ask(self, model: str, number: float = 1.0) -> Any:
        """Send a request, and return its answer."""
        self._requests.put(floats(model, [number], id=str(number)))
        answer = next(self._call)
        assert not answer.error_message, answer.error_message
        assert answer.infer_response.id == str(number)
        return answer.infer_response

    def end(self) -> dict[str, Any]:
        """End it well, and return its trailers."""
        self._requests.put(None)
        assert next(self._call, None) is None
        assert self._call.code() is grpc.StatusCode.OK
        return dict(self._call.trailing_metadata())
