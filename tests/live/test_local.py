"""What a worker says of itself and its models, to stock clients, with a real Triton behind it."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import numpy as np
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tritonclient import grpc as triton_grpc
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

ROOT = Path(__file__).parents[2]
INT4 = [["a", "INT32", [-1, 4]], ["b", "INT32", [-1, 4]]]
SUMS = [["sum", "INT32", [-1, 4]], ["difference", "INT32", [-1, 4]]]
ROUTES = [
    {"model": "adder", "backends": [["engines", "add_sub", "", 1]]},
    {"model": "calc", "version": "2", "backends": [["engines", "add_sub", "1", 1]]},
    {"model": "calc", "version": "10", "backends": [["engines", "echo", "1", 1]]},
    {"model": "absent", "backends": [["engines", "missing", "", 1]]},
    {"model": "away", "backends": [["nobody", "any", "", 1]]},
    {"model": "tokens", "backends": [["engines", "repeat", "", 1]]},
]


class Worker:
    """A worker process, and what it is told."""

    def __init__(self, folder, triton):
        script = [sys.executable, str(ROOT / "tests" / "live" / "inprocess_worker.py"), folder]
        self._process = subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        models = [{"name": "add_sub", "inputs": INT4, "outputs": SUMS}, "echo", "missing", "repeat"]
        self.snapshot = {
            "pools": {
                "engines": {"endpoints": [triton], "models": models},
                "nobody": {"endpoints": ["127.0.0.1:1"], "models": ["any"]},
            },
            "routes": ROUTES,
        }
        self.address = f"127.0.0.1:{self.tell({})}"

    def send(self, said):
        self._process.stdin.write(json.dumps(said) + "\n")
        self._process.stdin.flush()

    def tell(self, said):
        self.send(said)
        return self._process.stdout.readline().strip()

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(20) == 0
        self._process.stdout.close()


@pytest.fixture(scope="module")
def started(triton: str) -> Iterator[Worker]:
    with TemporaryDirectory(prefix="fp") as folder:
        worker = Worker(folder, triton)
        worker.tell(worker.snapshot)
        yield worker
        worker.close()


@pytest.fixture
def worker(started: Worker) -> Worker:
    """Give the worker with the snapshot that the tests share."""
    started.tell(started.snapshot)
    return started


@pytest.fixture
def client(worker: Worker) -> Iterator[triton_grpc.InferenceServerClient]:
    with triton_grpc.InferenceServerClient(worker.address) as client:
        deadline = time.monotonic() + 10
        while not client.is_model_ready("adder"):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield client


def run(client, model, version=""):
    inputs = [triton_grpc.InferInput(name, [1, 4], "INT32") for name in "ab"]
    for tensor in inputs:
        tensor.set_data_from_numpy(np.ones((1, 4), np.int32))
    return client.infer(model, inputs, model_version=version)


def test_the_server_is_live_and_ready_and_says_what_it_is(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    said = client.get_server_metadata()
    assert said.name == "triton"
    assert "statistics" in said.extensions


def test_readiness_is_that_of_a_backend_and_an_unknown_model_has_none_as_in_triton(client, triton):
    assert client.is_model_ready("calc", "2")
    names = ("absent", "away", "add_sub", "nothing")
    assert [client.is_model_ready(name) for name in names] == [False] * 4
    with triton_grpc.InferenceServerClient(triton) as direct:
        assert direct.is_model_ready("nothing") is False


def test_metadata_is_the_engines_under_the_public_name(client, triton):
    with triton_grpc.InferenceServerClient(triton) as direct:
        expected = direct.get_model_metadata("add_sub")
    expected.name = "adder"
    assert client.get_model_metadata("adder") == expected
    assert client.get_model_metadata("calc").versions == ["2", "10"]
    assert client.get_model_metadata("calc", "2").versions == ["2"]


def test_a_configuration_is_the_engines_as_far_as_callers_may_see_it(client, triton):
    with triton_grpc.InferenceServerClient(triton) as direct:
        inner = direct.get_model_config("add_sub").config
    said = client.get_model_config("adder").config
    assert (said.name, said.instance_group[0].name) == ("adder", "adder_0")
    for field in ("input", "output", "max_batch_size", "dynamic_batching", "backend"):
        assert getattr(said, field) == getattr(inner, field)
    assert "add_sub" not in str(said)
    assert "model.py" not in str(said)
    assert client.get_model_config("tokens").config.model_transaction_policy.decoupled


def test_what_is_counted_stands_under_the_names_that_responses_carry(client):
    before = client.get_inference_statistics("adder").model_stats[0]
    response = run(client, "adder").get_response()
    after = client.get_inference_statistics("adder").model_stats[0]
    assert (after.name, after.version) == (response.model_name, response.model_version) == ("adder", "1")
    assert after.inference_count == before.inference_count + 1
    response = run(client, "calc", "2").get_response()
    (entry,) = client.get_inference_statistics("calc", "2").model_stats
    assert (entry.name, entry.version) == (response.model_name, response.model_version) == ("calc", "2")
    assert {(entry.name, entry.version) for entry in client.get_inference_statistics().model_stats} == {
        ("adder", "1"),
        ("calc", "2"),
        ("calc", "10"),
        ("tokens", "1"),
    }
    as_json = client.get_inference_statistics("adder", as_json=True)["model_stats"][0]
    assert int(as_json["inference_stats"]["success"]["count"]) > 0


def test_the_index_lists_the_routes(client):
    index = client.get_model_repository_index().models
    assert [(model.name, model.version, model.state) for model in index] == [
        ("adder", "", "READY"),
        ("calc", "2", "READY"),
        ("calc", "10", "READY"),
        ("absent", "", "UNAVAILABLE"),
        ("away", "", "UNAVAILABLE"),
        ("tokens", "", "READY"),
    ]


@pytest.mark.parametrize(
    ("model", "code", "reason"),
    [
        ("nothing", "NOT_FOUND", "MODEL_NOT_FOUND"),
        ("add_sub", "NOT_FOUND", "MODEL_NOT_FOUND"),
        ("absent", "NOT_FOUND", "ENGINE_ERROR"),
        ("away", "UNAVAILABLE", "POOL_UNAVAILABLE"),
    ],
)
def test_errors_have_a_type_and_no_inner_name(worker, client, model, code, reason):
    with grpc.insecure_channel(worker.address) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.ModelMetadata(service_pb2.ModelMetadataRequest(name=model), timeout=10)
    error = caught.value
    assert error.code().name == code
    assert "missing" not in error.details()
    trailers = dict(error.trailing_metadata())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    assert error_details_pb2.ErrorInfo.FromString(status.details[0].value).reason == reason
    assert trailers["x-fourplane-outcome"] == reason


def test_callers_without_a_name_can_probe_and_no_more_where_the_runtime_serves_none(worker, client):
    worker.tell(worker.snapshot | {"anonymous": False})
    assert client.is_server_live()
    assert client.is_server_ready()
    for ask in (client.get_server_metadata, client.get_model_repository_index, client.get_inference_statistics):
        with pytest.raises(InferenceServerException, match="no anonymous callers"):
            ask()
    with pytest.raises(InferenceServerException, match="no anonymous callers"):
        client.is_model_ready("adder")


@pytest.mark.parametrize("service", ["", "inference.GRPCInferenceService"])
def test_a_stock_health_client_finds_the_worker_serving(worker, service):
    with grpc.insecure_channel(worker.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        assert stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status == 1
        watching = stub.Watch(health_pb2.HealthCheckRequest(service=service), timeout=5)
        assert next(watching).status == 1
        watching.cancel()


def test_grpcurl_lists_and_describes_what_is_served(worker):
    tool = [str(ROOT / "tools" / "build.sh"), "--path", "grpcurl"]
    program = subprocess.run(tool, check=True, capture_output=True, text=True, timeout=60).stdout.strip()
    assert Path(program).exists(), "run `make tools`"

    def grpcurl(*arguments):
        done = subprocess.run(
            [program, "-plaintext", *arguments], check=False, capture_output=True, text=True, timeout=60
        )
        return done.stdout + done.stderr

    assert grpcurl(worker.address, "list").split() == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "inference.GRPCInferenceService",
    ]
    assert "rpc ModelStreamInfer" in grpcurl(worker.address, "describe", "inference.GRPCInferenceService")
    called = grpcurl("-d", '{"name": "nothing"}', worker.address, "inference.GRPCInferenceService/ModelMetadata")
    assert "MODEL_NOT_FOUND" in called


def test_a_draining_worker_tells_watchers_and_ends_their_watch(triton):
    with TemporaryDirectory(prefix="fp") as folder:
        worker = Worker(folder, triton)
        worker.tell(worker.snapshot)
        with grpc.insecure_channel(worker.address) as channel:
            watching = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=20)
            assert next(watching).status == 1
            begun = time.monotonic()
            worker.send({"drain": 15})
            assert next(watching).status == 2
            with pytest.raises(grpc.RpcError) as caught:
                next(watching)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            worker.close()
            assert time.monotonic() - begun < 10  # a watch doesn't use up the grace
