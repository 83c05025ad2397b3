"""How an engine's end of a call becomes the end of the client's call."""

from urllib.parse import unquote_to_bytes

from fourplane_core.outcomes import Code, Outcome, Refusal
from fourplane_wire.oip import mask_name
from fourplane_worker.front import reply
from fourplane_worker.front.serving import Target


def engine_verdict(head: reply.EngineHead, target: Target, *, whole: bool) -> tuple[Outcome, bytes]:
    """Return outcome and status fields for an engine's status; `whole`: no message was cut off."""
    code = head.status
    if code is None:
        message = "the engine ended the call without a status"
        return Outcome.ENGINE_ERROR, reply.status_block(Outcome.ENGINE_ERROR, message, Code.INTERNAL)
    if code == Code.OK:
        if whole:
            return Outcome.OK, reply.OK_STATUS + head.block
        message = "the engine's response was cut off"
        return Outcome.STREAM_INTERRUPTED, reply.status_block(Outcome.STREAM_INTERRUPTED, message)
    outcome = Outcome.DEADLINE_EXCEEDED if code == Code.DEADLINE_EXCEEDED else Outcome.ENGINE_ERROR
    said = mask_name(unquote_to_bytes(head.message), target.engine_name, target.public_name)
    about = {"model": target.plan.route.model}
    return outcome, reply.status_block(outcome, said.decode("utf-8", "replace"), code, about) + head.block


def lost(code: int, *, partial: bool) -> Refusal:
    """Return what a caller is told when the engine or its connection ended a call without a status."""
    if partial:
        return Refusal(
            Outcome.STREAM_INTERRUPTED,
            f"the engine was lost after a part of the answer (HTTP/2 error {code}); it may have run",
        )
    return Refusal(
        Outcome.ENGINE_LOST, f"the engine was lost before it answered (HTTP/2 error {code}); it may have run"
    )


def no_pool(target: Target) -> Refusal:
    """Return what a caller is told when no endpoint of the pool can be reached."""
    backend = target.plan.backend
    if any(backend.model in endpoint.broken for endpoint in target.pool.endpoints.values()):
        message = f"pool {backend.pool} has no engine that keeps this model's contract; `fourplane status` says how"
    else:
        message = f"no endpoint of pool {backend.pool} can be reached now; `fourplane status` says why"
    return Refusal(Outcome.POOL_UNAVAILABLE, message)
