"""The first fuzzer: any conversation, cut anywhere, with an owner that listens and one that acts."""

from fourplane_http2 import Connection, Role, encode
from fuzz.cases import Case, parse, pieces
from fuzz.owners import Listener, Owner
from fuzz.referee import Referee

_REQUEST = encode([(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"a")])


def check(data: bytes) -> None:
    """Raise if the core does with this conversation what it must not."""
    case = parse(data)
    _check_cuts(case)
    _check_acting(case)


def _check_cuts(case: Case) -> None:
    """Hold reads cut anywhere against one read of everything."""
    if not case.cut:
        return
    whole, cut = _listening(case), _listening(case)
    whole.receive(case.said)
    for piece in pieces(case.said, case.cut):
        cut.receive(piece)
    assert _joined(cut.handler.calls) == _joined(whole.handler.calls)  # type: ignore[attr-defined]
    assert b"".join(cut.out) == b"".join(whole.out)


def _listening(case: Case) -> Connection:
    conn = Connection(case.role, case.limits, Listener())
    if case.role is Role.CLIENT:
        for _ in range(3):
            conn.send_data(conn.request(_REQUEST), b"x" * 100, end=True)
        conn.request(_REQUEST)
    return conn


def _joined(calls: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """Put pieces of content together that only the cuts separated."""
    result: list[tuple[object, ...]] = []
    for call in calls:
        last = result[-1] if result else ()
        if call[0] == "data" and last[:2] == call[:2] and not last[3]:
            result[-1] = ("data", call[1], last[2] + call[2], call[3])  # type: ignore[operator]
        else:
            result.append(call)
    return result


def _check_acting(case: Case) -> None:
    """Let an owner act while the peer speaks, before a referee."""
    owner = Owner(case.role, case.limits, case.plan)
    conn, referee = owner.conn, Referee(owner.conn)
    if case.role is Role.CLIENT:
        for end in (True, False, False):
            owner.ask(end)
    _settle(owner, referee, 0)
    for piece in pieces(case.said, case.cut):
        referee.hear(piece)
        conn.receive(piece)
        owner.act(None)
        _settle(owner, referee, len(piece))
    conn.resume()
    _settle(owner, referee, 0)
    conn.eof()
    assert owner.over and not conn.open_streams
    for number in owner.heads.keys() - owner.endings.keys():
        assert number in owner.remote_ended, f"stream {number} never ended"
    referee.check_content(owner.bodies, owner.sent)


def _settle(owner: Owner, referee: Referee, size: int) -> None:
    conn = owner.conn
    if not conn.paused:
        assert conn.backlog == 0 or conn.ended or conn.backlog < conn.limits.max_backlog_bytes + 40 * size + 100_000
    referee.say(b"".join(conn.out))
    conn.out = []
    referee.check()
