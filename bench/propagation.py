"""How long the edit of one route takes until the last worker serves it, and what it costs, by number of routes.

    make bench                                              100, 1,000 and 10,000 routes: about twenty minutes
    python bench/propagation.py --routes 1000 --edits 10    for a look
    python bench/propagation.py --document FILE             replaces the table between the markers of FILE

Everything runs on one machine: etcd, kube-apiserver, one operator, workers with one process each, a fast engine. Times
are from the moment that the API server had accepted the edited route to the line in the log of the last worker that
says that its process serves it. What everything costs at rest is measured before, and taken off.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from scale_resources import a_route, fill
from scale_run import Bench
from scale_site import NAMESPACE, Site, engine, site, started
from scale_table import Figures, document, shown

from fourplane_kube import connect


def kubectl_ms(here: Site, times: int = 5) -> float:
    """Return what `kubectl apply` of one unchanged route takes from its start to its end."""
    path = here.folder / "route.json"
    path.write_text(json.dumps(a_route(0)))
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        here.cluster.kubectl_text(
            "apply", "--server-side", "--force-conflicts", f"--namespace={NAMESPACE}", f"-f={path}"
        )
        took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


async def measure(routes: int, options: argparse.Namespace, say: Callable[[str], None]) -> Figures:
    """Return the figures of one number of routes, on a control plane of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="propagation-")))
        port, pid = stack.enter_context(engine())
        here = stack.enter_context(site(folder))
        async with connect(here.cluster.admin) as cluster:
            begun = time.monotonic()
            await fill(cluster, port, routes)
            say(f"{routes} routes applied in {time.monotonic() - begun:.0f} s; load {os.getloadavg()[0]:.1f}")
            workers = stack.enter_context(here.workers(options.workers))
            await started(workers)
            operator = stack.enter_context(here.operator())
            bench = Bench(here, cluster, operator, workers, routes)
            found = await bench.begin()
            say(f"first: {found}")
            found |= await bench.edits(options.edits) | {"load": os.getloadavg()[0]}
            say(f"edits: {found}")
            found |= {"kubectl_ms": kubectl_ms(here)}
            await bench.leave_one()
            found |= await bench.stalls(pid, max(3, options.edits // 3))
            found |= {"rss_mb": operator.memory_mb("VmRSS"), "peak_mb": operator.memory_mb("VmHWM")}
            return Figures(routes=routes, workers=options.workers, edits=options.edits, found=found)


def wanted() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--routes", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--edits", type=int, default=30)
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")
    parser.add_argument("--document", type=Path, metavar="FILE", help="replace the table between the markers of FILE")
    return parser.parse_args()


def main() -> None:
    """Measure each number of routes."""
    options = wanted()

    def say(line: str) -> None:
        print(line, file=sys.stderr if options.json else sys.stdout, flush=True)

    figures = [asyncio.run(measure(routes, options, say)) for routes in options.routes]
    if options.document:
        document(options.document, figures)
    print(json.dumps([asdict(one) for one in figures], indent=1) if options.json else "\n".join(shown(figures)))


if __name__ == "__main__":
    main()
