"""The messages of the Open Inference Protocol that tests need, in a descriptor pool of their own.

Made by hand and apart from the default pool, so that no other definition of the package can get in their way.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_F = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "inference"
_STRING, _BYTES, _BOOL, _INT64, _MESSAGE = _F.TYPE_STRING, _F.TYPE_BYTES, _F.TYPE_BOOL, _F.TYPE_INT64, _F.TYPE_MESSAGE


def _message(into, name, *fields):
    message = into.add(name=name)
    for number, field, kind, of, repeated in fields:
        added = message.field.add(name=field, number=number, type=kind, label=3 if repeated else 1)
        if of:
            added.type_name = f".{_PACKAGE}.{of}"
    return message


def _one_of(message, name):
    message.oneof_decl.add(name=name)
    for field in message.field:
        field.oneof_index = 0


def _with_parameters(file, name, number, *fields):
    message = _message(
        file.message_type, name, *fields, (number, "parameters", _MESSAGE, f"{name}.ParametersEntry", True)
    )
    entry = _message(
        message.nested_type,
        "ParametersEntry",
        (1, "key", _STRING, "", False),
        (2, "value", _MESSAGE, "InferParameter", False),
    )
    entry.options.map_entry = True


def _file():
    file = descriptor_pb2.FileDescriptorProto(name="oip_for_tests.proto", package=_PACKAGE, syntax="proto3")
    parameter = _message(
        file.message_type,
        "InferParameter",
        (1, "bool_param", _BOOL, "", False),
        (2, "int64_param", _INT64, "", False),
        (3, "string_param", _STRING, "", False),
    )
    _one_of(parameter, "parameter_choice")
    tensor = ((1, "name", _STRING, "", False), (2, "datatype", _STRING, "", False), (3, "shape", _INT64, "", True))
    _message(file.message_type, "Tensor", *tensor)
    names = (
        (1, "model_name", _STRING, "", False),
        (2, "model_version", _STRING, "", False),
        (3, "id", _STRING, "", False),
    )
    inputs = (5, "inputs", _MESSAGE, "Tensor", True), (7, "raw_input_contents", _BYTES, "", True)
    outputs = (5, "outputs", _MESSAGE, "Tensor", True), (6, "raw_output_contents", _BYTES, "", True)
    _with_parameters(file, "ModelInferRequest", 4, *names, *inputs)
    _with_parameters(file, "ModelInferResponse", 4, *names, *outputs)
    _message(
        file.message_type,
        "ModelStreamInferResponse",
        (1, "error_message", _STRING, "", False),
        (2, "infer_response", _MESSAGE, "ModelInferResponse", False),
    )
    return file


_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file())


def _class(name):
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


Request = _class("ModelInferRequest")
Response = _class("ModelInferResponse")
StreamResponse = _class("ModelStreamInferResponse")


def a_request(model="echo", *, version="", request_id="", tensor=b"\1\2\3\4", sequence=0, start=False, end=False):
    """Return a request as a stock client makes it."""
    request = Request(model_name=model, model_version=version, id=request_id)
    if sequence:
        kind = "string_param" if isinstance(sequence, str) else "int64_param"
        setattr(request.parameters["sequence_id"], kind, sequence)
        request.parameters["sequence_start"].bool_param = start
        request.parameters["sequence_end"].bool_param = end
    request.inputs.add(name="INPUT0", datatype="BYTES", shape=[1, len(tensor)])
    request.raw_input_contents.append(tensor)
    return request


def a_response(model="engine-echo", *, version="1", request_id="", tensor=b"\4\3\2\1"):
    """Return a response as an engine makes it."""
    response = Response(model_name=model, model_version=version, id=request_id)
    response.outputs.add(name="OUTPUT0", datatype="BYTES", shape=[1, len(tensor)])
    response.raw_output_contents.append(tensor)
    return response
