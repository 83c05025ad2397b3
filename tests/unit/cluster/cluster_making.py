"""An API server's objects for a snapshot, and one that has them."""

import copy
from base64 import b64encode
from collections import Counter

from store_making import KEY, a_snapshot

from fourplane_api import object_name
from fourplane_kube import NotFoundError
from fourplane_kube.kinds import CONFIG_SHARD, CONFIG_SNAPSHOT
from fourplane_wire.activation import Activation, write_activation
from fourplane_wire.envelopes import encode_signed_manifest, sign
from fourplane_wire.signing import Purpose

RUNTIME = "default/shop"


def text(data):
    return b64encode(data).decode()


def an_activation(encoded, sequence, *, epoch=1, key=KEY, runtime=RUNTIME, previous=None):
    decision = Activation(runtime=runtime, epoch=epoch, sequence=sequence, stable=encoded.digest, previous=previous)
    spec = {"stable": encoded.digest, "activation": text(write_activation(decision, key))}
    return {"metadata": {"name": "shop"}, "spec": spec}


class Objects:
    """An API server."""

    def __init__(self):
        self.objects = {}
        self.gets = Counter()
        self.failing = None

    async def get(self, kind, namespace, name):
        self.gets[kind] += 1
        if self.failing is not None:
            raise self.failing
        if (kind, name) not in self.objects:
            raise NotFoundError(f"{kind} {name} is not there")
        return copy.deepcopy(self.objects[kind, name])

    def put(self, encoded, key=KEY):
        for sha256, data in encoded.shards.items():
            self.objects[CONFIG_SHARD, object_name(f"sha256:{sha256}")] = {"spec": {"data": text(data)}}
        signed = encode_signed_manifest(sign(Purpose.MANIFEST, encoded.manifest, [key]))
        self.objects[CONFIG_SNAPSHOT, object_name(encoded.digest)] = {"spec": {"manifest": text(signed)}}

    def damage_shard(self, encoded):
        sha256 = next(iter(encoded.shards))
        self.objects[CONFIG_SHARD, object_name(f"sha256:{sha256}")]["spec"]["data"] = text(b"garbage")


__all__ = ["RUNTIME", "Objects", "a_snapshot", "an_activation", "text"]
