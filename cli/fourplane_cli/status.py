"""`fourplane status`."""

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from fourplane_cli.exits import Exit, FilesError
from fourplane_cli.output import Format, output_option, write_json, write_tsv
from fourplane_cli.serving import STATE
from fourplane_cli.teaching import Command
from fourplane_worker.store import locks
from fourplane_worker.store.layout import StateFolder

_AGAIN_S = 1.0
COLUMNS = ("kind", "name", "state", "detail")


@click.command(cls=Command)
@click.argument("root", metavar="[DIR]", default=".", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--state", type=click.Path(path_type=Path, file_okay=False), help=f"State folder. Default: {STATE} below DIR."
)
@click.option("--watch", is_flag=True, help="Show it again every second, until Ctrl-C.")
@output_option
@click.pass_context
def status(ctx: click.Context, *, root: Path, state: Path | None, watch: bool, output: Format) -> None:
    """Tell what is served, by whom, what is refused and why, and how much is going on.

    Reads what the worker of DIR's state folder writes there about once a second.

    Examples:
      fourplane status examples/quickstart
      fourplane status --state /var/lib/fourplane --watch
      fourplane status --output json deploy/ | jq -r '.rejected[].message'

    Exit codes: 0 ready, and everything that was asked for is served; 1 something is not: the output says what;
    2 wrong usage; 4 no worker runs on the folder.
    """
    folder = StateFolder(state or (root if root.is_dir() else root.parent) / STATE)
    shown = read_status(folder)
    while watch:
        click.clear()
        _write(shown, output)
        time.sleep(_AGAIN_S)
        shown = read_status(folder)
    _write(shown, output)
    ctx.exit(Exit.OK if is_fine(shown) else Exit.PROBLEMS)


def read_status(state: StateFolder) -> dict[str, Any]:
    """Return what the worker of a state folder says of itself; raise FilesError where none runs."""
    if not locks.owner(state, "worker"):
        there = state.status.exists()
        gone = "the worker is gone without a word" if there else "no worker runs here"
        raise FilesError(f"{state.root}: {gone}; `fourplane up DIR` starts one and goes on from what is on disk")
    try:
        shown: dict[str, Any] = json.loads(state.status.read_bytes())
    except FileNotFoundError:
        raise FilesError(f"{state.root}: the worker is just starting; try again in a moment") from None
    except (OSError, ValueError) as error:
        raise FilesError(f"{state.status}: {error}; the worker writes it anew in a moment") from error
    return shown


def is_fine(shown: Mapping[str, Any]) -> bool:
    """Tell whether everything that was asked for is served."""
    compiled = shown.get("compile", {})
    errors = [one for one in compiled.get("findings", ()) if one["severity"] == "error"]
    return shown["state"] == "Ready" and not errors and not compiled.get("failure")


def _write(shown: Mapping[str, Any], output: Format) -> None:
    if output is Format.JSON:
        write_json(shown)
    elif output is Format.TSV:
        write_tsv(COLUMNS, _rows(shown))
    else:
        for line in _lines(shown):
            click.echo(line)


