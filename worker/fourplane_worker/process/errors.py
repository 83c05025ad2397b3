"""What keeps a worker from starting, said so that the reader can act on it."""


class SetupError(Exception):
    """A setting that can't work on this machine."""


class PortTakenError(SetupError):
    """Another program listens on the address."""
