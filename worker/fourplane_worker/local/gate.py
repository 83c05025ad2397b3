"""The door to the local services: the front alone may call them."""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import grpc
import grpc.aio

from fourplane_core.outcomes import Outcome
from fourplane_worker.local.errors import Context, RefusedError, fail

SECRET = "x-fourplane-secret"  # noqa: S105 - the name of a metadata key
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


def refusing(error: RefusedError) -> Handler:
    """Return a handler that refuses a call of any shape, without waiting for a message."""

    async def refuse(requests: AsyncIterator[bytes], context: Context) -> None:
        await fail(context, error)

    return grpc.stream_stream_rpc_method_handler(refuse)


class Gate(grpc.aio.ServerInterceptor):
    """Refuses every call that doesn't bring the front's secret; the secret is never logged."""

    def __init__(self, secret: str) -> None:
        """Take the secret that calls must bring."""
        self._secret = secret.encode()
        self._closed = refusing(
            RefusedError(Outcome.CALLER_UNAUTHENTICATED, "local services answer this worker's own front alone")
        )

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails], Awaitable["grpc.RpcMethodHandler[_Request, _Response] | None"]
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[_Request, _Response] | None":
        """Let a call through if its secret is right."""
        metadata = handler_call_details.invocation_metadata or ()
        brought = [value for key, value in metadata if key == SECRET]
        given = brought[0] if len(brought) == 1 else b""
        raw = given.encode() if isinstance(given, str) else given
        if not hmac.compare_digest(raw, self._secret):
            return self._closed
        return await continuation(handler_call_details)


class Unserved(grpc.GenericRpcHandler):
    """Answers for every method that no service has."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Handler:
        """Return a typed refusal."""
        message = f"method {handler_call_details.method} is not served here; list what is with server reflection"
        return refusing(RefusedError(Outcome.METHOD_NOT_SERVED, message))
