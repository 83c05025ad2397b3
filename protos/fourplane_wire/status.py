"""Rich errors: the `grpc-status-details-bin` that goes with an outcome."""

from collections.abc import Mapping

from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from fourplane_core.outcomes import DOMAIN, ENDINGS, Outcome

_TYPE = "type.googleapis.com/google.rpc."


def status_bytes(
    outcome: Outcome, message: str, metadata: Mapping[str, str] | None = None, *, code: int | None = None
) -> bytes:
    """Return an encoded `google.rpc.Status` with ErrorInfo, and RetryInfo where a retry can help.

    `code` stands in where the gRPC status is the engine's own.
    """
    ending = ENDINGS[outcome]
    info = error_details_pb2.ErrorInfo(reason=outcome.value, domain=DOMAIN, metadata=metadata or {})
    details = [any_pb2.Any(type_url=f"{_TYPE}ErrorInfo", value=info.SerializeToString(deterministic=True))]
    if ending.retry_after_ms is not None:
        seconds, rest = divmod(ending.retry_after_ms, 1000)
        delay = duration_pb2.Duration(seconds=seconds, nanos=rest * 1_000_000)
        retry = error_details_pb2.RetryInfo(retry_delay=delay)
        details.append(any_pb2.Any(type_url=f"{_TYPE}RetryInfo", value=retry.SerializeToString()))
    status = status_pb2.Status(code=ending.code if code is None else code, message=message, details=details)
    encoded: bytes = status.SerializeToString(deterministic=True)
    return encoded
