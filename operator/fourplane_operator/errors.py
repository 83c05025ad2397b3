"""What can go wrong in the operator itself, and what is in a group of errors."""

from fourplane_kube import NoAccessError, RefusedError


class OperatorError(Exception):
    """Something that the operator can't do."""


class SetupError(OperatorError):
    """A setting that can't work."""


class NotLeadingError(OperatorError):
    """The Lease is not held, or not for long enough: nothing may be written."""


class OvertakenError(OperatorError):
    """Somebody else wrote an activation: it must be read again before the next write."""


def leaves_of(group: BaseExceptionGroup[Exception]) -> list[Exception]:
    """Return all errors of a group, of groups in it too."""
    each = (leaves_of(one) if isinstance(one, BaseExceptionGroup) else [one] for one in group.exceptions)
    return [error for errors in each for error in errors]


def refusal_in(failure: BaseExceptionGroup[Exception] | None) -> str:
    """Return the API server's words where it refuses what is to be published; empty where another try may help."""
    errors = leaves_of(failure) if failure else []
    words = (str(one) for one in errors if isinstance(one, RefusedError | NoAccessError))
    return next((said.partition(": ")[2] or said for said in words), "")
