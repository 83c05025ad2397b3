"""Our definitions of the inference protocol are, on the wire, those of the stock client.

Both register the package `inference`, of which a process holds one, so that ours come from another process.
"""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)
from tritonclient.grpc import model_config_pb2, service_pb2

DUMP = """
import sys
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from inference import grpc_service_pb2, model_config_pb2
files = FileDescriptorSet()
for module in (model_config_pb2, grpc_service_pb2):
    module.DESCRIPTOR.CopyToProto(files.file.add())
sys.stdout.buffer.write(files.SerializeToString())
"""


def ours() -> FileDescriptorSet:
    done = subprocess.run([sys.executable, "-c", DUMP], check=True, capture_output=True, timeout=30)
    return FileDescriptorSet.FromString(done.stdout)


def theirs() -> FileDescriptorSet:
    files = FileDescriptorSet()
    for module in (model_config_pb2, service_pb2):
        module.DESCRIPTOR.CopyToProto(files.file.add())
    return files


def facts(files: FileDescriptorSet) -> dict[str, object]:
    """Flatten everything that shows on the wire or in the generated code, by full name."""
    return dict(fact for file in files.file for fact in file_facts(file))


def file_facts(file: FileDescriptorProto) -> Iterator[tuple[str, object]]:
    for message in file.message_type:
        yield from message_facts(message, f"{file.package}.{message.name}")
    for enum in file.enum_type:
        yield from enum_facts(enum, f"{file.package}.{enum.name}")
    for service in file.service:
        for method in service.method:
            streams = (method.client_streaming, method.server_streaming)
            yield f"/{file.package}.{service.name}/{method.name}", (method.input_type, method.output_type, *streams)


def message_facts(message: DescriptorProto, name: str) -> Iterator[tuple[str, object]]:
    yield name, ("message", message.options.map_entry)
    for field in message.field:
        yield f"{name}.{field.name}", field_facts(message, field)
    for nested in message.nested_type:
        yield from message_facts(nested, f"{name}.{nested.name}")
    for enum in message.enum_type:
        yield from enum_facts(enum, f"{name}.{enum.name}")


def field_facts(message: DescriptorProto, field: FieldDescriptorProto) -> tuple[object, ...]:
    choice = message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else ""
    packing = field.options.packed if field.options.HasField("packed") else None
    return field.number, field.type, field.label, field.type_name, choice, field.proto3_optional, packing


def enum_facts(enum: EnumDescriptorProto, name: str) -> Iterator[tuple[str, object]]:
    yield name, "enum"
    for value in enum.value:
        yield f"{name}.{value.name}", value.number


@pytest.fixture(scope="module")
def both() -> tuple[dict[str, object], dict[str, object]]:
    return facts(ours()), facts(theirs())


def test_the_stock_client_knows_no_more_and_no_less(both):
    mine, other = both
    assert sorted(mine.keys() ^ other.keys()) == []


def test_every_number_type_and_method_is_the_same(both):
    mine, other = both
    assert {name: (mine[name], other[name]) for name in mine.keys() & other.keys() if mine[name] != other[name]} == {}


def test_the_comparison_sees_the_whole_protocol(both):
    _, other = both
    assert len([name for name in other if name.startswith("/inference.GRPCInferenceService/")]) == 20
    assert other["inference.ModelInferRequest.raw_input_contents"][:2] == (7, FieldDescriptorProto.TYPE_BYTES)
    assert len(other) > 400
