"""What Triton does badly on the wire, provoked through the worker: it must neither fail nor pass it on."""

import re
import struct

import grpc
import pytest
from conformance_calls import Peer, floats, request, word
from tritonclient.grpc import service_pb2 as pb

ADMINISTRATION = {
    "RepositoryModelLoad": pb.RepositoryModelLoadRequest(model_name="echo"),
    "RepositoryModelUnload": pb.RepositoryModelUnloadRequest(model_name="echo"),
    "SystemSharedMemoryStatus": pb.SystemSharedMemoryStatusRequest(),
    "SystemSharedMemoryRegister": pb.SystemSharedMemoryRegisterRequest(name="x", key="/x", byte_size=8),
    "SystemSharedMemoryUnregister": pb.SystemSharedMemoryUnregisterRequest(),
    "CudaSharedMemoryStatus": pb.CudaSharedMemoryStatusRequest(),
    "CudaSharedMemoryRegister": pb.CudaSharedMemoryRegisterRequest(name="x", byte_size=8),
    "CudaSharedMemoryUnregister": pb.CudaSharedMemoryUnregisterRequest(),
    "TraceSetting": pb.TraceSettingRequest(),
    "LogSettings": pb.LogSettingsRequest(),
}


@pytest.fixture(autouse=True)
def alive(peers):
    yield
    assert peers.direct.infer(floats("echo", [1.0])).code == "OK"
    assert peers.proxied.infer(floats("mirror", [1.0])).code == "OK"


@pytest.mark.parametrize("method", ADMINISTRATION)
def test_administration_is_refused(peers, method):
    answer = peers.proxied.call(method, ADMINISTRATION[method])
    assert (answer.code, answer.reason) == ("PERMISSION_DENIED", "ADMINISTRATION_REFUSED")


def test_the_load_that_aborts_triton_does_not_reach_it(peers):
    message = pb.RepositoryModelLoadRequest(model_name="x")
    message.parameters["file:1/model.py"].bytes_param = b"x" * 256
    assert peers.proxied.call("RepositoryModelLoad", message).reason == "ADMINISTRATION_REFUSED"


@pytest.mark.parametrize("method", ["Unknown", "/inference.GRPCInferenceService2/ModelInfer", "/x"])
def test_a_method_that_nobody_serves_is_unimplemented(peers, method):
    answer = peers.proxied.call(method, b"")
    assert (answer.code, answer.reason) == ("UNIMPLEMENTED", "METHOD_NOT_SERVED")


def test_the_error_header_that_makes_triton_fail_is_refused(peers):
    metadata = (("triton_grpc_error", "true"),)
    answer = peers.proxied.stream([floats("nobody", [1.0])], metadata=metadata)
    assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", "METADATA_MALFORMED")


@pytest.mark.parametrize("value", ["True", "1", "TRUE", "true,false"])
def test_no_spelling_of_the_error_header_changes_how_errors_come(peers, value):
    answer = peers.proxied.stream([word("mishap", "error")], metadata=(("triton_grpc_error", value),))
    if answer.code == "OK":
        assert answer.responses[0].error_message
    else:
        assert answer.reason == "METADATA_MALFORMED"


def test_a_second_error_header_is_refused_too(peers):
    metadata = (("triton_grpc_error", "false"), ("triton_grpc_error", "true"))
    answer = peers.proxied.stream([word("mishap", "error")], metadata=metadata)
    assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", "METADATA_MALFORMED")


@pytest.mark.parametrize(
    "name", ["mirror\0", "mirror\0x", "\0mirror", "echo\0", "echo", "Mirror", "mirror ", "../mirror"]
)
def test_only_a_routes_exact_name_finds_it(peers, name):
    answer = peers.proxied.infer(floats(name, [1.0]))
    assert (answer.code, answer.reason) == ("NOT_FOUND", "MODEL_NOT_FOUND")
    streamed = peers.proxied.stream([floats(name, [1.0], id="x")])
    assert streamed.responses[0].error_message == answer.message


