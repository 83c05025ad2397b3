"""What supervisor and worker processes say to each other: JSON lines, one schema for both ends."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A verified decision on what to serve."""

    kind: ClassVar[str] = "offer"
    epoch: int
    sequence: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Where managed pools listen now."""

    kind: ClassVar[str] = "found"
    pools: dict[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The first message to a worker process: all that it needs to serve."""

    kind: ClassVar[str] = "start"
    index: int
    state: str
    """The state folder."""
    host: str
    port: int
    keys: list[str]
    """Trusted public keys, hexadecimal."""
    socket: str = ""
    """Unix socket for local services; empty: none."""
    tls_cert: str = ""
    tls_key: str = ""
    grace_s: float = 20.0
    """Time that calls in flight get when it drains."""
    log_level: str = "info"
    log_format: str = "json"
    offer: dict[str, Any] | None = None
    """What to serve before the first client is accepted."""
    found: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """Which keys are trusted from now on."""

    kind: ClassVar[str] = "trusted"
    keys: list[str]
    """Public keys, hexadecimal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Asks for a report."""

    kind: ClassVar[str] = "ask"
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """Asks a process to stop without dropping calls."""

    kind: ClassVar[str] = "drain"
    grace_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A process accepts clients."""

    kind: ClassVar[str] = "started"
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A process can't start, and trying again would not help."""

    kind: ClassVar[str] = "failed"
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated:
    """A process serves an offer."""

    kind: ClassVar[str] = "activated"
    offer: dict[str, Any]
    """The `Offer`."""
    millis: float
    """Time from the offer to the swap, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A process does not take an offer, and serves what it served before."""

    kind: ClassVar[str] = "rejected"
    offer: dict[str, Any]
    """The `Offer`."""
    reason: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Totals of one series since its process started."""

    route: str
    pool: str
    backend: str
    outcomes: dict[str, int]
    buckets: list[int]
    seconds: float
    messages_in: int
    messages_out: int


CONNECTING = "it is being connected to"
"""Failure of an endpoint of which nothing is known yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How an engine's endpoint is found to be."""

    failure: str = ""
    """Why it is not reached; empty: it is."""
    broken: dict[str, str] = field(default_factory=dict)
    """By engine model: how it breaks its declared contract. No request for that model goes there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A piece of a process's numbers: series that changed since its last report, and with the last piece the rest."""

    kind: ClassVar[str] = "report"
    id: int
    series: list[dict[str, Any]]
    """Each as `Counts`."""
    totals: dict[str, float] | None = None
    """Numbers of the whole process; only with the last piece."""
    pools: dict[str, dict[str, dict[str, Any]]] | None = None
    """By pool and address, each as `Reach`; only with the last piece."""


Message: TypeAlias = Start | Offer | Found | Trusted | Ask | Drain | Started | Failed | Activated | Rejected | Report
_KINDS: dict[str, type[Message]] = {
    each.kind: each for each in (Start, Offer, Found, Trusted, Ask, Drain, Started, Failed, Activated, Rejected, Report)
}


class ChannelError(Exception):
    """A line that is no message of this schema: the two ends are not of one release."""


def encode(message: Message) -> bytes:
    """Return a message's line."""
    return json.dumps({"kind": message.kind} | asdict(message), separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Return the message of a line."""
    try:
        fields = json.loads(line)
        return _KINDS[fields.pop("kind")](**fields)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ChannelError(f"no message: {line[:200]!r}: {error}") from error
