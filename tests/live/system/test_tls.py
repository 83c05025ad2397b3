"""TLS, with stock clients, openssl, and clients that want something else."""

import socket
import ssl
import subprocess

import grpc
import numpy
import pytest
import tritonclient.grpc as client
from conformance_calls import Peer, floats
from system_runtime import a_route, a_runtime
from system_tls import issue
from system_worker import eventually
from tritonclient.utils import InferenceServerException

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"


@pytest.fixture
def papers(tmp_path):
    return issue(tmp_path)


@pytest.fixture
def worker(state, triton, start, papers):
    """A worker in front of the real Triton, for clients that speak TLS."""
    state.publish(a_runtime({"main": ([triton], ["echo"])}), a_route("mirror", ("main", "echo")))
    worker = start("--tls-cert", str(papers.certificate), "--tls-key", str(papers.key), "--workers", "2")
    worker.serves()
    return worker


def connect(worker, papers, protocols):
    """Return a TLS connection to the worker that offers these protocols."""
    context = ssl.create_default_context(cafile=str(papers.authority))
    if protocols:
        context.set_alpn_protocols(protocols)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", worker.port)), server_hostname="localhost")


def received(connection):
    """Return everything that comes until the worker hangs up."""
    got = b""
    while piece := connection.recv(1 << 16):
        got += piece
    return got


def openssl(worker, *options):
    """Run `openssl s_client`, and return its exit status and what it says."""
    ran = subprocess.run(
        ["openssl", "s_client", "-connect", worker.address, *options],
        input=b"",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=30,
    )
    return ran.returncode, ran.stdout.decode(errors="replace")


def mirrored(opened):
    data = numpy.arange(100_000, dtype=numpy.float32)
    tensor = client.InferInput("in_fp32", [len(data)], "FP32")
    tensor.set_data_from_numpy(data)
    wanted = client.InferRequestedOutput("out_fp32")
    answer = opened.infer("mirror", [tensor], outputs=[wanted], client_timeout=20)
    assert (answer.as_numpy("out_fp32") == data).all()


def test_a_stock_client_is_served_over_tls_by_name_and_by_address(worker, papers):
    for host in ("localhost", "127.0.0.1"):
        with client.InferenceServerClient(
            f"{host}:{worker.port}", ssl=True, root_certificates=str(papers.authority)
        ) as opened:
            assert opened.is_server_ready() and opened.is_model_ready("mirror")
            mirrored(opened)
    assert worker.status()["tls"] is True


def test_http2_is_what_both_agree_on(worker, papers):
    for protocols in (["h2"], ["http/1.1", "h2"], ["h2", "grpc-exp"]):
        with connect(worker, papers, protocols) as connection:
            assert connection.selected_alpn_protocol() == "h2"
            assert connection.version() == "TLSv1.3"
    with connect(worker, papers, ["h2"]) as connection:
        connection.sendall(PREFACE)
        assert connection.recv(9)[3:4] == b"\4"  # its SETTINGS


@pytest.mark.parametrize("protocols", [["http/1.1"], ["http/1.0", "spdy/3"], []], ids=["1.1", "others", "none"])
def test_who_does_not_ask_for_http2_does_not_get_it(worker, papers, protocols):
    with connect(worker, papers, protocols) as connection:
        connection.sendall(PREFACE)
        assert received(connection) == b""
    eventually(lambda: worker.logged("client connection failed"), "the log says so")
    assert worker.metrics().value("fourplane_connection_failures_total") == 1
    assert openssl(worker, "-alpn", "h2", "-CAfile", str(papers.authority))[0] == 0


def test_openssl_that_offers_http_1_is_not_served(worker, papers):
    # With -ign_eof it stays until the worker hangs up.
    _, said = openssl(worker, "-alpn", "http/1.1", "-CAfile", str(papers.authority), "-ign_eof")
    assert "No ALPN negotiated" in said
    status, said = openssl(worker, "-alpn", "h2", "-CAfile", str(papers.authority))
    assert status == 0 and "ALPN protocol: h2" in said and "Verify return code: 0 (ok)" in said


def test_old_tls_is_refused(worker, papers):
    for version in ("-tls1_1", "-tls1"):
        status, said = openssl(worker, version, "-cipher", "DEFAULT:@SECLEVEL=0", "-alpn", "h2")
        assert status != 0 and "Cipher is (NONE)" in said
    status, said = openssl(worker, "-tls1_2", "-alpn", "h2", "-CAfile", str(papers.authority))
    assert status == 0 and "ALPN protocol: h2" in said


def test_handshakes_that_fail_leave_nothing_behind(worker):
    for _ in range(20):
        openssl(worker, "-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0")
        with socket.create_connection(("127.0.0.1", worker.port)) as connection:
            connection.sendall(PREFACE)
            received(connection)
    eventually(lambda: not worker.metrics().value("fourplane_open_connections"), "no connection is counted as open")


def test_a_client_without_tls_is_turned_away_and_others_go_on(worker, papers):
    with (
        client.InferenceServerClient(worker.address, ssl=True, root_certificates=str(papers.authority)) as opened,
        Peer(worker.address) as plain,
    ):
        mirrored(opened)
        refused = plain.infer(floats("mirror", [1.0]), timeout=5)
        assert refused.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
        with socket.create_connection(("127.0.0.1", worker.port)) as connection:
            connection.sendall(PREFACE)
            assert b"PRI" not in received(connection)
        mirrored(opened)


def test_a_client_that_does_not_know_the_authority_calls_nothing(worker):
    with client.InferenceServerClient(worker.address, ssl=True) as opened, pytest.raises(InferenceServerException):
        opened.is_server_ready(client_timeout=5)
    assert worker.metrics().outcomes() == {}


def test_a_drain_lets_large_answers_end_over_tls(worker, papers):
    credentials = grpc.ssl_channel_credentials(papers.authority.read_bytes())
    with grpc.secure_channel(f"localhost:{worker.port}", credentials) as channel:
        call = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        message = floats("mirror", [1.0] * 500_000).SerializeToString()
        calls = [call.future(message, wait_for_ready=True) for _ in range(8)]
        eventually(lambda: worker.metrics().value("fourplane_requests_total"), "the first is answered")
        assert worker.end() == 0
        assert {each.code() for each in calls} == {grpc.StatusCode.OK}
