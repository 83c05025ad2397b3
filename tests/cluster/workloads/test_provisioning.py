"""On a real API server: what a runtime makes is applied once, repaired, left alone where it is others', and removed."""

import json
from dataclasses import replace

import pytest
from provisioning_world import EXTERNAL, SETTINGS, a_world, everything, managed, reasons, told

from fourplane_compiler.workloads import names
from fourplane_compiler.workloads.plan import plan
from fourplane_compiler.workloads.settings import ClusterFacts
from fourplane_kube import ConflictError
from fourplane_kube.kinds import CONFIG_MAP, DEPLOYMENT, SERVICE
from fourplane_operator.provisioning import KINDS, owner_of
from fourplane_operator.settings import MANAGER

pytestmark = pytest.mark.usefixtures("definitions")
WORKER = "demo-worker"


async def test_every_manifest_is_valid_in_every_field(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        resource = world.applied(**everything())
        for one in plan(resource, SETTINGS, ClusterFacts(custom_metrics=True)).manifests:
            path = {"Service": "api/v1", "ServiceAccount": "api/v1", "ConfigMap": "api/v1"}.get(
                one.key.kind, f"apis/{one.body['apiVersion']}"
            )
            plural = {"NetworkPolicy": "networkpolicies"}.get(one.key.kind, f"{one.key.kind.lower()}s")
            query = "fieldValidation=Strict&dryRun=All"
            status, answer = cluster.request(
                "POST", f"/{path}/namespaces/{namespace}/{plural}?{query}", json.dumps(one.body).encode()
            )
            assert status == 201, (str(one.key), answer["message"])


async def test_what_a_runtime_makes_stands_and_nothing_more_is_written(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        resource = world.applied(EXTERNAL, managed("p", replicas=2))
        made = await world.step(resource)
        assert made.provisioning.generation == resource.metadata.generation == 1
        assert set(reasons(made)) == {"PodsNotReady"}
        before = await world.standing()
        assert len(before) == 8 + 5
        for _ in range(3):
            await world.step(resource)
            assert not world.writer.writes
        assert await world.standing() == before


async def test_what_the_api_server_writes_otherwise_is_no_drift(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        resource = world.applied(**everything())
        await world.step(resource)
        stored = await world.get("Deployment", WORKER)
        assert stored["spec"]["template"]["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "1"
        await world.step(resource)
        assert not world.writer.writes


async def test_an_operator_that_begins_anew_changes_nothing(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        resource = world.applied(managed("p"))
        await world.step(resource)
        before = await world.standing()
        world.restart()
        await world.step(resource)
        assert await world.standing() == before
        await world.step(resource)
        assert not world.writer.writes


async def test_an_event_leads_to_its_runtime(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        resource = world.applied()
        await world.step(resource)
        found = await world.get("Service", WORKER)
        assert owner_of(found) == f"{namespace}/demo"
        assert world.provisioner.saw("Service", found) is None
        found["metadata"]["labels"]["other"] = "x"
        changed = await world.cluster.replace(SERVICE, namespace, found)
        assert world.provisioner.saw("Service", changed) == f"{namespace}/demo"
        assert world.provisioner.lost("Service", changed) == f"{namespace}/demo"


async def test_drift_is_repaired_and_what_others_added_stays(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        resource = world.applied()
        await world.step(resource)
        found = await world.get("Deployment", WORKER)
        found["spec"]["replicas"] = 7
        found["spec"]["template"]["spec"]["containers"][0]["image"] = "someone/elses:1"
        found["metadata"]["annotations"] = {"theirs": "stays"}
        await world.cluster.replace(DEPLOYMENT, namespace, found)
        await world.step(resource)
        assert world.writer.writes == [("apply", "Deployment", WORKER)]
        repaired = await world.get("Deployment", WORKER)
        assert repaired["spec"]["replicas"] == 2
        assert repaired["spec"]["template"]["spec"]["containers"][0]["image"] == SETTINGS.worker_image
        assert repaired["metadata"]["annotations"]["theirs"] == "stays"
        await world.step(resource)
        assert not world.writer.writes


async def test_what_an_operator_with_the_same_manager_wrote_late_is_repaired(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        resource = world.applied(EXTERNAL, managed("p"))
        await world.step(resource)
        for one in plan(
            resource, replace(SETTINGS, worker_image="late:1", triton_image="late:1"), ClusterFacts()
        ).manifests:
            kind = KINDS[one.key.kind]
            before = await world.get(one.key.kind, one.key.name)
            after = await world.cluster.apply(kind, namespace, one.body, manager=MANAGER)
            is_drift = one.key.kind == "Deployment"
            assert (after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]) == is_drift
            assert held_fields(after) == held_fields(before)  # the same names, other values
        await world.step(resource)
        assert {what for what, *_ in world.writer.writes} == {"apply"}
        assert [kind for _, kind, _ in world.writer.writes] == ["Deployment", "Deployment"]
        assert (await image_of(world)) == SETTINGS.worker_image
        await world.step(resource)
        assert not world.writer.writes


async def test_a_write_that_was_decided_on_an_earlier_form_changes_nothing(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        resource = world.applied()
        await world.step(resource)
        late = None

        async def apply(kind, namespace, body, **rest):
            nonlocal late
            late = late or (kind, namespace, body)
            return await world.cluster.apply(kind, namespace, body, manager=MANAGER, **rest)

        world.writer.apply = apply
        await world.step(world.applied(workers={"image": "localhost/other:1"}))
        with pytest.raises(ConflictError):
            await world.cluster.apply(*late, manager=MANAGER)


async def test_a_status_that_changes_all_the_time_does_not_keep_from_applying_and_deleting(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        gone, stays = names.pool_service("demo", "p"), WORKER
        resource = world.applied(EXTERNAL, managed("p"))
        await world.step(resource)
        await world.step(world.applied(EXTERNAL))
        world.now += 30
        for name in (gone, stays):
            note = {"metadata": {"annotations": {"a-status": "or whatever bumps the version"}}}
            await world.cluster.merge(DEPLOYMENT, namespace, name, note, manager="someone")
        edited = world.applied(EXTERNAL, workers={"image": "localhost/other:1"})
        await world.provisioner.provision(edited)  # nothing was heard of these changes
        assert await image_of(world) == "localhost/other:1"
        assert not await world.is_there("Deployment", gone)


async def test_what_became_anothers_before_it_was_deleted_stays(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        await world.step(world.applied(workers={"replicas": 2}))
        resource = world.applied(workers={"replicas": 1})
        found = await world.get("PodDisruptionBudget", WORKER)
        found["metadata"]["ownerReferences"][0]["uid"] = "another"
        await world.cluster.replace(KINDS["PodDisruptionBudget"], namespace, found)
        await world.provisioner.provision(resource)  # nothing was heard of this change
        assert await world.is_there("PodDisruptionBudget", WORKER)


def held_fields(found):
    return [one["fieldsV1"] for one in found["metadata"]["managedFields"] if one["manager"] == MANAGER]


async def image_of(world):
    return (await world.get("Deployment", WORKER))["spec"]["template"]["spec"]["containers"][0]["image"]


async def test_another_program_that_wants_it_otherwise_costs_few_writes(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        resource = world.applied()
        await world.step(resource)

        async def step_after_anothers():
            found = await world.get("Deployment", WORKER)
            found["spec"]["replicas"] = 7
            await world.cluster.replace(DEPLOYMENT, namespace, found)
            made = await world.step(resource)
            return len(world.writer.writes), made.again_s

        assert [await step_after_anothers() for _ in range(3)] == [(1, None), (0, 10), (0, 10)]
        world.now += 11
        assert await step_after_anothers() == (1, None)


async def test_labels_and_owners_that_were_taken_away_come_back(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        resource = world.applied()
        await world.step(resource)
        for field in ("ownerReferences", "labels"):
            found = await world.get("ConfigMap", f"{WORKER}-keys")
            del found["metadata"][field]
            await world.cluster.replace(CONFIG_MAP, namespace, found)
            world.now += 11
            made = await world.step(resource)
            assert "NameTaken" not in reasons(made)
            assert (await world.get("ConfigMap", f"{WORKER}-keys"))["metadata"][field]


async def test_an_object_that_was_deleted_comes_back(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        resource = world.applied()
        await world.step(resource)
        await world.cluster.delete(SERVICE, namespace, WORKER)
        await world.step(resource)
        assert world.writer.writes == [("apply", "Service", WORKER)]


async def test_a_name_that_is_taken_is_left_alone_and_said(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        theirs = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{WORKER}-keys"}, "data": {"a": "b"}}
        stored = await world.cluster.create(CONFIG_MAP, namespace, theirs)
        resource = world.applied()
        made = await world.step(resource)
        assert f"ConfigMap {namespace}/{WORKER}-keys" in told(made, "NameTaken")
        assert await world.is_there("Deployment", WORKER)
        assert await world.get("ConfigMap", f"{WORKER}-keys") == stored
        assert made.again_s == 30
        await world.cluster.delete(CONFIG_MAP, namespace, f"{WORKER}-keys")
        asked = world.cluster.requests["GET", "ConfigMap"]
        assert "NameTaken" in reasons(await world.step(resource))
        assert world.cluster.requests["GET", "ConfigMap"] == asked + 1  # the listing
        world.now += 31
        assert "NameTaken" not in reasons(await world.step(resource))
        assert (await world.get("ConfigMap", f"{WORKER}-keys"))["data"] == dict(SETTINGS.public_keys)


async def test_what_another_runtime_made_is_not_taken_over(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        one, other = world.applied(name="one"), world.applied(name="other")
        await world.step(one)
        forged = other.model_copy(update={"metadata": other.metadata.model_copy(update={"name": "one"})})
        made = await world.step(forged)
        assert not world.writer.writes
        assert set(reasons(made)) == {"PodsNotReady"}
        assert "is being deleted" in told(made, "PodsNotReady")


async def test_what_the_api_server_refuses_is_said_and_not_sent_again_at_once(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        resource = world.applied(workers={"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}})
        made = await world.step(resource)
        message = told(made, "ApplyFailed")
        assert f"Deployment {namespace}/{WORKER}" in message
        assert "must be less than or equal to memory limit" in message
        assert await world.is_there("Service", WORKER)
        assert reasons(await world.step(resource)) == reasons(made)
        assert not world.writer.writes
        better = world.applied(workers={"resources": {"requests": {"memory": "1Gi"}, "limits": {"memory": "1Gi"}}})
        assert "ApplyFailed" not in reasons(await world.step(better))
        assert await world.is_there("Deployment", WORKER)


async def test_a_pool_that_left_takes_its_objects_with_it(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        await world.step(world.applied(managed("a"), managed("b", replicas=2)))
        gone, stays = names.pool_service("demo", "b"), names.pool_service("demo", "a")
        assert await world.is_there("Deployment", gone)
        resource = world.applied(managed("a"))
        made = await world.step(resource)
        assert await world.is_there("Deployment", gone)  # workers may still serve what needs it
        assert made.again_s == 30
        world.now += 30
        made = await world.step(resource)
        assert made.again_s is None
        for kind in ("Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget"):
            assert not await world.is_there(kind, gone)
        assert await world.is_there("Deployment", stays)


async def test_a_folder_is_said_and_the_other_pools_go_on(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        made = await world.step(world.applied(managed("local", "models"), managed("claimed")))
        assert told(made, "RepositoryNotServed").startswith("spec.pools[0].triton.modelRepository: ")
        assert await world.is_there("Deployment", names.pool_service("demo", "claimed"))
        assert not await world.is_there("Deployment", names.pool_service("demo", "local"))


async def test_without_a_metrics_api_the_minimum_stands_and_it_is_said(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        await world.provisioner.look()
        made = await world.step(world.applied(workers={"autoscaling": {"minReplicas": 3, "maxReplicas": 9}}))
        assert told(made, "NotAutoscaled").startswith("spec.workers.autoscaling: ")
        assert (await world.get("Deployment", WORKER))["spec"]["replicas"] == 3
        assert not await world.is_there("HorizontalPodAutoscaler", WORKER)


async def test_what_is_being_deleted_is_made_anew_once_it_is_gone(cluster, namespace):
    async with a_world(cluster, namespace) as world:
        resource = world.applied()
        await world.step(resource)
        held = {"metadata": {"finalizers": ["example.com/hold"]}}
        await world.cluster.merge(CONFIG_MAP, namespace, f"{WORKER}-keys", held, manager="someone")
        await world.cluster.delete(CONFIG_MAP, namespace, f"{WORKER}-keys")
        made = await world.step(resource)
        assert not world.writer.writes
        assert "finalizers" in next(one.message for one in made.provisioning.shortfalls if "ConfigMap" in one.message)
        await world.cluster.merge(
            CONFIG_MAP, namespace, f"{WORKER}-keys", {"metadata": {"finalizers": None}}, manager="someone"
        )
        await world.step(resource)
        assert world.writer.writes == [("apply", "ConfigMap", f"{WORKER}-keys")]
