"""Clients that are broken, hostile or just there: one that behaves, beside them, is served."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from system_load import Caller, answers, running
from system_worker import eventually

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
SETTINGS = b"\0\0\0\4\0\0\0\0\0"
CROWD = 1000


@pytest.fixture
def worker(publish, start):
    publish()
    worker = start()
    worker.serves()
    return worker


def connected(worker, data=b""):
    connection = socket.create_connection(("127.0.0.1", worker.port), timeout=20)
    connection.sendall(data)
    return connection


@contextmanager
def beside(worker) -> Iterator[Caller]:
    """A client that behaves, whose every call must be answered."""
    caller = Caller(worker.address, "steady")
    with running(caller):
        eventually(lambda: len(caller.heard) > 3, "it is served")
        yield caller
        mark = len(caller.heard)
        eventually(lambda: len(caller.heard) > mark + 10, "it is served on")
    assert {each.code for each in caller.heard} == {"OK"}


def is_hung_up_on(connection):
    """Wait until the worker closes a connection; returns what it said last."""
    got = b""
    try:
        while piece := connection.recv(1 << 16):
            got += piece
    except ConnectionResetError:
        pass
    return got


@pytest.mark.parametrize(
    "data",
    [
        b"\0" * 100,
        b"\xff" * 100_000,
        b"GET / HTTP/1.1\r\nhost: worker\r\n\r\n",
        b"POST /inference.GRPCInferenceService/ModelInfer HTTP/1.1\r\nhost: w\r\nupgrade: h2c\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500,
        PREFACE + b"\xff" * 1000,
        PREFACE + SETTINGS + b"\xff" * 1000,
        PREFACE + SETTINGS + b"\0\0\x04\x08\0\0\0\0\1" + b"\0" * 4,
    ],
    ids=["zeros", "ones", "HTTP/1.1", "upgrade", "TLS", "after the preface", "after SETTINGS", "a window of nothing"],
)
def test_who_does_not_speak_http2_is_hung_up_on(worker, data):
    with beside(worker), ExitStack() as opened:
        for _ in range(20):
            connection = opened.enter_context(connected(worker))
            try:
                connection.sendall(data)
            except (ConnectionResetError, BrokenPipeError):
                continue
            said = is_hung_up_on(connection)
            assert b"HTTP/1.1 200" not in said
        assert worker.metrics().value("fourplane_connection_failures_total") == 20
    assert len(worker.logged("client connection failed")) == 20


def test_connections_that_begin_and_stay_are_left_alone(worker):
    with beside(worker), ExitStack() as opened:
        for data in (b"", b"P", PREFACE[:10], PREFACE, PREFACE + SETTINGS[:5], PREFACE + SETTINGS):
            for _ in range(10):
                opened.enter_context(connected(worker, data))
        eventually(lambda: worker.metrics().value("fourplane_open_connections") == 61, "all of them are there")
    eventually(lambda: worker.metrics().value("fourplane_open_connections") == 0, "all of them are gone")
    assert worker.metrics().value("fourplane_connection_failures_total") == 0


def test_connections_that_are_closed_from_one_side_are_closed(worker):
    with beside(worker), ExitStack() as opened:
        for data in (b"", PREFACE[:10], PREFACE, PREFACE + SETTINGS):
            connection = opened.enter_context(connected(worker, data))
            connection.shutdown(socket.SHUT_WR)
            is_hung_up_on(connection)
        eventually(lambda: worker.metrics().value("fourplane_open_connections") == 1, "only the other one is there")


def test_calls_are_served_beside_a_crowd_that_does_nothing(worker):
    with beside(worker), ExitStack() as opened:
        for number in range(CROWD):
            opened.enter_context(connected(worker, b"" if number % 2 else PREFACE + SETTINGS))
        eventually(lambda: worker.metrics().value("fourplane_open_connections") == CROWD + 1, "all of them are there")
        assert {code for code, _ in answers(worker.address)} == {"OK"}
    eventually(lambda: worker.metrics().value("fourplane_open_connections") == 0, "all of them are gone")


def test_calls_are_served_beside_connections_that_come_and_go(worker):
    stopped = threading.Event()

    def storm():
        while not stopped.is_set():
            with ExitStack() as opened:
                for _ in range(50):
                    opened.enter_context(connected(worker, PREFACE))

    storms = [threading.Thread(target=storm) for _ in range(2)]
    with beside(worker):
        for each in storms:
            each.start()
        eventually(
            lambda: worker.metrics().value("fourplane_connections_total") > 1000, "a thousand have come and gone"
        )
        stopped.set()
        for each in storms:
            each.join()
    eventually(lambda: worker.metrics().value("fourplane_open_connections") == 0, "all of them are gone")


def test_one_byte_at_a_time_is_enough(worker):
    with connected(worker) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in PREFACE + SETTINGS + b"\0\0\x08\6\0\0\0\0\0" + b"12345678":
            connection.sendall(bytes((byte,)))
        got = b""
        while b"\6\1\0\0\0\0" + b"12345678" not in got:
            got += connection.recv(1 << 16)
