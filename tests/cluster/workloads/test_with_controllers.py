"""With Kubernetes' own controllers: pods come of it, only new ones count, and everything goes with the runtime."""

import asyncio
import json
import shutil
import time
from pathlib import Path

import pytest
from control_plane import ControlPlane
from provisioning_world import EXTERNAL, a_world, managed, reasons, told

from fourplane_compiler.workloads import names
from fourplane_kube.kinds import POD
from fourplane_operator.provisioning import SCALE_MANAGER

pytestmark = pytest.mark.timeout(180)  # controllers take their time on a busy machine
DEFINITION = Path(__file__).resolve().parents[3] / "crds/fourplane.dev_runtimedeployments.yaml"
WORKER = "demo-worker"
METRICS_API = {
    "apiVersion": "apiregistration.k8s.io/v1",
    "kind": "APIService",
    "metadata": {"name": "v1beta2.custom.metrics.k8s.io"},
    "spec": {
        "group": "custom.metrics.k8s.io",
        "version": "v1beta2",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "insecureSkipTLSVerify": True,
        "service": {"name": "adapter", "namespace": "default"},
    },
}


@pytest.fixture(scope="module")
def controlled(tmp_path_factory):
    """Run a control plane with its controllers."""
    folder = tmp_path_factory.mktemp("controlled") / "cluster"
    try:
        with ControlPlane(folder) as running:
            running.start_controllers()
            running.apply(DEFINITION)
            while "runtimedeployments" not in running.kubectl_text("api-resources", "--api-group=fourplane.dev"):
                time.sleep(0.1)
            yield running
    finally:
        shutil.rmtree(folder / "etcd", ignore_errors=True)


