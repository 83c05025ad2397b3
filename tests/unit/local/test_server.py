"""The local server: who may call it, and what it says of itself."""

import asyncio
import logging
import socket
import stat

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from local_building import failure_of

from fourplane_worker.local.server import LocalServices
from inference import grpc_service_pb2 as pb

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("x-fourplane-secret", ""),),
        (("x-fourplane-secret", "guessed"),),
        (("x-fourplane-secret", "only the front knows"), ("x-fourplane-secret", "guessed")),
    ],
)
async def test_a_call_without_the_secret_is_refused_and_the_secret_is_not_logged(worker, caplog, metadata):
    caplog.set_level(logging.DEBUG)
    code, _, reason = await failure_of(worker.ask("ServerLive", metadata=metadata))
    assert (code, reason) == ("UNAUTHENTICATED", "CALLER_UNAUTHENTICATED")
    assert "only the front knows" not in caplog.text


async def test_the_socket_lies_in_a_folder_of_this_user_alone(worker):
    assert stat.S_IMODE(worker.path.parent.stat().st_mode) == 0o700


async def test_a_socket_that_an_earlier_run_left_is_replaced_and_another_file_is_not(worker, tmp_path):
    left = worker.path.with_name("left.sock")
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(left))
    services = LocalServices(worker.front, str(left), "x")
    await services.start()
    await services.stop()
    worker.path.with_name("file").write_text("precious")
    with pytest.raises(FileExistsError, match="no socket"):
        await LocalServices(worker.front, str(worker.path.with_name("file")), "x").start()


async def test_a_method_that_nobody_serves_is_refused_with_a_type(worker):
    code, message, reason = await failure_of(worker.ask("RepositoryModelLoad"))
    assert (code, reason) == ("UNIMPLEMENTED", "METHOD_NOT_SERVED")
    assert "RepositoryModelLoad" in message


@pytest.mark.parametrize("method", ["Check", "Watch"])
async def test_bytes_that_are_no_message_are_refused_with_a_type(worker, method):
    path = f"/grpc.health.v1.Health/{method}"
    call = worker.unary(path, b"\xff") if method == "Check" else worker.watch(path, b"\xff").read()
    code, _, reason = await failure_of(call)
    assert (code, reason) == ("INVALID_ARGUMENT", "MESSAGE_MALFORMED")


async def test_a_request_above_the_runtimes_bound_is_refused_with_a_type(worker, serving):
    code, message, reason = await failure_of(worker.ask("ServerLive", b"\x0a\x80\x80\x04" + bytes(1 << 16)))
    assert (code, reason) == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE")
    assert "maxRequestBytes allows 65536" in message


async def test_a_worker_is_live_always_and_ready_with_a_snapshot(worker, planner):
    assert pb.ServerLiveResponse.FromString(await worker.ask("ServerLive")).live
    assert not pb.ServerReadyResponse.FromString(await worker.ask("ServerReady")).ready
    worker.front.activate(planner)
    assert pb.ServerReadyResponse.FromString(await worker.ask("ServerReady")).ready


async def test_the_server_is_called_as_stock_clients_expect_and_names_what_it_passes_on(worker, serving):
    said = pb.ServerMetadataResponse.FromString(await worker.ask("ServerMetadata"))
    assert said.name == "triton"
    assert {"sequence", "statistics", "model_configuration"} <= set(said.extensions)
    assert not {"system_shared_memory", "cuda_shared_memory", "trace", "logging"} & set(said.extensions)


@pytest.mark.parametrize("service", ["", "inference.GRPCInferenceService"])
async def test_health_follows_the_snapshot(worker, planner, service):
    request = health_pb2.HealthCheckRequest(service=service).SerializeToString()
    assert health_pb2.HealthCheckResponse.FromString(await worker.unary(CHECK, request)).status == NOT_SERVING
    worker.front.activate(planner)
    assert health_pb2.HealthCheckResponse.FromString(await worker.unary(CHECK, request)).status == SERVING


async def test_health_of_an_unknown_service_is_not_found(worker):
    request = health_pb2.HealthCheckRequest(service="other").SerializeToString()
    code, _, _ = await failure_of(worker.unary(CHECK, request))
    assert code == "NOT_FOUND"


async def test_every_watcher_hears_each_change_and_the_end(worker, planner):
    async def listen(watching):
        answers = [await watching.read() for _ in range(3)]
        heard = [health_pb2.HealthCheckResponse.FromString(answer).status for answer in answers]
        code, _, reason = await failure_of(watching.read())
        return heard, code, reason

    first, second = worker.watch(WATCH), worker.watch(WATCH)
    gone = worker.watch(WATCH)
    listening = [asyncio.create_task(listen(watching)) for watching in (first, second)]
    await gone.read()
    gone.cancel()
    await asyncio.sleep(0.2)
    worker.front.activate(planner)
    await asyncio.sleep(0.3)
    worker.front.draining = True
    expected = ([NOT_SERVING, SERVING, NOT_SERVING], "UNAVAILABLE", "WORKER_DRAINING")
    assert await asyncio.gather(*listening) == [expected, expected]


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
async def test_reflection_lists_what_is_served_and_defines_it(worker, version):
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="inference.GRPCInferenceService"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=f"grpc.reflection.{version}.ServerReflection"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="google.rpc.ErrorInfo"),
        reflection_pb2.ServerReflectionRequest(file_by_filename="fourplane/v1/snapshot.proto"),
    ]
    call = worker.talk(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        (request.SerializeToString() for request in requests),
    )
    answers = [reflection_pb2.ServerReflectionResponse.FromString(answer) async for answer in call]
    assert [service.name for service in answers[0].list_services_response.service] == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "inference.GRPCInferenceService",
    ]
    assert all(answer.file_descriptor_response.file_descriptor_proto for answer in answers[1:4])
    assert answers[4].error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
