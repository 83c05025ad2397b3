"""Copies what a decision needs from the API server into the state folder: shards, manifest, activation."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Protocol

from fourplane_api import object_name
from fourplane_core.control.snapshot import Digest
from fourplane_kube import NoAccessError, NotFoundError
from fourplane_kube.kinds import CONFIG_SHARD, CONFIG_SNAPSHOT, Kind
from fourplane_wire.activation import Activation
from fourplane_wire.manifest import Manifest, ShardRef
from fourplane_wire.signing import Keyring
from fourplane_worker.cluster import offers
from fourplane_worker.cluster.errors import NotTakenError
from fourplane_worker.cluster.offers import Offered
from fourplane_worker.store import activations, files, snapshots
from fourplane_worker.store.errors import StoreError
from fourplane_worker.store.layout import StateFolder

log = logging.getLogger(__name__)

_AT_ONCE = 8
"""Shards that are fetched at one time."""


class Getter(Protocol):
    """Gets an object by its name."""

    async def get(self, kind: Kind, namespace: str, name: str) -> dict[str, Any]:
        """Return the object; raise a KubeError."""
        ...


class Mirror:
    """The writer of a worker's store."""

    def __init__(self, cluster: Getter, state: StateFolder, keyring: Callable[[], Keyring], runtime: str) -> None:
        """Copy for a runtime, NAMESPACE/NAME, what these keys vouch for."""
        self._cluster = cluster
        self._state = state
        self._keyring = keyring
        self._runtime = runtime
        self._namespace = runtime.partition("/")[0]
        self._whole: dict[str, tuple[int, int, int]] = {}
        """Shards in the folder that had the right hash, by what tells that they were not replaced since."""

    async def take(self, offer: Offered) -> bool:
        """Place all of a decision; tell whether it is new. Raise NotTakenError, KubeError or StoreError.

        Nothing is placed before everything was verified, so that garbage never replaces a good file.
        """
        decision = offers.decision(offer, self._keyring(), self._runtime, await asyncio.to_thread(self._taken))
        manifest, signed = await self._manifest(decision.stable)
        missing = await asyncio.to_thread(self._lacking, manifest.shards)
        shards = await self._fetch(missing)
        return await asyncio.to_thread(self._place, decision, offer.data, signed, shards)

    def _taken(self) -> Activation | None:
        try:
            return activations.accepted(self._state, self._keyring())
        except StoreError:
            return None  # whoever serves it says what is wrong with it

    async def _manifest(self, digest: Digest) -> tuple[Manifest, bytes | None]:
        """Return the manifest, and its signed form where the folder lacks it."""
        try:
            return await asyncio.to_thread(snapshots.read_manifest, self._state, digest, self._keyring()), None
        except StoreError:
            signed = offers.signed_manifest(await self._get(CONFIG_SNAPSHOT, object_name(digest)))
            return offers.manifest(digest, signed, self._keyring(), self._runtime), signed

    def _lacking(self, refs: Iterable[ShardRef]) -> list[ShardRef]:
        known, self._whole = self._whole, {}
        lacking = []
        for ref in refs:
            path = self._state.shard(ref.sha256)
            stamp = files.stamp(path)
            if stamp is None or (known.get(ref.sha256) != stamp and not _has_hash(path.read_bytes(), ref)):
                lacking.append(ref)
            else:
                self._whole[ref.sha256] = stamp
        return lacking

    async def _fetch(self, refs: Iterable[ShardRef]) -> dict[str, bytes]:
        turns = asyncio.Semaphore(_AT_ONCE)

        async def fetch(ref: ShardRef) -> tuple[str, bytes]:
            async with turns:
                return ref.sha256, offers.shard(ref, await self._get(CONFIG_SHARD, offers.shard_name(ref)))

        tasks = [asyncio.create_task(fetch(ref)) for ref in refs]
        try:
            return dict(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def _get(self, kind: Kind, name: str) -> Mapping[str, Any]:
        try:
            return await self._cluster.get(kind, self._namespace, name)
        except NotFoundError as error:
            raise NotTakenError(
                f"{kind} {name}", offers.MISSING, "it is not there; the operator makes it anew"
            ) from error
        except NoAccessError as error:
            raise NotTakenError(f"{kind} {name}", offers.FORBIDDEN, str(error)) from error

    def _place(self, decision: Activation, data: bytes, signed: bytes | None, shards: Mapping[str, bytes]) -> bool:
        snapshots.place(self._state, shards, decision.stable, signed)
        is_repaired = bool(shards) or signed is not None
        is_new = activations.place(self._state, data, again=is_repaired)
        if is_new:
            named = {digest for each in self._decisions() for digest in (each.stable, each.previous) if digest}
            removed = snapshots.collect(self._state, self._keyring(), frozenset(named))
            log.info(
                "placed an activation",
                extra={
                    "digest": decision.stable,
                    "epoch": decision.epoch,
                    "sequence": decision.sequence,
                    "new_shards": len(shards),
                    "removed": removed,
                },
            )
        return is_new

    def _decisions(self) -> tuple[Activation, ...]:
        return activations.known(self._state, self._keyring())


def _has_hash(data: bytes, ref: ShardRef) -> bool:
    return sha256(data).hexdigest() == ref.sha256