@pytest.fixture
def place(controlled, request):
    """Make a namespace for one test, where nothing runs that is not as restricted as can be."""
    name = request.node.name.replace("_", "-")[5:45].strip("-")
    metadata = {"name": name, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    controlled.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
    return name


async def until(ask, tries=300):
    """Ask until the answer is something, and return it."""
    for _ in range(tries):
        if found := await ask():
            return found
        await asyncio.sleep(0.1)
    raise AssertionError("it did not come")


async def pods(world, count=1):
    """Return all pods once there are so many."""

    async def ask():
        found, _ = await world.cluster.list(POD, world.namespace)
        return found if len(found) >= count else None

    return await until(ask)


def get_ready(world, found):
    """Say that pods are ready, as a kubelet does."""
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    for one in found:
        path = f"/api/v1/namespaces/{world.namespace}/pods/{one['metadata']['name']}/status"
        body = json.dumps({"status": status}).encode()
        answer, said = world.control_plane.request("PATCH", path, body, content_type="application/merge-patch+json")
        assert answer == 200, said


async def stepped(world, resource, wanted):
    """Step until the reasons are those."""

    async def ask():
        made = await world.step(resource)
        return made if set(reasons(made)) == set(wanted) else None

    return await until(ask)


async def test_pods_come_and_their_readiness_is_told(controlled, place):
    async with a_world(controlled, place) as world:
        resource = world.applied(managed("p"))
        await world.step(resource)
        found = await pods(world, 3)
        made = await stepped(world, resource, ["PodsNotReady"])
        assert "0 of 2 pods are ready" in told(made, "PodsNotReady")
        get_ready(world, [one for one in found if "fourplane.dev/pool" not in one["metadata"]["labels"]])
        for _ in range(100):
            made = await world.step(resource)
            if len(made.provisioning.shortfalls) == 1:
                break
            await asyncio.sleep(0.1)
        assert f"Deployment {names.pool_service('demo', 'p')}: 0 of 1 pods are ready" in told(made, "PodsNotReady")
        get_ready(world, found)
        await stepped(world, resource, [])
        before = await world.standing()
        await world.step(resource)
        assert (world.writer.writes, await world.standing()) == ([], before)


async def test_pods_of_an_earlier_form_do_not_count(controlled, place):
    async with a_world(controlled, place) as world:
        resource = world.applied(workers={"replicas": 1})
        await world.step(resource)
        old = await pods(world)
        get_ready(world, old)
        await stepped(world, resource, [])
        edited = world.applied(workers={"replicas": 1, "image": "localhost/worker:2"})
        assert reasons(await world.step(edited)) == ["PodsNotReady"]
        await pods(world, 2)

        async def old_alone_are_ready():
            made = await world.step(edited)
            return made if "of an earlier form" in told(made, "PodsNotReady") else None

        await until(old_alone_are_ready)
        new = [one for one in await pods(world, 2) if one["metadata"]["uid"] != old[0]["metadata"]["uid"]]
        get_ready(world, new)
        await stepped(world, edited, [])


async def test_pods_that_may_not_be_made_are_failing(controlled, place):
    async with a_world(controlled, place) as world:
        quota = {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": {"name": "none"},
            "spec": {"hard": {"pods": "0"}},
        }
        controlled.apply(json.dumps(quota), namespace=place)

        async def enforced():
            found = controlled.kubectl("get", "resourcequota", "none", f"--namespace={place}")
            return found.get("status", {}).get("hard")

        await until(enforced)
        resource = world.applied()
        made = await stepped(world, resource, ["PodsFailing"])
        assert "exceeded quota" in told(made, "PodsFailing")


async def test_the_number_of_pods_goes_over_to_an_autoscaler_and_back_without_a_dip(controlled, place):
    async with a_world(controlled, place) as world:
        await world.step(world.applied(workers={"replicas": 4}))
        scaling = {"replicas": 4, "autoscaling": {"minReplicas": 2, "maxReplicas": 9}}
        controlled.apply(json.dumps(METRICS_API))
        await until(world.provisioner.look)
        scaled = world.applied(workers=scaling)
        await world.step(scaled)
        assert (await world.get("Deployment", WORKER))["spec"]["replicas"] == 4
        assert (SCALE_MANAGER, "Deployment", WORKER) in world.writer.writes
        assert (await world.get("HorizontalPodAutoscaler", WORKER))["spec"]["minReplicas"] == 2
        controlled.kubectl_text("scale", "deployment", WORKER, "--replicas=6", f"--namespace={place}")
        await world.step(scaled)
        await world.step(scaled)
        assert not world.writer.writes
        assert (await world.get("Deployment", WORKER))["spec"]["replicas"] == 6
        controlled.kubectl_text("delete", "apiservice", METRICS_API["metadata"]["name"])
        await until(world.provisioner.look)
        await world.step(scaled)
        assert not world.writer.writes
        world.restart()  # and the one that begins anew has listed nothing yet
        await world.provisioner.provision(scaled)
        assert await world.is_there("HorizontalPodAutoscaler", WORKER)
        assert (await world.get("Deployment", WORKER))["spec"]["replicas"] == 6
        await world.step(world.applied(workers={"replicas": 3}))
        assert (await world.get("Deployment", WORKER))["spec"]["replicas"] == 3
        assert not await world.is_there("HorizontalPodAutoscaler", WORKER)


async def test_everything_goes_with_the_runtime_and_a_namesake_makes_its_own(controlled, place):
    async with a_world(controlled, place) as world:
        first = world.applied(EXTERNAL, managed("p"))
        await world.step(first)
        before = await world.standing()
        await world.runtime_gone()
        second = world.applied(EXTERNAL, managed("p"))
        assert second.metadata.uid != first.metadata.uid

        async def ask():
            world.now += 31
            await world.step(second)
            found = [await world.get(kind, name) for kind, name in await world.standing()]
            owners = {one["metadata"]["ownerReferences"][0]["uid"] for one in found}
            return len(found) == len(before) and owners == {second.metadata.uid}

        await until(ask)
        await world.runtime_gone()

        async def nothing():
            return not await world.standing()

        await until(nothing)

        async def no_pods():
            found, _ = await world.cluster.list(POD, place)
            return not found

        await until(no_pods)
