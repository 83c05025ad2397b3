"""The inference protocol's descriptive methods: requests to names, and engines' answers under public names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf import descriptor_pb2
from google.protobuf.message import DecodeError, Message

from fourplane_wire.oip import MalformedError
from inference import grpc_service_pb2 as pb
from inference import model_config_pb2 as config_pb

SERVICE = "inference.GRPCInferenceService"
READY, UNAVAILABLE = "READY", "UNAVAILABLE"
"""States of a model in a repository index."""

M = TypeVar("M", bound=Message)


def parse(message: M, data: bytes) -> M:
    """Fill a message from bytes; raise MalformedError where they are none."""
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise MalformedError(f"the bytes are no {message.DESCRIPTOR.name}") from error
    return message


def file_descriptors() -> tuple[bytes, ...]:
    """Return the protocol's files as encoded `FileDescriptorProto`s, each after those that it imports."""
    files = []
    for file in (config_pb.DESCRIPTOR, pb.DESCRIPTOR):
        proto = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(proto)
        files.append(proto.SerializeToString())
    return tuple(files)


# Requests. Those of ModelReady, ModelMetadata, ModelConfig and ModelStatistics have the same two fields.


def read_model_request(data: bytes) -> tuple[str, str]:
    """Return the model's name and version that a request asks about; either may be empty."""
    request = parse(pb.ModelMetadataRequest(), data)
    return request.name, request.version


def model_request(name: str, version: str) -> bytes:
    """Return a request that asks about a model."""
    return pb.ModelMetadataRequest(name=name, version=version).SerializeToString()


def read_index_request(data: bytes) -> tuple[str, bool]:
    """Return the repository's name, and whether only ready models are wanted."""
    request = parse(pb.RepositoryIndexRequest(), data)
    return request.repository_name, request.ready


def index_request() -> bytes:
    """Return a request for an engine's ready models."""
    return pb.RepositoryIndexRequest(ready=True).SerializeToString()


# Answers.


def server_live(live: bool) -> bytes:
    """Return a ServerLiveResponse."""
    return pb.ServerLiveResponse(live=live).SerializeToString()


def server_ready(ready: bool) -> bytes:
    """Return a ServerReadyResponse."""
    return pb.ServerReadyResponse(ready=ready).SerializeToString()


def server_metadata(name: str, version: str, extensions: Sequence[str]) -> bytes:
    """Return a ServerMetadataResponse."""
    return pb.ServerMetadataResponse(name=name, version=version, extensions=extensions).SerializeToString()


def model_ready(ready: bool) -> bytes:
    """Return a ModelReadyResponse."""
    return pb.ModelReadyResponse(ready=ready).SerializeToString()


def read_model_ready(data: bytes) -> bool:
    """Tell whether an engine says that a model is ready."""
    return parse(pb.ModelReadyResponse(), data).ready


def rename_model_metadata(reply: bytes, name: str, versions: Sequence[str]) -> bytes:
    """Return an engine's ModelMetadataResponse under a public name; without versions, the engine's stay."""
    message = parse(pb.ModelMetadataResponse(), reply)
    message.DiscardUnknownFields()
    message.name = name
    if versions:
        message.versions[:] = versions
    return message.SerializeToString()


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexEntry:
    """One model of a repository index."""

    name: str
    version: str
    reason: str
    """Why the model is not ready; empty: it is."""


def repository_index(entries: Iterable[IndexEntry]) -> bytes:
    """Return a RepositoryIndexResponse."""
    response = pb.RepositoryIndexResponse()
    for entry in entries:
        state = UNAVAILABLE if entry.reason else READY
        response.models.add(name=entry.name, version=entry.version, state=state, reason=entry.reason)
    return response.SerializeToString()


def read_index(reply: bytes) -> frozenset[tuple[str, str]]:
    """Return the models, with their versions, that an engine says are ready; each also with the version ""."""
    models = parse(pb.RepositoryIndexResponse(), reply).models
    ready = [(model.name, model.version) for model in models if model.state == READY]
    return frozenset(ready) | frozenset((name, "") for name, _ in ready)


# What an engine says that a model takes and gives.


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedTensor:
    """One input or output as an engine reports it."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    """Extents, a batch dimension included; -1 where any will do."""
    optional: bool = False
    """Whether a request may leave the input out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedModel:
    """A model's contract as an engine reports it."""

    inputs: tuple[ReportedTensor, ...]
    outputs: tuple[ReportedTensor, ...]
    decoupled: bool | None
    """None where the engine does not say."""


def read_reported_model(metadata: bytes, config: bytes | None = None) -> ReportedModel:
    """Return the contract that an engine's ModelMetadataResponse says, and its ModelConfigResponse where it has one."""
    described = parse(pb.ModelMetadataResponse(), metadata)
    if config is None:
        names = {tensor.name for tensor in described.inputs}
        return ReportedModel(
            inputs=_tensors(described.inputs, names), outputs=_tensors(described.outputs, set()), decoupled=None
        )
    configured = parse(pb.ModelConfigResponse(), config).config
    optional = {tensor.name for tensor in configured.input if tensor.optional}
    return ReportedModel(
        inputs=_tensors(described.inputs, optional),
        outputs=_tensors(described.outputs, set()),
        decoupled=configured.model_transaction_policy.decoupled,
    )


def _tensors(
    tensors: Iterable[pb.ModelMetadataResponse.TensorMetadata], optional: set[str]
) -> tuple[ReportedTensor, ...]:
    return tuple(
        ReportedTensor(
            name=tensor.name,
            datatype=tensor.datatype,
            shape=tuple(tensor.shape),
            optional=tensor.name in optional,
        )
        for tensor in tensors
    )
