"""Publishes snapshots as the operator does, and damages them as it never would."""

import base64
import json
import secrets
from typing import Any

from control_plane import ControlPlane
from system_runtime import a_route, a_runtime

from fourplane.v1 import activation_pb2
from fourplane_api import ConfigShard, object_name, parse, short_form
from fourplane_compiler.compilation import blank, compile_runtime
from fourplane_compiler.sources import Changes
from fourplane_wire import canonical, trie
from fourplane_wire.activation import Activation, write_activation
from fourplane_wire.entries import Value, encode_entry, entry_key
from fourplane_wire.envelopes import encode_signed_activation, encode_signed_manifest, sign
from fourplane_wire.manifest import Manifest, encode_manifest
from fourplane_wire.signing import Purpose, SigningKey
from fourplane_wire.snapshot import Encoded, encode_trie

GROUP = "/apis/fourplane.dev/v1alpha1"
NOWHERE = "127.0.0.1:9"
"""An engine that is not there."""


def nothing_behind(*models: str) -> tuple[dict[str, Any], ...]:
    """Return a runtime whose only engine is not there, with a route for each model."""
    return a_runtime({"main": ([NOWHERE], ["echo"])}), *(a_route(model, ("main", "echo")) for model in models)


class Acting:
    """The operator of one runtime, `shop`."""

    def __init__(self, cluster: ControlPlane, namespace: str) -> None:
        """Make a key."""
        self.cluster = cluster
        self.namespace = namespace
        self.runtime = f"{namespace}/shop"
        self.key = SigningKey(secrets.token_bytes(32))
        self.epoch, self.sequence = 1, 0

    def compiled(self, *documents: dict[str, Any]) -> Encoded:
        """Compile resources of the namespace."""
        placed = (each | {"metadata": each["metadata"] | {"namespace": self.namespace}} for each in documents)
        compilation = compile_runtime(blank(self.runtime), Changes(upserts=tuple(map(parse, placed))))
        assert not compilation.has_errors, compilation.diagnostics
        assert compilation.encoded is not None
        return compilation.encoded

    def publish(self, *documents: dict[str, Any]) -> Activation:
        """Compile, store and activate."""
        encoded = self.compiled(*documents)
        self.store(encoded)
        return self.activate(encoded.digest)

    def store(self, encoded: Encoded, **shards: bytes) -> None:
        """Create shards and snapshot; `shards` has other bytes for some, by hash, or none to leave them out."""
        for sha256, data in encoded.shards.items():
            self.shard(sha256, shards.get(sha256, data))
        self.snapshot(encoded.digest, encode_signed_manifest(sign(Purpose.MANIFEST, encoded.manifest, [self.key])))

    def sign_anew(self, encoded: Encoded) -> None:
        """Put a snapshot with another signature into the place of the one that is there."""
        self.delete("configsnapshots", object_name(encoded.digest))
        self.store(encoded)

    def shard(self, sha256: str, data: bytes) -> None:
        """Create a shard under a hash, unless it is there; without bytes, don't."""
        if not data:
            return
        body = ConfigShard.of(self.namespace, data, 1).document()
        body["spec"]["sha256"] = sha256
        body["metadata"] = {"name": object_name(f"sha256:{sha256}")}
        self.create("configshards", body)

    def snapshot(self, digest: str, signed: bytes) -> None:
        """Create a snapshot, unless it is there."""
        spec = {
            "digest": digest,
            "runtime": self.runtime,
            "contractVersion": "1",
            "manifest": base64.b64encode(signed).decode(),
            "shards": [],
        }
        self.create("configsnapshots", {"metadata": {"name": object_name(digest)}, "spec": spec}, "ConfigSnapshot")

    def activate(self, digest: str, **how: Any) -> Activation:
        """Decide for a digest: the next sequence, or the epoch, sequence, key or bytes that `how` has."""
        self.epoch, self.sequence = how.get("epoch", self.epoch), how.get("sequence", self.sequence + 1)
        runtime = how.get("runtime", self.runtime)
        decision = Activation(runtime=runtime, epoch=self.epoch, sequence=self.sequence, stable=digest)
        data = how.get("data") or write_activation(decision, how.get("key", self.key))
        spec = {
            "runtime": self.runtime,
            "activation": base64.b64encode(data).decode(),
            "epoch": self.epoch,
            "sequence": self.sequence,
            "stable": digest,
            "stableShort": short_form(digest),
        }
        body = {"kind": "RuntimeActivation", "metadata": {"name": "shop"}, "spec": spec}
        status, found = self.request("GET", "runtimeactivations", "shop")
        if status == 404:
            self.create("runtimeactivations", body)
        else:
            metadata = {"name": "shop", "resourceVersion": found["metadata"]["resourceVersion"]}
            status, found = self.request("PUT", "runtimeactivations", "shop", body=body | {"metadata": metadata})
            assert status == 200, found
        return decision

    def of_a_newer_contract(self, digest: str) -> bytes:
        """Return an activation of a contract that is not known yet."""
        message = activation_pb2.Activation(
            contract_version="9", runtime=self.runtime, epoch=self.epoch, sequence=self.sequence + 1, stable=digest
        )
        payload = message.SerializeToString(deterministic=True)
        return encode_signed_activation(sign(Purpose.ACTIVATION, payload, [self.key]))

    def snapshot_of_a_newer_contract(self) -> str:
        """Store a snapshot of a contract that is not known yet; return its digest."""
        return self._manifest(encode_manifest(Manifest(runtime=self.runtime, shards=(), contract_version="9")))

    def snapshot_of_values(self, *values: Value) -> str:
        """Store a snapshot of values that nobody checked; return its digest."""
        root = trie.update(trie.EMPTY, {entry_key(value): encode_entry(value) for value in values})
        encoded = encode_trie(self.runtime, root)
        self.store(encoded)
        return encoded.digest

    def snapshot_without_a_runtime(self) -> str:
        """Store a snapshot of which every part is whole, and that is nothing to serve; return its digest."""
        return self._manifest(encode_manifest(Manifest(runtime=self.runtime, shards=())))

    def _manifest(self, manifest: bytes) -> str:
        digest = canonical.digest_of(manifest)
        self.snapshot(digest, encode_signed_manifest(sign(Purpose.MANIFEST, manifest, [self.key])))
        return digest

    def create(self, plural: str, body: dict[str, Any], kind: str = "") -> None:
        """Create an object unless it is there."""
        status, found = self.request("POST", plural, body=body | ({"kind": kind} if kind else {}))
        assert status in (201, 409), found

    def delete(self, plural: str, name: str) -> None:
        """Delete an object."""
        assert self.request("DELETE", plural, name)[0] == 200

    def report(self, pod: str) -> dict[str, Any]:
        """Return a worker's report; empty where there is none."""
        status, found = self.request("GET", "workerreports", pod)
        return found if status == 200 else {}

    def request(self, method: str, plural: str, name: str = "", body: Any = None) -> tuple[int, Any]:
        """Ask the API server as the admin."""
        path = f"{GROUP}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")
        data = json.dumps({"apiVersion": "fourplane.dev/v1alpha1"} | body).encode() if body else b""
        return self.cluster.request(method, path, data)

    def slices(self, service: str, *endpoints: dict[str, Any], port: int, family: str = "IPv4", name: str = "") -> None:
        """Write the only EndpointSlice of a Service."""
        named = f"{service}-{family.lower()}"
        body = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": named, "labels": {"kubernetes.io/service-name": service}},
            "addressType": family,
            "endpoints": list(endpoints),
            "ports": [{"port": port, "name": name or "grpc", "protocol": "TCP"}],
        }
        self.cluster.apply(json.dumps(body), namespace=self.namespace)


def first_shard(encoded: Encoded) -> tuple[str, bytes]:
    """Return hash and bytes of a snapshot's first shard."""
    return next(iter(encoded.shards.items()))
