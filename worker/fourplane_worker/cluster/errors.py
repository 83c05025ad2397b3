"""Why what the API server has is not taken."""


class NotTakenError(Exception):
    """Something that the operator published is not usable; what is served is served on."""

    def __init__(self, what: str, reason: str, message: str) -> None:
        """Name the object, and say why: one CamelCase word, and a sentence."""
        super().__init__(f"{what}: {message}")
        self.what = what
        self.reason = reason
