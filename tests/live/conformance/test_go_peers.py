"""Clients that are not grpcio: grpcurl, which learns everything by reflection, and a client of grpc-go."""

import base64
import json
import subprocess
from pathlib import Path

import numpy
import pytest

BUILD = Path(__file__).parents[3] / "tools" / "build.sh"
VALUES = numpy.array([1.5, 2.5], numpy.float32).tobytes()
MIRROR = ["-model", "mirror", "-input", f"in_fp32:FP32:2:{VALUES.hex()}"]


def tool(name):
    path = subprocess.run([BUILD, "--path", name], check=True, capture_output=True, text=True).stdout.strip()
    assert Path(path).exists(), f"{name} is not built: `make tools` builds it"
    return path


def finished(*command):
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="session")
def grpcurl(worker):
    path = tool("grpcurl")

    def run(*arguments, fails=False):
        done = finished(path, "-plaintext", *arguments)
        assert bool(done.returncode) == fails, done.stderr
        return done.stderr if fails else done.stdout

    return run


@pytest.fixture(scope="session")
def goclient(worker):
    path = tool("goclient")

    def run(*arguments):
        done = finished(path, "-addr", worker, *arguments)
        assert done.returncode in (0, 1), done.stderr
        *responses, end = [json.loads(line) for line in done.stdout.splitlines()]
        return responses, end

    return run


def test_grpcurl_lists_what_is_served(grpcurl, worker):
    services = set(grpcurl(worker, "list").split())
    assert {"inference.GRPCInferenceService", "grpc.health.v1.Health"} <= services
    methods = grpcurl(worker, "list", "inference.GRPCInferenceService")
    assert "inference.GRPCInferenceService.ModelStreamInfer" in methods.split()


def test_grpcurl_describes_services_and_messages(grpcurl, worker):
    assert "rpc ModelInfer (" in grpcurl(worker, "describe", "inference.GRPCInferenceService")
    assert "model_name" in grpcurl(worker, "describe", "inference.ModelInferRequest")


def test_grpcurl_sees_health(grpcurl, worker):
    assert json.loads(grpcurl(worker, "grpc.health.v1.Health/Check")) == {"status": "SERVING"}


def test_grpcurl_infers_in_json(grpcurl, worker):
    tensor = {"name": "in_fp32", "datatype": "FP32", "shape": [2], "contents": {"fp32_contents": [1.5, 2.5]}}
    said = json.dumps({"model_name": "mirror", "id": "by hand", "inputs": [tensor]})
    answer = json.loads(grpcurl("-d", said, worker, "inference.GRPCInferenceService/ModelInfer"))
    assert (answer["model_name"], answer["id"]) == ("mirror", "by hand")
    assert base64.b64decode(answer["raw_output_contents"][0]) == VALUES


def test_grpcurl_streams_in_json(grpcurl, worker):
    tensor = {"name": "values", "datatype": "INT32", "shape": [2], "contents": {"int_contents": [4, 5]}}
    said = json.dumps({"model_name": "burst", "inputs": [tensor]})
    answers = grpcurl("-d", said + said, worker, "inference.GRPCInferenceService/ModelStreamInfer")
    assert answers.count('"model_name": "burst"') == 4


def test_grpcurl_shows_typed_errors(grpcurl, worker):
    said = json.dumps({"model_name": "nobody"})
    shown = grpcurl("-d", said, worker, "inference.GRPCInferenceService/ModelInfer", fails=True)
    assert "Code: NotFound" in shown and "MODEL_NOT_FOUND" in shown and "fourplane.dev" in shown


def test_grpc_go_infers(goclient):
    (answer,), end = goclient("infer", *MIRROR, "-id", "g")
    assert end["code"] == "OK"
    assert (answer["response"]["model_name"], answer["response"]["id"]) == ("mirror", "g")
    assert base64.b64decode(answer["response"]["raw_output_contents"][0]) == VALUES
    assert end["trailers"]["x-fourplane-outcome"] == ["OK"]


def test_grpc_go_infers_with_gzip_many_times_on_one_connection(goclient):
    lines, _ = goclient("infer", *MIRROR, "-gzip", "-repeat", "50")
    assert [line.get("code", "OK") for line in lines] == ["OK"] * 99


def test_grpc_go_streams(goclient):
    answers, end = goclient("stream", *MIRROR, "-id", "s", "-count", "5")
    assert end["code"] == "OK"
    assert [answer["response"]["id"] for answer in answers] == [f"s-{number}" for number in range(5)]


def test_grpc_go_streams_a_decoupled_model_and_sees_its_end(goclient):
    values = numpy.arange(3, dtype=numpy.int32).tobytes().hex()
    arguments = ["-model", "burst", "-input", f"values:INT32:3:{values}"]
    answers, end = goclient("stream", *arguments, "-param", "triton_enable_empty_final_response=b:true")
    finals = [answer["response"]["parameters"]["triton_final_response"] for answer in answers]
    assert (end["code"], finals) == ("OK", [False, False, False, True])


def test_grpc_go_cancels_a_stream(goclient):
    values = numpy.arange(100, dtype=numpy.int32).tobytes().hex()
    arguments = ["-model", "burst", "-input", f"values:INT32:100:{values}", "-input", "delay_ms:UINT32:1:32000000"]
    answers, end = goclient("stream", *arguments, "-stop-after", "2")
    assert end["code"] == "Canceled" and 2 <= len(answers) < 100


def test_grpc_go_sees_health(goclient):
    (answer,), end = goclient("health", "-service", "inference.GRPCInferenceService")
    assert (answer["status"], end["code"]) == ("SERVING", "OK")
    _, end = goclient("health", "-service", "nobody")
    assert end["code"] == "NotFound"


def test_grpc_go_runs_into_its_deadline(goclient):
    seconds = numpy.array([2.0], numpy.float32).tobytes().hex()
    _, end = goclient("infer", "-model", "patience", "-input", f"seconds:FP32:1:{seconds}", "-deadline", "200ms")
    assert end["code"] == "DeadlineExceeded"


@pytest.mark.parametrize(
    ("model", "code", "reason", "retry"),
    [("nobody", "NotFound", "MODEL_NOT_FOUND", None), ("unplugged", "Unavailable", "POOL_UNAVAILABLE", 1000)],
)
def test_grpc_go_decodes_typed_errors(goclient, model, code, reason, retry):
    _, end = goclient("infer", "-model", model)
    details = {detail["type"]: detail for detail in end["details"]}
    assert end["code"] == code
    info = details["google.rpc.ErrorInfo"]
    assert (info["reason"], info["domain"]) == (reason, "fourplane.dev")
    assert details.get("google.rpc.RetryInfo", {}).get("retry_delay_ms") == retry
