"""What a report says of pools: pure."""

from collections.abc import Iterable, Iterator, Mapping

from fourplane_api.report import PoolReport, PoolState
from fourplane_worker.process.messages import CONNECTING, Reach
from fourplane_worker.process.status import pool_state

MAX_POOLS = 32
MAX_MESSAGE = 512


def told(names: Iterable[str], endpoints: Mapping[str, Mapping[str, Reach]]) -> Iterator[PoolReport]:
    """Yield what is known of the pools so named, by pool and address; of some, nothing is known yet."""
    for name in sorted(set(names) & endpoints.keys())[:MAX_POOLS]:
        addresses = endpoints[name]
        tried = {address: reach for address, reach in addresses.items() if reach.failure != CONNECTING}
        if tried or not addresses:
            yield PoolReport(name=name, state=PoolState(pool_state(tried)), message=_wrong(tried))


def _wrong(addresses: Mapping[str, Reach]) -> str:
    """Say in one line what is wrong; one fault stands for all, so that a fleet's size changes nothing."""
    if not addresses:
        return "no engine is found"
    faults = (f"{address}: {fault}" for address, reach in sorted(addresses.items()) for fault in _faults(reach))
    line = " ".join(next(faults, "").split())
    return line if len(line) <= MAX_MESSAGE else line[: MAX_MESSAGE - 3] + "..."


def _faults(reach: Reach) -> Iterator[str]:
    if reach.failure:
        yield reach.failure
    else:
        yield from (f"model {model}: {problem}" for model, problem in sorted(reach.broken.items()))
