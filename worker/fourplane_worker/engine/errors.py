"""What can go wrong with the engine, said so that the reader can act on it."""

from pathlib import Path


class EngineError(Exception):
    """The engine could not be provided or run."""


class ProvisionError(EngineError):
    """Triton could not be installed on this machine."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(f"{problem}\n{hint}")
        self.problem = problem
        """What is missing or went wrong."""
        self.hint = hint
        """How to get it."""


class EngineStartError(EngineError):
    """Triton did not become ready; carries the end of its log."""

    def __init__(self, problem: str, log: Path, tail: tuple[str, ...]) -> None:
        lines = "".join(f"\n  {line}" for line in tail)
        super().__init__(f"{problem}; its log ({log}) ends with:{lines}" if tail else problem)
        self.problem = problem
        self.log = log
        self.tail = tail
