"""What callers send stays out of logs, metrics, spans and files."""

import base64
import socket
from contextlib import ExitStack

import grpc
import pytest
from conformance_calls import Peer, request
from system_collector import Collector
from system_engine import BROKEN
from system_runtime import a_route, a_runtime
from tritonclient.grpc import service_pb2 as pb

MARK = "xyzzyplugh"
"""Stands in everything that a caller says, and nowhere else."""
TRACE, PARENT = "8f13d9c2f90e4be5a7e37e52ca3d314b", "8d2ee7cc1bc14cb0"
SAYING = (
    ("authorization", f"Bearer {MARK}"),
    ("cookie", f"session={MARK}"),
    ("proxy-authorization", MARK),
    ("x-api-key", MARK),
    (f"x-{MARK}", "1"),
    ("x-mark-bin", MARK.encode()),
    ("x-fourplane-secret", MARK),
    ("tracestate", f"vendor={MARK}"),
    ("traceparent", f"00-{TRACE}-{PARENT}-01"),
)


def marked(model, **more):
    """Return a request that says the mark wherever it can."""
    raw = MARK.encode()
    message = request(model, (f"in_{MARK}", "BYTES", [1], len(raw).to_bytes(4, "little") + raw), id=MARK, **more)
    message.parameters[MARK].string_param = MARK
    message.parameters["sequence_id"].string_param = MARK
    message.parameters["sequence_start"].bool_param = True
    message.outputs.add(name=f"out_{MARK}")
    return message


@pytest.fixture
def collector():
    with Collector().running() as opened:
        yield opened


@pytest.fixture
def worker(state, engine, triton, start, collector):
    state.publish(
        a_runtime(
            {
                "main": ([engine.address], ["left", BROKEN]),
                "real": ([triton], ["echo"]),
                "gone": (["127.0.0.1:1"], ["a"]),
            },
            limits={"maxRequestBytes": 100_000},
            tracing={"endpoint": collector.url},
        ),
        a_route("steady", ("main", "left")),
        a_route("broken", ("main", BROKEN)),
        a_route("mirror", ("real", "echo")),
        a_route("unreachable", ("gone", "a")),
    )
    worker = start("--workers", "2", "--log-level", "debug")
    worker.until(lambda status: status.get("ready"), "it serves")
    return worker


def well_formed(peer):
    """Make calls that end in many ways; returns how."""
    models = ("steady", "broken", "mirror", "unreachable", MARK)
    for model in models:
        yield peer.infer(marked(model), metadata=SAYING)
        yield peer.stream([marked(model), marked(model)], metadata=SAYING)
    yield peer.infer(marked("steady", model_version=MARK), metadata=SAYING)
    yield peer.infer(marked("steady"), metadata=[*SAYING, ("x-big", MARK * 3000)])
    yield peer.infer(request("steady", ("x", "BYTES", [1], MARK.encode() * 20_000)), metadata=SAYING)
    yield peer.call("ModelMetadata", pb.ModelMetadataRequest(name=MARK), metadata=SAYING)
    yield peer.call("ModelConfig", pb.ModelConfigRequest(name=MARK), metadata=SAYING)
    yield peer.call("RepositoryModelLoad", pb.RepositoryModelLoadRequest(model_name=MARK), metadata=SAYING)
    yield peer.call(f"/{MARK}.Service/{MARK}", b"", metadata=SAYING)
    yield peer.call("/grpc.health.v1.Health/Check", b"\n\x0a" + MARK.encode(), metadata=SAYING)
    for broken in (MARK.encode(), b"\x0a\x7f" + MARK.encode(), b"\x0a\x0a" + MARK.encode() + b"\xff" * 20):
        yield peer.call("ModelInfer", broken, metadata=SAYING)
        yield peer.call("ModelMetadata", broken, metadata=SAYING)
        yield peer.call("ModelInfer", broken, metadata=SAYING, compression=grpc.Compression.Gzip)


def malformed(port):
    """Send what is no HTTP/2, or is until the mark comes."""
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    settings = b"\0\0\0\4\0\0\0\0\0"
    raw = MARK.encode()
    head = len(raw).to_bytes(3, "big")
    for data in (
        raw * 10,
        b"GET /" + raw + b" HTTP/1.1\r\nhost: " + raw + b"\r\n\r\n",
        preface + raw * 10,
        preface + settings + raw * 10,
        preface + settings + head + b"\1\5\0\0\0\1" + raw,
        preface + settings + head + b"\0\1\0\0\0\7" + raw,
        preface + settings + head + b"\7\0\0\0\0\0" + raw,
    ):
        with socket.create_connection(("127.0.0.1", port)) as connection, ExitStack() as broken:
            broken.callback(lambda: None)
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(1 << 16):
                    pass
            except ConnectionResetError:
                pass


def test_no_mark_of_a_caller_is_in_any_log_metric_span_or_file(worker, state, collector, tmp_path):
    with Peer(worker.address, ("grpc.primary_user_agent", MARK)) as peer:
        answers = list(well_formed(peer))
    assert {answer.code for answer in answers} >= {
        "OK", "INTERNAL", "UNAVAILABLE", "NOT_FOUND", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED", "INVALID_ARGUMENT",
    }  # fmt: skip
    malformed(worker.port)
    metrics = worker.metrics()
    assert metrics.value("fourplane_connection_failures_total") >= 6
    status = state.folder.status.read_bytes()
    worker.stop()
    assert len(collector.spans) >= 10
    told = {
        "metrics": metrics.text.encode(),
        "status": status,
        "spans": b"".join(collector.bodies),
        **{str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()},
    }
    assert sum(path.endswith(".log") for path in told) == 1
    marks = (MARK.encode(), base64.b64encode(MARK.encode()).rstrip(b"="), MARK.encode().hex().encode())
    assert [name for name, content in told.items() if any(mark in content for mark in marks)] == []


def test_every_line_of_the_log_is_json_with_the_same_fields(worker):
    malformed(worker.port)
    worker.stop()
    lines = worker.log()
    assert len(lines) >= 8
    for line in lines:
        assert {"ts", "level", "logger", "message", "pid", "process"} <= line.keys()
        assert line["level"] in ("debug", "info", "warning", "error")
    assert {line["process"] for line in lines} == {"supervisor", "0", "1"}


def test_requests_leave_no_line_in_the_log(worker):
    before = len(worker.log())
    with Peer(worker.address) as peer:
        for _ in range(50):
            assert peer.infer(marked("steady"), metadata=SAYING[:4]).code == "OK"
            assert peer.infer(marked(MARK)).code == "NOT_FOUND"
    assert [line["message"] for line in worker.log()[before:] if line["level"] != "debug"] == []
