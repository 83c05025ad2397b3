"""Help that teaches: examples stay as they are written."""

import inspect
from typing import Any

import click


def keep_examples(text: str | None) -> str | None:
    """Mark paragraphs with indented lines as not to be wrapped, as click asks for it."""
    if text is None:
        return None
    paragraphs = inspect.cleandoc(text).split("\n\n")
    kept = ("\b\n" + paragraph if "\n  " in paragraph else paragraph for paragraph in paragraphs)
    return "\n\n".join(kept)


class Command(click.Command):
    """A command whose docstring is its help."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help = keep_examples(self.help)


class Group(click.Group):
    """A group whose docstring is its help, and whose commands are of the same kind."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.help = keep_examples(self.help)