@pytest.mark.parametrize("size", [256, 4000])
def test_a_long_model_name_is_refused_and_cut_in_the_error(peers, size):
    answer = peers.proxied.infer(floats("n" * size, [1.0]))
    assert answer.reason == "MODEL_NOT_FOUND" and len(answer.message) < 300


@pytest.mark.parametrize("size", [5000, 100_000])
def test_a_model_name_that_is_too_long_is_malformed(peers, size):
    answer = peers.proxied.infer(floats("n" * size, [1.0]))
    assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", "MESSAGE_MALFORMED")


def test_no_model_name_is_told(peers):
    answer = peers.proxied.infer(floats("", [1.0]))
    assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", "MODEL_NAME_MISSING")


QUOTED = [("in_" + "x" * 3000, "INVALID_ARGUMENT"), ("in_" + "x" * 20_000, "RESOURCE_EXHAUSTED")]


@pytest.mark.parametrize(("name", "directly"), [*QUOTED, ("ü" * 4000, "RESOURCE_EXHAUSTED")])
def test_an_error_that_quotes_a_long_name_reaches_the_caller(peers, name, directly):
    # Above 8 KiB of trailers a stock client of Triton never sees the error.
    assert peers.direct.infer(floats("echo", [1.0], name)).code == directly
    proxied = peers.proxied.infer(floats("mirror", [1.0], name))
    assert proxied.code == "INVALID_ARGUMENT" and proxied.reason == "ENGINE_ERROR"
    assert name[:400] in proxied.message


@pytest.mark.parametrize("raw", [b"\xff\xff\xff", b"\x0a\xff", b"\x0a\x06mirror\x2a\x7f", b"\x0a\x06mirror\x0b"])
def test_a_message_that_does_not_parse_never_reaches_triton(peers, raw):
    answer = peers.proxied.call("ModelInfer", raw)
    assert (answer.code, answer.reason) == ("INVALID_ARGUMENT", "MESSAGE_MALFORMED")


def test_a_message_that_only_triton_finds_malformed_ends_that_call_alone(peers):
    raw = floats("mirror", [1.0]).SerializeToString() + b"\x2a\x02\x0a\x7f"  # an input whose name is cut off inside
    answers = [peers.proxied.call("ModelInfer", raw) for _ in range(20)]
    assert {each.code for each in answers} == {"INTERNAL"} and {each.reason for each in answers} == {"ENGINE_ERROR"}


def test_a_second_model_name_behind_the_tensors_is_refused(peers):
    raw = floats("mirror", [1.0]).SerializeToString() + b"\x0a\x07failing"
    assert peers.proxied.call("ModelInfer", raw).reason == "MESSAGE_MALFORMED"


def test_a_second_model_name_before_the_tensors_is_the_one_that_is_routed(peers):
    raw = b"\x0a\x07failing" + floats("mirror", [1.0]).SerializeToString()
    answer = peers.proxied.call("ModelInfer", raw, pb.ModelInferResponse)
    assert answer.code == "OK" and answer.responses[0].model_name == "mirror"


