"""Questions to engines: one unary call over the front's own connections."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from fourplane_core.outcomes import Code, Outcome
from fourplane_http2 import Fields, Stream
from fourplane_wire.inference import SERVICE
from fourplane_wire.oip import mask_name
from fourplane_worker.front import reply
from fourplane_worker.front.engines import EngineConnection
from fourplane_worker.front.head import timeout_field
from fourplane_worker.front.messages import PREFIX_BYTES, prefix
from fourplane_worker.front.pools import Endpoint, Pool
from fourplane_worker.front.verdicts import lost
from fourplane_worker.local.errors import RefusedError

_AT_ONCE = 16
"""Questions that one call has open at once."""
_NEVER_ANSWERED = (Outcome.ENGINE_REFUSED, Outcome.ENGINE_LOST)
"""Ends after which a question is asked once more: it changes nothing, so it may be asked twice."""
_PATIENCE_S = 5.0
"""Longest wait for one engine: a hanging one must not keep what others say."""
_SHARE = 0.8
"""Of the caller's time, so that another engine's answer still arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What engines are asked."""

    method: str
    message: bytes
    most_bytes: int
    """Largest answer that is taken, in bytes."""
    within_s: float
    """Time that each answer may take, in seconds."""
    mask: tuple[str, str] | None = None
    """The engine's name for the model, and the public one that replaces it in errors; None: no caller sees them."""


Answer: TypeAlias = bytes | RefusedError


def patience(within_s: float) -> float:
    """Return how long one engine may take of the seconds that a caller has."""
    return min(within_s * _SHARE, _PATIENCE_S)


class _Leg:
    """The engine's side of one question."""

    def __init__(self, engine: EngineConnection, question: Question) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._engine = engine
        self._question = question
        self._pieces: list[bytes] = []
        self._size = 0
        path = f"/{SERVICE}/{question.method}".encode()
        block = engine.endpoint.head(path) + timeout_field(question.within_s * 1000)
        self._stream: Stream | None = engine.open(self, block)
        engine.send(self._stream, prefix(len(question.message)) + question.message, True)
        engine.batch.flush()

    def cancel(self) -> None:
        """Tell the engine to stop, where it has not ended."""
        if self._stream is not None:
            stream, self._stream = self._stream, None
            self._engine.cancel(stream)
            self._engine.batch.flush()

    def _fail(self, outcome: Outcome, message: str, code: int | None = None) -> None:
        if not self.answer.done():
            self.answer.set_exception(RefusedError(outcome, message, code=code))

    def reply_headers(self, fields: Fields, end: bool) -> None:
        """Take the head; with `end` it is the status."""
        if end:
            self.reply_trailers(fields)

    def reply_data(self, data: bytes, end: bool) -> None:
        """Take a piece of the answer, within the bound."""
        self._size += len(data)
        if self._size > self._question.most_bytes + PREFIX_BYTES:
            most = self._question.most_bytes
            self._fail(Outcome.RESPONSE_TOO_LARGE, f"the engine's answer has more than {most} bytes")
            return
        self._pieces.append(data)
        if end:
            self._stream = None
            self._fail(Outcome.ENGINE_ERROR, "the engine ended the call without a status", Code.INTERNAL)
        elif self._stream is not None:
            self._engine.credit(self._stream, len(data))

    def reply_trailers(self, fields: Fields) -> None:
        """Take the status."""
        self._stream = None
        head = reply.engine_head(fields)
        whole = b"".join(self._pieces)
        if head.status:
            outcome = Outcome.DEADLINE_EXCEEDED if head.status == Code.DEADLINE_EXCEEDED else Outcome.ENGINE_ERROR
            self._fail(outcome, self._masked(unquote_to_bytes(head.message)), head.status)
        elif head.status is None or whole[:PREFIX_BYTES] != prefix(len(whole) - PREFIX_BYTES):
            self._fail(Outcome.ENGINE_ERROR, "the engine's answer is not one whole message", Code.INTERNAL)
        elif not self.answer.done():
            self.answer.set_result(whole[PREFIX_BYTES:])

    def _masked(self, said: bytes) -> str:
        mask = self._question.mask
        text = said if mask is None else mask_name(said, mask[0].encode(), mask[1].encode())
        return text.decode("utf-8", "replace")

    def reply_reset(self, code: int) -> None:
        """Hear that the engine is gone."""
        self._stream = None
        refusal = lost(code, partial=False)
        self._fail(refusal.outcome, refusal.message)

    def reply_refused(self) -> None:
        """Hear that the engine never looked at the question."""
        self._stream = None
        self._fail(Outcome.ENGINE_REFUSED, "the engine took no more calls")

    def reply_failed(self) -> None:
        """Hear that the worker failed on the answer."""
        self._fail(Outcome.WORKER_ERROR, "the worker failed on the engine's answer; its log says more")

    def request_sent(self, count: int) -> None:
        """Hear that the question has left."""


async def ask(pool: Pool, question: Question) -> bytes:
    """Ask any engine of a pool; wait for a connection if one is being made. Raise RefusedError."""
    try:
        async with asyncio.timeout(question.within_s):
            try:
                return await _ask(await _connection(pool), question)
            except RefusedError as error:
                if error.outcome not in _NEVER_ANSWERED:
                    raise
                return await _ask(await _connection(pool), question)
    except TimeoutError as error:
        raise _too_late(question) from error


async def ask_each(endpoints: Iterable[Endpoint], question: Question) -> list[Answer]:
    """Ask every engine, and return what each answered."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(endpoint: Endpoint) -> Answer:
        async with gate:
            return await ask_at(endpoint, question)

    return await asyncio.gather(*(one(endpoint) for endpoint in tuple(endpoints)))


async def ask_at(endpoint: Endpoint, question: Question) -> Answer:
    """Ask one engine, and return its answer or the error."""
    engine = endpoint.usable
    if engine is None:
        return RefusedError(Outcome.POOL_UNAVAILABLE, "an endpoint can't be reached now")
    try:
        async with asyncio.timeout(question.within_s):
            return await _ask(engine, question)
    except TimeoutError:
        return _too_late(question)
    except RefusedError as error:
        return error


async def _ask(engine: EngineConnection, question: Question) -> bytes:
    leg = _Leg(engine, question)
    try:
        return await leg.answer
    finally:
        leg.cancel()


async def _connection(pool: Pool) -> EngineConnection:
    """Return a connection of a pool; raise RefusedError once it is known that there is none."""
    while (engine := pool.pick()) is None:
        known: asyncio.Future[EngineConnection | None] = asyncio.get_running_loop().create_future()

        def then(found: EngineConnection | None, known: "asyncio.Future[EngineConnection | None]" = known) -> None:
            if not known.done():
                known.set_result(found)

        pool.wait(then)
        try:
            if await known is None:
                raise RefusedError(
                    Outcome.POOL_UNAVAILABLE,
                    f"no endpoint of pool {pool.name} can be reached now; `fourplane status` says why",
                )
        finally:
            pool.forget(then)
    return engine


def _too_late(question: Question) -> RefusedError:
    took = round(question.within_s * 1000)
    return RefusedError(Outcome.DEADLINE_EXCEEDED, f"no engine answered within {took} ms")
