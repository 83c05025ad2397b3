"""What an API server answers when it does not do what was asked."""

import json
from collections.abc import Mapping
from typing import Any


class KubeError(Exception):
    """An answer that is none; `str` of it is for people."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "", retry_after_s: float = 0.0) -> None:
        """Say what was asked and what was answered."""
        super().__init__(message)
        self.status = status
        """HTTP status; 0: there was no answer."""
        self.reason = reason
        """`reason` of the Status object, such as AlreadyExists."""
        self.retry_after_s = retry_after_s
        """How long the server asks to wait, in seconds; 0: it does not say."""


class UnreachableError(KubeError):
    """No answer, or one that says that another try may help: whether it was done is not known."""


class BrokenOffError(UnreachableError):
    """The connection broke, or there was none: the request may be sent again where doing it twice does no harm."""


class NotFoundError(KubeError):
    """No such object, or no such kind."""


class ExistsError(KubeError):
    """An object of that name is there already."""


class ConflictError(KubeError):
    """The object is not what the writer took it for, or another manager owns a field."""


class ExpiredError(KubeError):
    """The version to go on from is too old: list again."""


class NoAccessError(KubeError):
    """The credentials do not permit it."""


class RefusedError(KubeError):
    """The object is not valid, or an admission policy refuses it: the same again will be refused again."""


_BY_STATUS: dict[int, type[KubeError]] = {
    401: NoAccessError,
    403: NoAccessError,
    404: NotFoundError,
    409: ConflictError,
    410: ExpiredError,
}


def error_of(asked: str, status: int, body: bytes, headers: Mapping[str, str]) -> KubeError:
    """Return the error for an answer with a status of 400 or more."""
    reason, message = _said(body)
    kind = _BY_STATUS.get(status, UnreachableError if status == 429 or status >= 500 else RefusedError)
    if kind is ConflictError and reason == "AlreadyExists":
        kind = ExistsError
    return kind(
        f"{asked}: {message or 'no reason given'} ({status})",
        status=status,
        reason=reason,
        retry_after_s=_seconds(headers.get("Retry-After", "")),
    )


def _said(body: bytes) -> tuple[str, str]:
    try:
        status: Any = json.loads(body)
    except ValueError:
        return "", body[:200].decode(errors="replace")
    if not isinstance(status, dict):
        return "", ""
    return str(status.get("reason") or ""), str(status.get("message") or "")


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0
