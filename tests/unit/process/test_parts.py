"""Messages, addresses, logs and pages of the supervisor."""

import asyncio
import io
import json
import logging
import socket
from dataclasses import asdict
from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourplane_worker.process import addresses, messages
from fourplane_worker.process.admin import AdminServer, Page
from fourplane_worker.process.errors import PortTakenError, SetupError
from fourplane_worker.process.tls import server_context
from fourplane_worker.telemetry import logs

NUMBERS = st.integers(0, 2**53)
OFFERS = st.builds(messages.Offer, epoch=NUMBERS, sequence=NUMBERS, digest=st.text(max_size=80))
REACHES = st.builds(messages.Reach, failure=st.text(), broken=st.dictionaries(st.text(), st.text())).map(asdict)
MESSAGES = st.one_of(
    OFFERS,
    st.builds(messages.Ask, id=NUMBERS),
    st.builds(messages.Drain, grace_s=st.floats(0, 100)),
    st.builds(messages.Started, pid=NUMBERS),
    st.builds(messages.Failed, message=st.text()),
    st.builds(messages.Found, pools=st.dictionaries(st.text(), st.lists(st.text()))),
    st.builds(
        messages.Report,
        id=NUMBERS,
        series=st.just([]),
        totals=st.none() | st.dictionaries(st.text(), st.floats(0, 9)),
        pools=st.none() | st.dictionaries(st.text(), st.dictionaries(st.text(), REACHES)),
    ),
)


@given(MESSAGES)
def test_what_one_end_says_is_what_the_other_hears(message):
    line = messages.encode(message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert messages.decode(line) == message


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"{}", b'{"kind": "dance"}', b'{"kind": "offer"}', b"\xff"])
def test_a_line_that_is_no_message_is_an_error(line):
    with pytest.raises(messages.ChannelError):
        messages.decode(line)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:0", "127.0.0.1", 0), (":9", "0.0.0.0", 9), ("[::1]:65535", "::1", 65535)],
)
def test_addresses_are_read(text, host, port):
    found = addresses.parse(text)
    assert (found.host, found.port) == (host, port)


@pytest.mark.parametrize(
    "text", ["", "localhost", "localhost:", "localhost:http", "localhost:65536", ":-1", ":" + "9" * 5000]
)
def test_what_is_no_address_is_said(text):
    with pytest.raises(SetupError, match="HOST:PORT"):
        addresses.parse(text)


def test_a_name_that_no_host_can_have_is_said():
    with pytest.raises(SetupError, match="no name of a host"):
        addresses.parse("x" * 70 + ":1")


async def test_a_port_is_held_for_processes_that_share_it():
    address = addresses.parse("127.0.0.1:0")
    with await addresses.reserve(address, 0) as holder:
        at = addresses.bound(address, holder)
        assert at.port
        with socket.socket() as sharing:
            sharing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sharing.bind((at.host, at.port))
            sharing.listen()


@pytest.mark.parametrize("shared", [False, True])
async def test_a_port_where_somebody_listens_is_taken_even_if_they_would_share(shared):
    with socket.socket() as other:
        if shared:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = addresses.parse(f"127.0.0.1:{other.getsockname()[1]}")
        with pytest.raises(PortTakenError, match=f"{taken} is taken"):
            await addresses.reserve(taken, 0)


async def test_a_port_that_is_let_go_in_time_is_taken():
    other = socket.socket()
    other.bind(("127.0.0.1", 0))
    other.listen()
    asyncio.get_running_loop().call_later(0.1, other.close)
    with await addresses.reserve(addresses.parse(f"127.0.0.1:{other.getsockname()[1]}"), 5):
        pass


@pytest.mark.parametrize(("cert", "key"), [("a.pem", ""), ("", "a.pem"), ("missing.pem", "missing.pem")])
def test_tls_that_can_not_work_is_said(cert, key):
    with pytest.raises(SetupError):
        server_context(cert, key)


def a_record(**extra):
    return logging.makeLogRecord(
        {"name": "n", "levelno": 20, "levelname": "INFO", "msg": "said %s", "args": ("this",)} | extra
    )


def test_a_log_line_is_one_json_object_with_what_was_added():
    line = json.loads(logs.JsonFormatter("0").format(a_record(pool="p")))
    assert line | {"ts": "", "pid": 0} == {
        "ts": "",
        "level": "info",
        "logger": "n",
        "message": "said this",
        "pid": 0,
        "process": "0",
        "pool": "p",
    }


def test_a_trace_stays_on_its_line():
    try:
        raise ValueError("broken")
    except ValueError as error:
        text = logs.JsonFormatter("0").format(a_record(exc_info=(type(error), error, error.__traceback__)))
    assert "\n" not in text
    assert "ValueError: broken" in json.loads(text)["exception"]


def test_people_get_a_short_line():
    stream = io.StringIO()
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        logs.configure("warning", "text", "supervisor", stream)
        logging.getLogger("n").warning("something", extra={"why": "because"})
        logging.getLogger("n").info("nothing")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.captureWarnings(False)
    assert stream.getvalue().endswith("warning [supervisor] something (why=because)\n")


async def ask(at, request):
    reader, writer = await asyncio.open_connection(at.host, at.port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_pages_are_served_and_others_are_not_found():
    async def page(accept):
        return Page(HTTPStatus.OK, b"hello " + accept.encode())

    server = AdminServer({"/page": page})
    at = await server.start(addresses.parse("127.0.0.1:0"))
    try:
        found = await ask(at, b"GET /page?x=1 HTTP/1.1\r\nAccept: any\r\n\r\n")
        assert found.startswith(b"HTTP/1.1 200 OK\r\n")
        assert found.endswith(b"\r\n\r\nhello any")
        assert (await ask(at, b"HEAD /page HTTP/1.1\r\n\r\n")).endswith(b"\r\n\r\n")
        assert (await ask(at, b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 404")
        assert (await ask(at, b"POST /page HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 405")
        assert await ask(at, b"x" * 100_000 + b"\r\n\r\n") == b""
        with pytest.raises(PortTakenError, match="--metrics"):
            await AdminServer({}).start(at)
    finally:
        await server.stop()
