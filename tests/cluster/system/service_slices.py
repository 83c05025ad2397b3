"""EndpointSlices made by hand, as a Service's own would be: one for each engine, since each has a port of its own."""

import socket

import pytest


def own_address():
    """Return an address of this machine that is not a loopback, which slices can't hold; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            pytest.skip("this machine has no address beside its loopback")
        return probe.getsockname()[0]


class Endpoints:
    """What is behind a Service."""

    def __init__(self, site, service):
        """Begin with nothing."""
        self.site = site
        self.service = service
        self.there = {}

    def become(self, *engines):
        """Let these engines be behind it: first come those that are new, then go those that are gone."""
        wanted = {f"{self.service}-{engine.name}": engine for engine in engines}
        for name in wanted.keys() - self.there.keys():
            self.site.apply(self.slice(name, wanted[name]))
        for name in self.there.keys() - wanted.keys():
            self.site.cluster.kubectl_text("delete", "endpointslice", name, f"--namespace={self.site.namespace}")
        self.there = wanted

    def slice(self, name, engine):
        """Return a slice with one ready endpoint."""
        host, _, port = engine.address.rpartition(":")
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": name, "labels": {"kubernetes.io/service-name": self.service}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [host], "conditions": {"ready": True}}],
            "ports": [{"port": int(port), "name": "grpc", "protocol": "TCP"}],
        }
