"""The table of `propagation.py`."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- figures of propagation -->", "<!-- end of figures of propagation -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured with one number of routes."""

    routes: int
    workers: int
    edits: int
    found: Mapping[str, float]


ROWS: Sequence[tuple[str, str]] = (
    ("accepted until the last worker serves it, p50", "{last_p50_ms:.0f} ms"),
    ("the same, p95", "{last_p95_ms:.0f} ms"),
    ("accepted until the first worker serves it, p50", "{first_worker_p50_ms:.0f} ms"),
    ("accepted until its status says Ready, p50", "{ready_p50_ms:.0f} ms"),
    ("`kubectl apply` itself, from its start to its end", "{kubectl_ms:.0f} ms"),
    ("written to the API server by the operator, each edit", "{edit_bytes:,.0f} B in {edit_writes:.1f} requests"),
    ("of them writes of a status", "{edit_status_writes:.1f}"),
    ("CPU of the operator, each edit", "{edit_operator_cpu_ms:.0f} ms"),
    ("CPU of a worker, each edit", "{edit_worker_cpu_ms:.0f} ms"),
    ("CPU at rest, of a core: operator; a worker", "{rest_operator_cpu:.1%}; {rest_worker_cpu:.1%}"),
    ("operator started until the first snapshot is active", "{first_s:.1f} s"),
    ("CPU until then; time of the compile", "{first_cpu_s:.1f} s; {first_compile_s:.2f} s"),
    ("operator started until the last worker serves it", "{first_served_s:.1f} s"),
    ("operator started until every status is told", "{first_told_s:.0f} s, {first_status_writes:.0f} writes"),
    ("memory of the operator: now; its peak", "{rss_mb:.0f} MB; {peak_mb:.0f} MB"),
    ("a request, no swap: p50; p99.9; longest", "{calm_p50_ms:.1f}; {calm_p999_ms:.1f}; {calm_max_ms:.1f} ms"),
    (
        "with swaps: p99.9; longest of each swap, p50; longest",
        "{swap_p999_ms:.1f}; {swap_worst_p50_ms:.1f}; {swap_max_ms:.1f} ms",
    ),
    ("load average of the machine after the edits", "{load:.1f}"),
)


def shown(figures: Sequence[Figures]) -> list[str]:
    """Return the lines of the table, and what it is of."""
    first = figures[0]
    about = (
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"{first.workers} workers of a supervisor and one process each; {first.edits} edits, one after the other. "
        f"Requests beside swaps: {'at a raised priority' if first.found['raised'] else 'at no raised priority'}."
    )
    head = "| | " + " | ".join(f"{one.routes:,} routes" for one in figures) + " |"
    rows = [f"| {name} | " + " | ".join(form.format(**one.found) for one in figures) + " |" for name, form in ROWS]
    return [about, "", head, "|" + "---|" * (len(figures) + 1), *rows]


def document(path: Path, figures: Sequence[Figures]) -> None:
    """Write the table into a document, between its markers."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n" + "\n".join(shown(figures)) + f"\n{END}{after}")
