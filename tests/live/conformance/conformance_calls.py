"""Calls on the wire's level: any message, any metadata, and everything that comes back."""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
import numpy
from conformance_catalog import PUBLIC
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

PATIENCE_S = 20
OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
_SERVICE = "/inference.GRPCInferenceService/"


@dataclass
class Answer:
    """How a call ended, and what came before."""

    code: str
    message: str
    responses: list[Any]
    headers: dict[str, Any] = field(default_factory=dict)
    trailers: dict[str, Any] = field(default_factory=dict)

    @property
    def details(self) -> dict[str, Any]:
        """The typed details, by their type's name."""
        raw = self.trailers.get("grpc-status-details-bin")
        if raw is None:
            return {}
        status = status_pb2.Status.FromString(raw)
        assert (status.message, status.code) == (self.message, grpc.StatusCode[self.code].value[0])
        found = {}
        for packed in status.details:
            detail = getattr(error_details_pb2, packed.type_url.rpartition(".")[2])()
            assert packed.Unpack(detail)
            found[type(detail).__name__] = detail
        return found

    @property
    def reason(self) -> str:
        """The reason of the ErrorInfo, which every error of a worker has."""
        info = self.details["ErrorInfo"]
        assert info.domain == "fourplane.dev"
        assert self.trailers["x-fourplane-outcome"] == info.reason
        return info.reason

    def everything(self) -> str:
        """All that a caller sees, but the trailers that say where the request went."""
        metadata = {
            key: value if isinstance(value, str) else base64.b64encode(value).decode() + repr(value)
            for key, value in (self.headers | self.trailers).items()
            if key not in ("x-fourplane-backend", "x-fourplane-pool")
        }
        return f"{self.message} {metadata} {[json_format.MessageToJson(each) for each in self.responses]}"


class Peer:
    """A channel to one server."""

    def __init__(self, address: str, *options: tuple[str, Any]) -> None:
        """Connect when the first call is made."""
        self.channel = grpc.insecure_channel(address, options=(*OPTIONS, *options))
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(self.channel)

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.channel.close()

    def infer(self, request: Any, **more: Any) -> Answer:
        """Make a ModelInfer call."""
        return self.call("ModelInfer", request, pb.ModelInferResponse, **more)

    def call(self, method: str, request: Any, kind: Any = None, **more: Any) -> Answer:
        """Make a unary call; `request` is a message or bytes, and `kind` what comes back (bytes, if there is none)."""
        more.setdefault("timeout", PATIENCE_S)
        path = method if method.startswith("/") else _SERVICE + method
        serializer = None if isinstance(request, bytes) else type(request).SerializeToString
        call = self.channel.unary_unary(path, serializer, kind.FromString if kind else None)
        try:
            response, ended = call.with_call(request, **more)
        except grpc.RpcError as error:
            return _answer(error, [])
        return _answer(ended, [response])

    def stream(self, requests: Iterable[Any], **more: Any) -> Answer:
        """Make a ModelStreamInfer call that sends the requests and its end, and take everything that comes."""
        more.setdefault("timeout", PATIENCE_S)
        call = self.stub.ModelStreamInfer(iter(requests), **more)
        got: list[Any] = []
        try:
            got.extend(call)  # what came before an error stays in it
        except grpc.RpcError as error:
            return _answer(error, got)
        return _answer(call, got)


def _answer(call: Any, responses: list[Any]) -> Answer:
    headers = dict(call.initial_metadata() or ())
    trailers = dict(call.trailing_metadata() or ())
    return Answer(call.code().name, call.details() or "", responses, headers, trailers)


def request(model: str, *tensors: Any, **more: Any) -> Any:
    """Return a ModelInferRequest; a tensor is (name, datatype, shape, raw bytes or InferTensorContents)."""
    parameters = more.pop("parameters", {})
    message = pb.ModelInferRequest(model_name=model, **more)
    for name, datatype, shape, content in tensors:
        tensor = message.inputs.add(name=name, datatype=datatype, shape=shape)
        if isinstance(content, bytes):
            message.raw_input_contents.append(content)
        else:
            tensor.contents.CopyFrom(content)
    for key, value in parameters.items():
        message.parameters[key].CopyFrom(value)
    return message


def floats(model: str, values: Sequence[float], name: str = "in_fp32", **more: Any) -> Any:
    """Return a request with one tensor of floats."""
    data = numpy.array(values, numpy.float32)
    return request(model, (name, "FP32", data.shape, data.tobytes()), **more)


def ints(model: str, values: Sequence[int], name: str, datatype: str = "INT32", **more: Any) -> Any:
    """Return a request with one tensor of integers."""
    data = numpy.array(values, datatype.lower())
    return request(model, (name, datatype, data.shape, data.tobytes()), **more)


def word(model: str, value: str, name: str = "mode", **more: Any) -> Any:
    """Return a request with one string."""
    raw = value.encode()
    return request(model, (name, "BYTES", [1], len(raw).to_bytes(4, "little") + raw), **more)


def inner(message: Any) -> Any:
    """Return the same request under the engine's name of the model."""
    direct = type(message)()
    direct.CopyFrom(message)
    direct.model_name = PUBLIC.get(message.model_name, message.model_name)
    return direct
