"""Server reflection: what is served, and the definitions of that alone."""

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, duration_pb2
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection, reflection_pb2  # type: ignore[import-untyped]

from fourplane_wire import inference
from fourplane_worker.local import health
from fourplane_worker.local.gate import Handler

_V1, _V1ALPHA = "grpc.reflection.v1", "grpc.reflection.v1alpha"
SERVICES = (f"{_V1}.ServerReflection", f"{_V1ALPHA}.ServerReflection")
"""Both versions of the service have the same messages, so one implementation answers for both."""


def handlers() -> dict[str, Handler]:
    """Return the service's methods."""
    names = (inference.SERVICE, health.SERVICE, *SERVICES)
    servicer = reflection.aio.ReflectionServicer(names, pool=_pool())
    return {
        "ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
            servicer.ServerReflectionInfo,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
    }


def _pool() -> descriptor_pool.DescriptorPool:
    """Return a pool of the served definitions: the process's own one knows more than callers need to."""
    pool = descriptor_pool.DescriptorPool()
    for file in (
        *inference.file_descriptors(),
        health.FILE,
        reflection_pb2.DESCRIPTOR.serialized_pb,
        _version_1(),
        duration_pb2.DESCRIPTOR.serialized_pb,
        error_details_pb2.DESCRIPTOR.serialized_pb,  # so that tools can show the details of typed errors
    ):
        pool.AddSerializedFile(file)
    return pool


def _version_1() -> bytes:
    """Return the definition of the newer version of reflection, which the library lacks: the older one, renamed."""
    file = descriptor_pb2.FileDescriptorProto.FromString(reflection_pb2.DESCRIPTOR.serialized_pb)
    file.name = "grpc/reflection/v1/reflection.proto"
    file.package = _V1
    for message in file.message_type:
        for field in message.field:
            if field.type_name:
                field.type_name = field.type_name.replace(_V1ALPHA, _V1)
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(_V1ALPHA, _V1)
        method.output_type = method.output_type.replace(_V1ALPHA, _V1)
    return file.SerializeToString()
