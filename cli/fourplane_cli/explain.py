"""`fourplane explain`."""

from pathlib import Path

import click

from fourplane_cli.loading import load_snapshot
from fourplane_cli.output import Format, output_option, write_json, write_tsv
from fourplane_cli.teaching import Group
from fourplane_compiler.differences import backend_name
from fourplane_compiler.explanation import Candidate, Explanation
from fourplane_compiler.explanation import explain as explain_request
from fourplane_core.control.plan import prepare

COLUMNS = ("pool", "model", "version", "weight", "sharePercent", "resolved", "chosen", "why", "engines")


@click.group(cls=Group)
def explain() -> None:
    """Tell why requests are treated as they are.

    Example:
      fourplane explain route my-model examples/
    """


@explain.command()
@click.argument("model")
@click.argument("source", metavar="DIR|BUNDLE", type=click.Path(exists=True, path_type=Path))
@click.option("--version", default="", help="Model version that the caller names; none by default.")
@click.option("--key-value", help="Value of the route's affinity header, as the caller sends it.")
@click.option(
    "--draw", type=click.IntRange(0, 2**64 - 1), help="The 64 random bits that decide where nothing else does."
)
@click.option("--runtime", metavar="[NAMESPACE/]NAME", help="Which RuntimeDeployment, where DIR has several.")
@click.option(
    "--key",
    "trusted",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Public key that a bundle must be signed with; without one signatures are not looked at.",
)
@output_option
def route(
    *,
    model: str,
    source: Path,
    version: str,
    key_value: str | None,
    draw: int | None,
    runtime: str | None,
    trusted: tuple[Path, ...],
    output: Format,
) -> None:
    """Tell where a request for the public model MODEL goes, and why not to each other candidate.

    The answer comes from the very function that workers plan requests with. Without --key-value or --draw it says
    what is sure: the candidates and their shares.

    Examples:
      fourplane explain route my-model examples/
      fourplane explain route my-model examples/ --key-value session-42
      fourplane explain route my-model live.bundle --draw 7 --output json

    Exit codes: 0 explained, refusals included; 1 a folder that cannot be compiled; 2 wrong usage; 3 a bundle that
    cannot be verified; 4 a file cannot be read.
    """
    if key_value is not None and draw is not None:
        raise click.UsageError("--key-value and --draw exclude each other: a request has one or the other")
    snapshot = load_snapshot(source, runtime, trusted)
    found = explain_request(prepare(snapshot), model, version, affinity=key_value, draw=draw)
    if output is Format.JSON:
        write_json(_as_json(found, snapshot.digest))
    elif output is Format.TSV:
        write_tsv(COLUMNS, map(_row, found.candidates))
    else:
        _write(found)


def _row(one: Candidate) -> tuple[object, ...]:
    return one.pool, one.model, one.version, one.weight, one.share, one.resolved, one.chosen, one.why, one.engines


def _as_json(found: Explanation, digest: str) -> dict[str, object]:
    candidates = [dict(zip(COLUMNS, _row(one), strict=True)) for one in found.candidates]
    refusal = found.refusal
    return {
        "snapshot": digest,
        "model": found.model,
        "version": found.version,
        "route": found.route or None,
        "decided": found.decided,
        "decidedBy": found.decided_by,
        "deadlineMs": found.deadline_ms or None,
        "refusal": {"reason": refusal.outcome.value, "message": refusal.message} if refusal else None,
        "chosen": next((one for one in candidates if one["chosen"]), None),
        "candidates": candidates,
    }


def _write(found: Explanation) -> None:
    if found.route:
        click.echo(f"route {found.route}, decided by {found.decided_by}; deadline {found.deadline_ms} ms")
    for one in found.candidates:
        mark = "->" if one.chosen else "  "
        click.echo(f"{mark} {backend_name(one.pool, one.model, one.version)} (weight {one.weight}) {one.why}")
    if found.refusal:
        click.echo(f"refused: {found.refusal.outcome}: {found.refusal.message}")
    elif not found.decided:
        click.echo("each request is drawn on its own; --draw or --key-value shows one")
