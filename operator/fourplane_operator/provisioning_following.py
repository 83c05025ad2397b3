"""Follow what runtimes made: the provisioner hears of every change, and the runtimes that it concerns are woken."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from fourplane_kube import Changed, Cluster, Deleted, Kind, Listed, Troubled, follow
from fourplane_operator.provisioning import Provisioner
from fourplane_operator.provisioning_stock import KINDS, SELECTOR

log = logging.getLogger(__name__)


async def follow_made(
    cluster: Cluster, namespaces: Sequence[str], provisioner: Provisioner, wake: Callable[[str], None]
) -> None:
    """Follow every kind in every namespace (none given: in all) for ever; `wake` takes `NAMESPACE/NAME` of a runtime.

    The API server selects by label, so other objects of these kinds cost nothing.
    """
    async with asyncio.TaskGroup() as group:
        for kind in KINDS.values():
            for namespace in namespaces or ("",):
                group.create_task(_follow(cluster, kind, namespace, provisioner, wake))


async def _follow(
    cluster: Cluster, kind: Kind, namespace: str, provisioner: Provisioner, wake: Callable[[str], None]
) -> None:
    async for happening in follow(cluster, kind, namespace, labelSelector=SELECTOR):
        for runtime in _touched(kind.kind, namespace, happening, provisioner):
            wake(runtime)


def _touched(
    kind: str, namespace: str, happening: Listed | Changed | Deleted | Troubled, provisioner: Provisioner
) -> set[str]:
    match happening:
        case Listed(objects):
            return provisioner.listed(kind, namespace, objects)
        case Changed(found):
            return {runtime} if (runtime := provisioner.saw(kind, found)) else set()
        case Deleted(found):
            return {runtime} if (runtime := provisioner.lost(kind, found)) else set()
        case Troubled(error):
            log.warning("what runtimes made can't be followed for now: %s", error)
            return set()
