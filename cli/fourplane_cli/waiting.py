"""What `fourplane up` waits for, while not everything is up."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fourplane_cli.progress import Progress

_PATIENCE_S = 3.0
"""Engines may take a moment; nobody needs to hear of that."""
_AGAIN_S = 1.0


async def say_what_is_missing(
    status: Callable[[], Mapping[str, Any]], progress: Progress, patience_s: float = _PATIENCE_S
) -> None:
    """Say what is waited for, each thing once, until cancelled."""
    said: set[str] = set()
    await asyncio.sleep(patience_s)
    while True:
        for line in missing(status()):
            if line not in said:
                said.add(line)
                progress.warn("waiting", line)
        await asyncio.sleep(min(_AGAIN_S, patience_s))


def missing(shown: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a status says of things that are not as they should be; engines that just start say so themselves."""
    for one in shown["rejected"]:
        yield one["message"]
    for one in shown["processes"]:
        if one["failure"]:
            yield f"process {one['index']}: {one['failure']}"
    for pool in shown["pools"]:
        for endpoint in pool["endpoints"]:
            for problem in _problems(endpoint):
                yield f"pool {pool['name']}: {endpoint['address']}: {problem}"


def _problems(endpoint: Mapping[str, Any]) -> Iterator[str]:
    if endpoint["failure"]:
        yield endpoint["failure"]
    for broken in endpoint["broken"]:
        yield f"model {broken['model']}: {broken['problem']}"
