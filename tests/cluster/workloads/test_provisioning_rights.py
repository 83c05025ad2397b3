"""The rights that the chart grants the operator are enough for all that a runtime makes, and no event is missed."""

import asyncio
from dataclasses import replace

from chart_rbac import install_rights
from provisioning_world import SETTINGS, a_world, everything, managed, reasons, told

from fourplane_kube import NoAccessError, connect
from fourplane_operator.provisioning import Provisioner
from fourplane_operator.provisioning_following import follow_made


async def test_the_charts_rights_are_enough(definitions, namespace):
    rights = install_rights(definitions, namespace, watchNamespaces=[namespace])
    settings = replace(SETTINGS, worker_role=rights.worker_role)
    async with a_world(definitions, namespace, settings) as world, connect(rights.operator) as operator:
        world.cluster = operator
        world.restart()
        await world.provisioner.look()
        made = await world.step(world.applied(**everything()))
        assert set(reasons(made)) == {"NotAutoscaled", "PodsNotReady"}
        smaller = world.applied()
        assert set(reasons(await world.step(smaller))) == {"PodsNotReady"}
        world.now += 31
        assert set(reasons(await world.step(smaller))) == {"PodsNotReady"}
        assert {kind for verb, kind, _ in world.writer.writes if verb == "delete"} >= {"Deployment", "NetworkPolicy"}


async def test_another_role_may_not_be_bound_and_that_is_said(definitions, namespace):
    rights = install_rights(definitions, namespace, watchNamespaces=[namespace])
    settings = replace(SETTINGS, worker_role="cluster-admin")
    async with a_world(definitions, namespace, settings) as world, connect(rights.operator) as operator:
        world.cluster = operator
        world.restart()
        made = await world.step(world.applied())
        assert set(reasons(made)) == {"ApplyFailed", "PodsNotReady"}


async def test_what_may_not_be_deleted_is_said(definitions, namespace):
    async with a_world(definitions, namespace) as world:
        await world.step(world.applied(workers={"replicas": 2}))
        world.writer.delete = refuse
        made = await world.step(world.applied(workers={"replicas": 1}))
        assert f"PodDisruptionBudget {namespace}/demo-worker is wanted no longer" in told(made, "ApplyFailed")
        assert made.again_s == 30
        assert reasons(await world.step(world.applied(workers={"replicas": 1}))) == reasons(made)


async def refuse(*_, **__):
    raise NoAccessError("DELETE x: forbidden (403)")


async def test_whoever_changes_what_was_made_wakes_its_runtime(definitions, namespace):
    async with a_world(definitions, namespace) as world:
        resource = world.applied(managed("p"))
        provisioner = Provisioner(world.cluster, world.writer, SETTINGS, lambda: 0.0)
        woken = asyncio.Queue()
        following = asyncio.create_task(follow_made(world.cluster, [namespace], provisioner, woken.put_nowait))
        try:
            await provisioner.provision(resource)
            for kind, name in [("ConfigMap", "demo-worker-keys"), ("Deployment", "demo-worker")]:
                while not woken.empty():
                    woken.get_nowait()
                definitions.kubectl_text("label", kind, name, "fourplane.dev/runtime-", f"--namespace={namespace}")
                assert await asyncio.wait_for(woken.get(), 30) == f"{namespace}/demo"
                world.writer.writes.clear()
                await provisioner.provision(resource)
                assert world.writer.writes == [("apply", kind, name)]
        finally:
            following.cancel()
            await asyncio.wait({following})
