"""What can go wrong in the operator itself."""


class OperatorError(Exception):
    """Something that the operator can't do."""


class SetupError(OperatorError):
    """A setting that can't work."""


class NotLeadingError(OperatorError):
    """The Lease is not held, or not for long enough: nothing may be written."""


class OvertakenError(OperatorError):
    """Somebody else wrote an activation: it must be read again before the next write."""
