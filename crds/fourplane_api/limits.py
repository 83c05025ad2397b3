"""What one caller may ask of a worker, and who may call at all."""

from enum import StrEnum, unique

from pydantic import Field, StrictInt

from fourplane_api.base import ApiModel
from fourplane_api.durations import milliseconds
from fourplane_api.values import INT32_MAX, Duration


@unique
class Anonymous(StrEnum):
    """What happens to callers without an identity."""

    ALLOW = "Allow"
    DENY = "Deny"


class Callers(ApiModel):
    """Who may call."""

    anonymous: Anonymous = Field(
        default=Anonymous.DENY,
        description="Allow serves callers without an identity, Deny refuses them. Default: Deny.",
    )


class Limits(ApiModel):
    """Bounds on what one caller may ask of a worker."""

    max_request_bytes: StrictInt = Field(
        default=64 * 1024 * 1024,
        ge=1,
        le=INT32_MAX,
        description="Largest request message after inflation, in bytes. Default: 67108864 (64 MiB).",
    )
    max_response_bytes: StrictInt = Field(
        default=256 * 1024 * 1024,
        ge=1,
        le=INT32_MAX,
        description="Largest response message, in bytes. Default: 268435456 (256 MiB).",
    )
    max_metadata_bytes: StrictInt = Field(
        default=16 * 1024,
        ge=1024,
        le=1024 * 1024,
        description="Largest header block, in bytes as HTTP/2 counts: names, values and 32 for each pair."
        " Default: 16384 (16 KiB).",
    )
    max_streams_per_connection: StrictInt = Field(
        default=1024,
        ge=1,
        le=100_000,
        description="Requests and streams that one connection may have open at once, as a count. Default: 1024.",
    )
    max_deadline: Duration = Field(
        default="5m",
        description="Longest time that a unary request may take, as a duration such as 30s, from 1ms to 24h;"
        " also its deadline where the caller names none. Default: 5m.",
    )
    max_stream_duration: Duration = Field(
        default="1h",
        description="Longest life of a streaming call, as a duration such as 10m, from 1ms to 24h. Default: 1h.",
    )

    @property
    def max_deadline_ms(self) -> int:
        """Return `max_deadline` in milliseconds."""
        return milliseconds(self.max_deadline)

    @property
    def max_stream_duration_ms(self) -> int:
        """Return `max_stream_duration` in milliseconds."""
        return milliseconds(self.max_stream_duration)