def test_a_gzip_bomb_is_stopped_at_the_workers_bound(peers):
    bomb = request("mirror", ("in_uint8", "UINT8", [100 << 20], bytes(100 << 20)))
    answer = peers.proxied.infer(bomb, compression=grpc.Compression.Gzip)
    assert (answer.code, answer.reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")


@pytest.mark.parametrize("key", ["with_underscore", "with-dash", "with.dot", "x0"])
def test_metadata_of_any_legal_name_is_taken(peers, key):
    assert peers.proxied.infer(floats("mirror", [1.0]), metadata=((key, "value"),)).code == "OK"


def test_binary_metadata_is_taken(peers):
    metadata = (("data-bin", bytes(range(256))), ("data-bin", b""))
    assert peers.proxied.infer(floats("mirror", [1.0]), metadata=metadata).code == "OK"


def test_trailers_say_where_a_request_went(peers):
    answer = peers.proxied.infer(floats("mirror", [1.0]))
    assert re.fullmatch("sha256:[0-9a-f]{64}", answer.trailers.pop("x-fourplane-digest"))
    assert {key: value for key, value in answer.trailers.items() if key.startswith("x-fourplane-")} == {
        "x-fourplane-outcome": "OK",
        "x-fourplane-route": "default/mirror",
        "x-fourplane-pool": "engine",
        "x-fourplane-backend": "echo",
    }


def test_headers_and_trailers_of_triton_are_passed_on(peers):
    direct, proxied = peers.direct.infer(floats("echo", [1.0])), peers.proxied.infer(floats("mirror", [1.0]))
    assert set(direct.headers) - set(proxied.headers) <= {"accept-encoding", "grpc-accept-encoding"}
    assert set(direct.trailers) <= set(proxied.trailers)


def test_versions_of_a_route_are_the_callers_versions(peers):
    seventh = peers.proxied.infer(floats("edition", [1.0], model_version="7"))
    assert (seventh.responses[0].model_name, seventh.responses[0].model_version) == ("edition", "7")
    newest = peers.proxied.infer(request("edition", ("x", "INT32", [1], bytes(4))))
    assert (newest.responses[0].model_name, newest.responses[0].model_version) == ("edition", "8")
    unknown = peers.proxied.infer(floats("edition", [1.0], model_version="9"))
    assert unknown.reason == "MODEL_NOT_FOUND"


def test_weights_share_a_routes_requests(peers):
    went = [peers.proxied.infer(floats("shared", [1.0])).trailers["x-fourplane-backend"] for _ in range(200)]
    assert set(went) == {"echo:1", "echo"} and went.count("echo:1") > went.count("echo")


def test_a_share_without_a_target_is_an_error(peers):
    answer = peers.proxied.infer(floats("orphan", [1.0]))
    assert (answer.code, answer.reason) == ("UNAVAILABLE", "BACKEND_UNRESOLVED")


def test_a_pool_that_cannot_be_reached_is_an_error_that_says_when_to_retry(peers):
    answer = peers.proxied.infer(floats("unplugged", [1.0]))
    assert (answer.code, answer.reason) == ("UNAVAILABLE", "POOL_UNAVAILABLE")
    assert answer.details["RetryInfo"].retry_delay.ToMilliseconds() == 1000
    streamed = peers.proxied.stream([floats("unplugged", [1.0], id="x"), floats("mirror", [1.0], id="y")])
    assert [bool(each.error_message) for each in streamed.responses] == [True, False]


def test_narrow_bounds_are_kept(small_worker):
    with Peer(small_worker) as peer:
        big, fits = [1.0] * 2000, [1.0] * 900
        assert peer.infer(floats("mirror", fits)).code == "OK"
        answer = peer.infer(floats("mirror", big))
        assert (answer.code, answer.reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
        answer = peer.infer(request("volume", ("size", "INT64", [1], struct.pack("<q", 100_000))))
        assert (answer.code, answer.reason) == ("RESOURCE_EXHAUSTED", "RESPONSE_TOO_LARGE")
        answer = peer.infer(floats("mirror", [1.0]), metadata=(("x-large", "v" * 5000),))
        assert (answer.code, answer.reason) == ("RESOURCE_EXHAUSTED", "METADATA_TOO_LARGE")
        bomb = floats("mirror", [0.0] * 100_000)
        answer = peer.infer(bomb, compression=grpc.Compression.Gzip)
        assert (answer.code, answer.reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
        assert peer.stream([bomb], compression=grpc.Compression.Gzip).reason == "MESSAGE_TOO_LARGE"
        assert peer.infer(floats("mirror", fits)).code == "OK"
