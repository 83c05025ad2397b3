"""Kubernetes Events for transitions of Ready: what `kubectl describe` and `kubectl events` tell, at a bounded rate."""

import asyncio
import logging
from collections.abc import Callable
from hashlib import sha256

from fourplane_api import API_VERSION
from fourplane_api.meta import Condition, ConditionStatus
from fourplane_compiler.conditions import ConditionReason, ConditionType
from fourplane_compiler.diagnostics import SourceRef
from fourplane_kube import ExistsError, KubeError, Object
from fourplane_kube.kinds import EVENT
from fourplane_kube.times import timestamp
from fourplane_operator.errors import NotLeadingError
from fourplane_operator.gathering import Known
from fourplane_operator.guarded import Writer
from fourplane_operator.pacing import Bucket
from fourplane_operator.settings import MANAGER
from fourplane_operator.statuses import Wanted

log = logging.getLogger(__name__)

_LONGEST = 1024
"""Characters of a message; the API server refuses longer ones."""
_QUEUE = 200


class Happenings:
    """The Events that wait to be written; when too many come at once the rest is dropped, and counted."""

    def __init__(
        self, writer: Writer, bucket: Bucket, identity: str, wall: Callable[[], float], dropped: Callable[[], None]
    ) -> None:
        """Write through `writer`; `wall` returns seconds since 1970, `dropped` counts what is not written."""
        self._writer = writer
        self._bucket = bucket
        self._identity = identity
        self._wall = wall
        self._queue: asyncio.Queue[Object] = asyncio.Queue(_QUEUE)
        self._dropped = dropped

    def transition(self, ref: SourceRef, known: Known, wanted: Wanted) -> None:
        """Tell of a status that is about to be written, if it changes what Ready says and why."""
        before = next((one for one in known.standing if one.type == ConditionType.READY), None)
        after = next((one for one in wanted.conditions if one.type == ConditionType.READY), None)
        if after is None or after.reason == ConditionReason.PENDING:
            return
        if before is not None and (before.status, before.reason, before.message) == (
            after.status,
            after.reason,
            after.message,
        ):
            return
        try:
            self._queue.put_nowait(self._event(ref, known, wanted, after))
        except asyncio.QueueFull:
            self._dropped()

    async def run(self) -> None:
        """Write for ever."""
        while True:
            event = await self._queue.get()
            await self._bucket.wait()
            try:
                await self._writer.create(EVENT, event["metadata"]["namespace"], event)
            except (ExistsError, NotLeadingError):
                continue
            except KubeError as error:
                self._dropped()
                log.warning("an Event can't be written: %s", error)

    def _event(self, ref: SourceRef, known: Known, wanted: Wanted, ready: Condition) -> Object:
        namespace, _, name = ref.name.partition("/")
        now = timestamp(self._wall())
        message = ready.message or "everything asked for is served"
        what = f"{known.uid} {ready.observed_generation} {ready.status} {ready.reason} {message} {now[:16]}"
        stalled = any(
            one.type == ConditionType.STALLED and one.status is ConditionStatus.TRUE for one in wanted.conditions
        )
        return {
            "apiVersion": "v1",
            "kind": "Event",
            # The same transition within a minute has the same name, and so is told once, whoever leads.
            "metadata": {"name": f"{name[:200]}.{sha256(what.encode()).hexdigest()[:16]}", "namespace": namespace},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": ref.kind,
                "namespace": namespace,
                "name": name,
                "uid": known.uid,
            },
            "type": "Warning" if stalled else "Normal",
            "reason": ready.reason,
            "message": message if len(message) <= _LONGEST else message[: _LONGEST - 3] + "...",
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "source": {"component": MANAGER},
            "reportingComponent": MANAGER,
            "reportingInstance": self._identity[:128],
        }
