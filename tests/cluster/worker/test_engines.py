"""Engines are found by the EndpointSlices of their Services, ready ones only, and kept while nobody tells otherwise."""

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from system_engine import Engine
from system_runtime import a_route, a_runtime
from system_worker import eventually
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from fourplane_compiler.workloads.names import pool_service

pytestmark = pytest.mark.timeout(180)
MANAGED = pool_service("shop", "main")


def own_address(family, elsewhere):
    """Return an address of this machine that is not a loopback, which slices can't hold; nothing is sent."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((elsewhere, 9))
        except OSError:
            pytest.skip("this machine has no address beside its loopback")
        return probe.getsockname()[0]


@pytest.fixture
def host():
    return own_address(socket.AF_INET, "198.51.100.1")


@pytest.fixture
def engines(host):
    with Engine("one", host=host) as one, Engine("two", host=host) as two:
        yield one, two


def an_endpoint(host, pod="", **conditions):
    return {"addresses": [host], "conditions": {"ready": True} | conditions} | (
        {"targetRef": {"kind": "Pod", "name": pod, "uid": pod}} if pod else {}
    )


def managed(model="echo"):
    return a_runtime({"main": ([], ["echo"])}), a_route(model, ("main", "echo"))


def of_a_service(name, port):
    runtime = a_runtime({"main": ([], ["echo"])})
    (pool,) = runtime["spec"]["pools"]
    pool["triton"] = {"service": {"name": name, "port": port}, "models": [{"name": "echo"}]}
    return runtime, a_route("echo", ("main", "echo"))


def found(worker):
    path = worker.state.folder.endpoints
    return json.loads(path.read_text())["pools"].get("main") if path.exists() else None


def answers(worker, model="echo"):
    """Return which engine answers."""
    with grpc.insecure_channel(worker.address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        said = stub.ModelInfer(pb.ModelInferRequest(model_name=model), timeout=20)
        return said.parameters["engine"].string_param


def test_a_managed_pool_is_reached_and_followed_when_it_moves(acting, follow, host, engines):
    one, two = engines
    acting.slices(MANAGED, an_endpoint(host), port=one.port)
    worker = follow()
    worker.acknowledges(acting.publish(*managed()))
    worker.until(lambda status: status["state"] == "Ready", "the engine is reached")
    assert answers(worker) == "one"
    acting.slices(MANAGED, an_endpoint(host), port=two.port)
    eventually(lambda: answers(worker), "the other one answers", lambda name: name == "two")


def test_engines_that_are_not_ready_or_about_to_go_get_nothing(acting, follow):
    acting.slices(
        MANAGED,
        an_endpoint("192.0.2.10"),
        an_endpoint("192.0.2.11", ready=False),
        an_endpoint("192.0.2.12", terminating=True, serving=True),
        {"addresses": ["192.0.2.13"]},
        port=8001,
    )
    worker = follow()
    worker.acknowledges(acting.publish(*managed()))
    eventually(lambda: found(worker), "ready ones are found", lambda got: got == ["192.0.2.10:8001", "192.0.2.13:8001"])


def test_a_service_of_someone_else_is_found_by_its_port(acting, follow):
    acting.slices("kserve", an_endpoint("2001:db8::7"), port=9000, family="IPv6", name="grpc")
    worker = follow()
    worker.acknowledges(acting.publish(*of_a_service("kserve", 80)))
    eventually(lambda: found(worker), "the only port is taken", lambda got: got == ["[2001:db8::7]:9000"])


def test_a_pool_without_a_service_is_said(acting, follow):
    worker = follow()
    worker.acknowledges(acting.publish(*of_a_service("nowhere", 80)))
    status = worker.until(lambda status: status["follows"]["services"], "the service is followed")
    assert status["follows"]["services"][0]["service"] == "nowhere:80"
    assert status["follows"]["services"][0]["problem"] == "Service nowhere has no ready endpoint"


def test_a_new_pool_has_its_engines_before_the_first_request_for_it(acting, follow, host, engines):
    one, two = engines
    second = pool_service("shop", "second")
    acting.slices(MANAGED, an_endpoint(host), port=one.port)
    acting.slices(second, an_endpoint(host), port=two.port)
    worker = follow()
    worker.acknowledges(acting.publish(*managed()))
    runtime = a_runtime({"main": ([], ["echo"]), "second": ([], ["echo"])})
    worker.acknowledges(acting.publish(runtime, a_route("echo", ("second", "echo"))))
    assert answers(worker) == "two"
    worker.acknowledges(acting.publish(*managed()))
    eventually(
        lambda: json.loads(worker.state.folder.endpoints.read_text())["pools"],
        "the pool that is gone is left",
        lambda pools: list(pools) == ["main"],
    )
    assert answers(worker) == "one"


def test_engines_are_kept_over_a_cold_start_without_an_api_server(own, own_pod, follow, host, engines):
    one, _ = engines
    own.slices(MANAGED, an_endpoint(host), port=one.port)
    worker = follow(there=(own, own_pod))
    worker.acknowledges(own.publish(*managed()))
    worker.until(lambda status: status["state"] == "Ready", "the engine is reached")
    own.cluster.api_server.kill()
    worker.end()
    worker.start()
    worker.until(lambda status: status["state"] == "Ready", "the engine is reached again")
    assert answers(worker) == "one"


def test_no_request_fails_while_the_api_server_goes_and_comes_back(own, own_pod, follow, host, engines):
    one, _ = engines
    own.slices(MANAGED, an_endpoint(host), port=one.port)
    worker = follow("--workers", "2", there=(own, own_pod))
    worker.acknowledges(own.publish(*managed()))
    worker.until(lambda status: status["state"] == "Ready", "the engine is reached")
    enough = threading.Event()
    with ThreadPoolExecutor(2) as callers:
        calls = [callers.submit(call_until, worker, enough) for _ in range(2)]
        own.cluster.api_server.kill()
        worker.until(lambda status: status["follows"]["apiServer"] == "absent", "the absence is noticed")
        own.cluster.api_server.start()
        worker.acknowledges(own.publish(*managed(), a_route("more", ("main", "echo"))))
        enough.set()
        answered = [each.result() for each in calls]
    assert all(number > 10 for number in answered)


def call_until(worker, enough):
    """Ask again and again, each answer a good one; return how many there were."""
    number = 0
    with grpc.insecure_channel(worker.address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        while not enough.wait(0.01):
            assert stub.ModelInfer(pb.ModelInferRequest(model_name="echo"), timeout=20).model_name == "echo"
            number += 1
    return number
