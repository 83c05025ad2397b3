"""Whose word counts: workers that serve, in pods that are available."""

import pytest
from compiler_resources import a_runtime
from operator_making import Clock

from fourplane_compiler.workloads.settings import WorkloadSettings
from fourplane_operator.making import Making
from fourplane_operator.provisioning import Provisioner
from fourplane_operator.reports import heard

DIGEST = "sha256:" + "a" * 64


def a_report(serving):
    said = {"digest": DIGEST, "digestShort": "a" * 12, "epoch": 3, "sequence": 4, "at": "2026-01-01T00:00:00Z"}
    return {
        "apiVersion": "fourplane.dev/v1alpha1",
        "kind": "WorkerReport",
        "metadata": {"name": "p", "namespace": "shop", "resourceVersion": "1"},
        "spec": {
            "runtime": "shop/r",
            "workerVersion": "1.0.0",
            "contractVersions": ["1"],
            "acknowledged": said,
            "processes": {"wanted": 2, "serving": serving, "summary": f"{serving}/2"},
        },
    }


@pytest.mark.parametrize(("serving", "acknowledged"), [(0, None), (1, DIGEST), (2, DIGEST)])
def test_a_worker_of_which_no_process_serves_acknowledges_nothing(serving, acknowledged):
    said = heard(a_report(serving))
    assert (said.report.acknowledged, said.revision) == (acknowledged, (3, 4))


class World:
    """A runtime whose objects are made; nothing is asked or written."""

    def __init__(self):
        self.resource = a_runtime()
        self.provisioner = Provisioner(None, None, WorkloadSettings(worker_image="w:1"), Clock())
        self.making = Making(self.provisioner, Clock())
        self.making.ask(self.resource)

    def sees(self, version, owner="", **status):
        metadata = self.resource.metadata
        controller = {
            "apiVersion": "fourplane.dev/v1alpha1",
            "kind": "RuntimeDeployment",
            "name": metadata.name,
            "uid": owner or metadata.uid,
            "controller": True,
        }
        found = {
            "name": f"{metadata.name}-worker",
            "namespace": metadata.namespace,
            "resourceVersion": str(version),
            "labels": {"app.kubernetes.io/managed-by": "fourplane", "fourplane.dev/runtime": metadata.name},
            "ownerReferences": [controller],
        }
        self.provisioner.saw("Deployment", {"metadata": found, "status": status})
        return self.making.has_workers


def test_workers_count_as_long_as_nothing_is_known_of_their_deployment():
    assert World().making.has_workers
    assert World().sees(1, owner="another")


def test_workers_of_a_deployment_without_an_available_pod_do_not_count():
    world = World()
    assert not world.sees(1)
    assert world.sees(2, replicas=2, availableReplicas=1)
    assert not world.sees(3, replicas=2, availableReplicas=0)


def test_workers_that_nobody_makes_count():
    assert Making(None, Clock()).has_workers
    going = World()
    going.sees(1)
    going.making.ask(None)
    assert going.making.has_workers