def _rows(shown: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """Yield everything as a flat table."""
    served = shown["acknowledged"]
    yield "worker", shown["runtime"], shown["state"], shown["listen"]
    yield "snapshot", served["digest"] if served else "", "served" if served else "none", _revision(served)
    for one in shown["processes"]:
        yield "process", one["index"], _process_state(one), one["failure"] or one["pid"]
    for pool in shown["pools"]:
        yield from _pool_rows(pool)
    for engine in shown.get("engines", ()):
        yield "engine", engine["pool"], engine["state"], engine["failure"] or engine["address"]
    if follows := shown.get("follows"):
        yield "follows", follows["runtime"], follows["apiServer"], follows["problem"]
    for problem in shown["rejected"]:
        yield "rejected", problem["file"], problem["reason"], problem["message"]
    for one in shown.get("compile", {}).get("findings", ()):
        yield one["severity"], f"{one['file']}:{one['line']}", one["reason"], one["message"]


def _pool_rows(pool: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    yield "pool", pool["name"], pool["state"], ""
    for endpoint in pool["endpoints"]:
        place = f"{pool['name']}/{endpoint['address']}"
        yield "endpoint", place, _endpoint_state(endpoint), endpoint["failure"]
        for one in endpoint.get("broken", ()):
            yield "contract", f"{place}/{one['model']}", "broken", one["problem"]


def _lines(shown: Mapping[str, Any]) -> Iterator[str]:
    """Yield what people read."""
    served, rates = shown["acknowledged"], shown["rates"]
    serving = sum(one["serving"] is not None for one in shown["processes"])
    yield f"{click.style(shown['state'], bold=True, fg='green' if is_fine(shown) else 'yellow')}  {shown['runtime']}"
    if served:
        took = f", taken in {shown['propagationSeconds']} s" if shown["propagationSeconds"] is not None else ""
        yield f"  revision   {_revision(served)}, {served['digest'][:19]}, {shown['routes']} routes{took}"
    if shown["offered"] != served:
        yield f"  offered    {_revision(shown['offered'])}; not every process serves it yet"
    tls = "TLS" if shown["tls"] else "no TLS"
    metrics = f", metrics on http://{shown['metrics']}/metrics" if shown["metrics"] else ""
    yield f"  listening  {shown['listen']} ({tls}), {serving} of {len(shown['processes'])} processes serve{metrics}"
    quantiles = f", p50 {rates['p50_ms']} ms, p99 {rates['p99_ms']} ms" if rates["p50_ms"] is not None else ""
    yield f"  traffic    {rates['requests_per_s']} requests/s, {rates['errors_per_s']} errors/s{quantiles}"
    yield f"  since      {shown['started']}, process {shown['pid']}"
    for one in shown["processes"]:
        if one["failure"] or one["rejected"] or one["restarts"]:
            why = one["failure"] or (one["rejected"] or {}).get("message") or f"{one['restarts']} restarts"
            yield f"  process    {one['index']}: {_process_state(one)}, {why}"
    yield from _following_lines(shown.get("follows"))
    yield from _pool_lines(shown)
    yield from _problem_lines(shown)


def _following_lines(follows: Mapping[str, Any] | None) -> Iterator[str]:
    """Yield how it goes with the API server."""
    if follows is None:
        return
    problem = f": {follows['problem']}" if follows["problem"] else ""
    yield f"  follows    {follows['runtime']}, API server {follows['apiServer']}{problem}"
    if follows["report"] != "written":
        yield f"    report not written: {follows['report']}"
    for service in follows["services"]:
        if service["problem"]:
            yield f"    pool {service['pool']}: {service['problem']}"


def _pool_lines(shown: Mapping[str, Any]) -> Iterator[str]:
    engines = {engine["pool"]: engine for engine in shown.get("engines", ())}
    for pool in shown["pools"]:
        yield f"  pool       {pool['name']}: {pool['state']}"
        engine = engines.get(pool["name"])
        if engine and engine["state"] != "Up":
            yield f"    engine {engine['state']}: {engine['failure'] or engine['repository']}"
        for endpoint in pool["endpoints"]:
            state = _endpoint_state(endpoint)
            yield f"    {endpoint['address']}  {state}{': ' + endpoint['failure'] if endpoint['failure'] else ''}"
            for one in endpoint.get("broken", ()):
                yield f"      model {one['model']} is not served from there: {one['problem']}"


def _endpoint_state(endpoint: Mapping[str, Any]) -> str:
    if not endpoint["up"]:
        return "down"
    return "degraded" if endpoint.get("broken") else "up"


def _problem_lines(shown: Mapping[str, Any]) -> Iterator[str]:
    compiled = shown.get("compile", {})
    for problem in shown["rejected"]:
        yield f"  refused    {problem['message']}"
    if compiled.get("failure"):
        yield f"  sources    {compiled['failure']}"
    for one in compiled.get("findings", ()):
        last_good = "; its last good form is served" if one["lastGood"] else ""
        field = f"{one['field']}: " if one["field"] else ""
        yield f"  {one['severity']:9}  {one['file']}:{one['line']}: {field}{one['message']} [{one['reason']}]"
        yield f"    {one['remedy']}{last_good}"
    for name in compiled.get("held", ()):
        yield f"  held       {name}: in its last good form, since its file can't be read"


def _revision(offer: Mapping[str, Any] | None) -> str:
    return f"{offer['epoch']}.{offer['sequence']}" if offer else "none"


def _process_state(process: Mapping[str, Any]) -> str:
    if process["rejected"]:
        return "rejected"
    return "serving" if process["serving"] and process["listening"] else "starting"
