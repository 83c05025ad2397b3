"""gRPC health checking (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).

The library's own servicer forgets watchers of a service when one of them leaves, and keeps a state of its own;
this one asks the front.
"""

from collections.abc import AsyncIterator

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health_pb2 as pb  # type: ignore[import-untyped]

from fourplane_core.outcomes import Code, Outcome
from fourplane_wire.inference import SERVICE as INFERENCE
from fourplane_wire.oip import MalformedError
from fourplane_worker.front.front import Front
from fourplane_worker.local.errors import Context, RefusedError, fail, typed
from fourplane_worker.local.gate import Handler
from fourplane_worker.local.pulse import Pulse

SERVICE = "grpc.health.v1.Health"
FILE: bytes = pb.DESCRIPTOR.serialized_pb
_ANSWERED_FOR = ("", INFERENCE)


class Health:
    """Whether the worker serves inference, asked once or watched."""

    def __init__(self, front: Front, pulse: Pulse) -> None:
        """Take whose health it is, and what notices a change."""
        self._front = front
        self._pulse = pulse

    def handlers(self) -> dict[str, Handler]:
        """Return the service's methods."""
        return {
            "Check": grpc.unary_unary_rpc_method_handler(typed(self._front, self.check)),
            "Watch": grpc.unary_stream_rpc_method_handler(self.watch),
        }

    async def check(self, request: bytes, _within_s: float) -> bytes:
        """Say how a service is now."""
        service = _service(request)
        if service not in _ANSWERED_FOR:
            raise RefusedError(
                Outcome.METHOD_NOT_SERVED,
                f"health is known for the whole worker (an empty name) and for {INFERENCE}",
                code=Code.NOT_FOUND,
            )
        return self._answer(service)

    async def watch(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        """Say how a service is now, and whenever that changes; end when the worker shuts down."""
        try:
            service = _service(request)
        except MalformedError as error:
            await fail(context, RefusedError(Outcome.MESSAGE_MALFORMED, str(error)))
        said = b""
        while True:
            turn = self._pulse.turn
            answer = self._answer(service)
            if answer != said:
                said = answer
                yield answer
            if self._front.draining:
                await fail(context, RefusedError(Outcome.WORKER_DRAINING, "this worker is shutting down"))
            await turn.wait()

    def _answer(self, service: str) -> bytes:
        status = pb.HealthCheckResponse.SERVICE_UNKNOWN
        if service in _ANSWERED_FOR:
            status = pb.HealthCheckResponse.SERVING if self._pulse.ready else pb.HealthCheckResponse.NOT_SERVING
        answer: bytes = pb.HealthCheckResponse(status=status).SerializeToString()
        return answer


def _service(request: bytes) -> str:
    try:
        service: str = pb.HealthCheckRequest.FromString(request).service
    except DecodeError as error:
        raise MalformedError("the bytes are no HealthCheckRequest") from error
    return service
