"""Results as text, JSON or tab-separated values."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum, unique
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


@unique
class Format(StrEnum):
    """How results are written to stdout."""

    TEXT = "text"
    JSON = "json"
    TSV = "tsv"


def output_option(command: F) -> F:
    """Add `--output` to a command; it arrives as `output`."""
    option = click.option(
        "--output",
        type=click.Choice([form.value for form in Format]),
        default=Format.TEXT.value,
        show_default=True,
        callback=lambda _ctx, _param, value: Format(value),
        help="Form of the result on stdout. JSON and TSV keep their fields from release to release.",
    )
    return option(command)


def write_json(document: Mapping[str, Any]) -> None:
    """Write one JSON document."""
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def write_tsv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a header and rows; whatever would break a row becomes a space."""
    click.echo("\t".join(columns))
    for row in rows:
        click.echo("\t".join(" ".join(_cell(value).split()) for value in row))


def _cell(value: object) -> str:
    """Write a value as shells expect it: `true`, nothing for what is not there, commas between the items of a list."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(map(_cell, value))
    return str(value)


def count(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
