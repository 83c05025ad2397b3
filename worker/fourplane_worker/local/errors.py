"""Typed errors of local services: a gRPC status, its details, and the outcome that the front counts."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn, TypeAlias

import grpc
import grpc.aio

from fourplane_core.outcomes import ENDINGS, Outcome, Refusal
from fourplane_wire.oip import MalformedError
from fourplane_wire.status import status_bytes
from fourplane_worker.front.front import Front

log = logging.getLogger(__name__)

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Method: TypeAlias = Callable[[bytes, float], Awaitable[bytes]]
"""Takes a request and the seconds that are left, and returns the response."""
_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_MAX_MESSAGE = 2048
"""Characters of a status message: it stands in the trailers twice."""


class RefusedError(Exception):
    """A call that ends with a typed error."""

    def __init__(
        self, outcome: Outcome, message: str, *, code: int | None = None, about: Mapping[str, str] | None = None
    ) -> None:
        """Take the outcome and a sentence for the caller; `code` stands in where the status is an engine's own."""
        super().__init__(message)
        self.outcome = outcome
        self.message = message[:_MAX_MESSAGE]
        self.code = ENDINGS[outcome].code if code is None else code
        self.about = about or {}

    @classmethod
    def of(cls, refusal: Refusal) -> "RefusedError":
        """Return the error that says a refusal."""
        return cls(refusal.outcome, refusal.message)


async def fail(context: Context, error: RefusedError) -> NoReturn:
    """End a call with a typed error."""
    details = status_bytes(error.outcome, error.message, error.about, code=error.code)
    trailers = (("grpc-status-details-bin", details), ("x-fourplane-outcome", error.outcome.value))
    await context.abort(_CODES.get(error.code, grpc.StatusCode.UNKNOWN), error.message, trailers)
    raise AssertionError("abort raises")


def typed(front: Front, method: Method) -> Callable[[bytes, Context], Awaitable[bytes]]:
    """Return the gRPC handler of a method: with a deadline, bounded messages, and typed errors."""

    async def call(request: bytes, context: Context) -> bytes:
        limits = front.limits
        try:
            _bound(len(request), limits.max_request_bytes, Outcome.MESSAGE_TOO_LARGE, "maxRequestBytes")
            left = _left(context)
            most = limits.max_deadline_ms / 1000
            response = await method(request, most if left is None else min(left, most))
            _bound(len(response), limits.max_response_bytes, Outcome.RESPONSE_TOO_LARGE, "maxResponseBytes")
        except RefusedError as error:
            await fail(context, error)
        except MalformedError as error:
            await fail(context, RefusedError(Outcome.MESSAGE_MALFORMED, str(error)))
        except Exception:
            log.exception("a local service failed", extra={"method": method.__name__})
            await fail(context, RefusedError(Outcome.WORKER_ERROR, "the worker failed on this request; see its log"))
        return response

    return call


def _left(context: Context) -> float | None:
    """Return the seconds that are left; the library's types forget that there may be no deadline."""
    return context.time_remaining()


def _bound(size: int, most: int, outcome: Outcome, limit: str) -> None:
    if size > most:
        raise RefusedError(outcome, f"the message has {size} bytes; spec.limits.{limit} allows {most}")
