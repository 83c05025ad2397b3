"""The same request to Triton itself and to a worker before it, and what must be the same about the answers."""

import queue
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy
import tritonclient.grpc as client
from conformance_catalog import PUBLIC
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

PATIENCE_S = 20
"""Longest wait of one call; nothing that works comes near it."""


def given(name: str, data: Any, datatype: str = "") -> client.InferInput:
    """Return an input."""
    data = numpy.asarray(data)
    tensor = client.InferInput(name, list(data.shape), datatype or np_to_triton_dtype(data.dtype))
    tensor.set_data_from_numpy(data)
    return tensor


def text(name: str, value: str) -> client.InferInput:
    """Return an input with one string."""
    return given(name, numpy.array([value.encode()], numpy.object_), "BYTES")


def renamed(said: str, public: str) -> str:
    """Return what Triton said about a model, as it must read under the model's public name."""
    name = PUBLIC.get(public, public)
    return re.sub(rf"\b{name}(?=\b|_\d+_\d+\b)", public, said)


def expect_same(direct: Any, proxied: Any, public: str) -> None:
    """Require that two ModelInferResponses differ in the model's name alone."""
    expected = service_pb2.ModelInferResponse()
    expected.CopyFrom(direct)
    assert expected.model_name == PUBLIC[public]
    expected.model_name = public
    assert proxied == expected


@dataclass
class Twins:
    """A stock client for each of the two."""

    direct: client.InferenceServerClient
    proxied: client.InferenceServerClient

    @classmethod
    @contextmanager
    def open(cls, triton: str, worker: str, **options: Any) -> Iterator["Twins"]:
        """Connect to both."""
        connect = client.InferenceServerClient
        with connect(triton, **options) as direct, connect(worker, **options) as proxied:
            yield cls(direct, proxied)

    def ask(self, public: str, *inputs: Any, **more: Any) -> client.InferResult:
        """Ask both, require the same answer, and return it."""
        more.setdefault("client_timeout", PATIENCE_S)
        direct = self.direct.infer(PUBLIC[public], list(inputs), **more)
        proxied = self.proxied.infer(public, list(inputs), **more)
        expect_same(direct.get_response(), proxied.get_response(), public)
        return proxied

    def fail(self, public: str, *inputs: Any, **more: Any) -> InferenceServerException:
        """Ask both, require the same error, and return it."""
        more.setdefault("client_timeout", PATIENCE_S)
        direct = failure(lambda: self.direct.infer(PUBLIC.get(public, public), list(inputs), **more))
        proxied = failure(lambda: self.proxied.infer(public, list(inputs), **more))
        assert (proxied.status(), proxied.message()) == (direct.status(), renamed(direct.message(), public))
        return proxied

    def stream(self, public: str, send: Callable[..., None], **options: Any) -> list[tuple[Any, Any]]:
        """Stream to both, require the same answers in the same order, and return them; `send` gets client and model."""
        direct, proxied = self._streamed(public, send, options)
        assert len(proxied) == len(direct)
        for (theirs, their_error), (ours, our_error) in zip(direct, proxied, strict=True):
            if their_error is not None:
                said = renamed(their_error.message(), public)
                assert our_error is not None and (our_error.status(), our_error.message()) == (
                    their_error.status(),
                    said,
                )
            else:
                assert our_error is None
                expect_same(theirs.get_response(), ours.get_response(), public)
        return proxied

    def stream_by_id(self, public: str, send: Callable[..., None], **options: Any) -> list[tuple[Any, Any]]:
        """Stream to both, and require the same answers for each request id, in whatever order the ids come."""
        sorted_pairs = (sorted(got, key=_id) for got in self._streamed(public, send, options))
        direct, proxied = sorted_pairs
        for (theirs, _), (ours, _) in zip(direct, proxied, strict=True):
            expect_same(theirs.get_response(), ours.get_response(), public)
        return proxied

    def _streamed(self, public: str, send: Callable[..., None], options: dict[str, Any]) -> tuple[Any, Any]:
        direct = answers(self.direct, lambda opened: send(opened, PUBLIC[public]), **options)
        proxied = answers(self.proxied, lambda opened: send(opened, public), **options)
        return direct, proxied


def _id(answer: tuple[Any, Any]) -> str:
    result, error = answer
    assert error is None
    return str(result.get_response().id)


def failure(call: Callable[[], Any]) -> InferenceServerException:
    """Return the error that a call ends with."""
    try:
        call()
    except InferenceServerException as error:
        return error
    raise AssertionError("the call succeeded")


def answers(opened: client.InferenceServerClient, send: Callable[..., None], **options: Any) -> list[tuple[Any, Any]]:
    """Return everything that a stream brings up to its end."""
    got: queue.SimpleQueue[tuple[Any, Any]] = queue.SimpleQueue()
    opened.start_stream(lambda result, error: got.put((result, error)), **options)
    send(opened)
    opened.stop_stream()  # sends the end and waits for the server's
    return [got.get() for _ in range(got.qsize())]
