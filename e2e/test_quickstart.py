"""The quickstart in a cluster: one story, told in order."""

import json
import time

import guide
import pytest
import yaml
from callers import calling, tour
from target import OPERATORS, ROOT, RUNTIMES, CommandError

pytestmark = pytest.mark.timeout(420)
WORKERS = "quickstart-worker"
DIGITS = ROOT / "examples" / "quickstart" / "digits.yaml"


@pytest.fixture(scope="module")
def installed(target):
    """Install the charts as the guide says."""
    guide.follow(target, guide.INSTALL, **values(target))
    return target


def values(target):
    repository, _, tag = target.image.rpartition(":")
    return {
        "watchNamespaces": [RUNTIMES],
        "image": {"repository": repository, "tag": tag, "pullPolicy": target.pull_policy},
        "tritonImage": target.triton_image,
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }


def install_operators(target, replicas):
    target.install("fourplane", OPERATORS, replicas=replicas, **values(target))


def leader(target):
    """Return the name of the operator's pod that leads."""
    holder = target.get("lease", "fourplane", namespace=OPERATORS)["spec"]["holderIdentity"]
    return holder.rpartition("_")[0]


@pytest.fixture(scope="module")
def applied(installed):
    """Apply the quickstart as the guide says, which waits until it is ready and shows it."""
    lines = [line.split() for line in guide.follow(installed, guide.SERVE).splitlines()]
    shown = {line[0]: line for line in lines if line}
    assert shown["modelroute.fourplane.dev/digits"][3:5] == ["True", "Ready"]
    assert shown["runtimedeployment.fourplane.dev/quickstart"][1:3] == ["True", "Ready"]
    installed.wait("--for=condition=Ready", "modelroute/storyteller")
    return installed


def digest(target):
    return target.get("runtimedeployment", "quickstart")["status"]["digest"]


def set_weights(target, first, second):
    """Edit the route, and return the digest of what is served then."""
    before = digest(target)
    route = yaml.safe_load(DIGITS.read_text())
    route["spec"]["backends"][0]["weight"], route["spec"]["backends"][1]["weight"] = first, second
    target.apply(route)
    target.kubectl("wait", "--for=condition=Ready", "modelroute/digits", "--timeout=60s")
    end = time.monotonic() + 60
    while digest(target) == before:
        assert time.monotonic() < end, "the edit is not served"
        time.sleep(0.2)
    return digest(target)


def test_the_operator_runs_restricted_and_leads(installed):
    (pod,) = installed.get("pods", "--selector=app.kubernetes.io/component=operator", namespace=OPERATORS)["items"]
    assert leader(installed) == pod["metadata"]["name"]


def test_applied_resources_become_ready_and_serve_through_triton(applied):
    found = tour(applied.url(WORKERS), applied.heldout)
    assert found["accuracy"] > 0.8
    assert set(found["backends"]) == {"digits_v1", "digits_v2"}
    assert found["trailers"]["x-fourplane-digest"] == digest(applied)
    assert len(found["story"]["tokens"]) == 24
    assert found["refusal"]["status"] == "NOT_FOUND"


def test_each_worker_reports_what_it_serves(applied):
    reports = applied.get("workerreports")["items"]
    pods = applied.get("pods", "--selector=app.kubernetes.io/component=worker")["items"]
    assert {each["metadata"]["name"] for each in reports} == {each["metadata"]["name"] for each in pods}
    assert {each["spec"]["acknowledged"]["digest"] for each in reports} == {digest(applied)}


def test_an_edited_route_is_served_without_a_failed_call(applied):
    before = digest(applied)
    with calling(applied.url(WORKERS)) as found:
        after = set_weights(applied, 10, 90)
        time.sleep(1)
    assert found["failed"] == {}
    assert set(found["answered"]) == {before, after}


def test_workers_roll_without_a_failed_call(applied):
    before = {each["metadata"]["uid"] for each in applied.get("pods")["items"]}
    with calling(applied.url(WORKERS)) as found:
        applied.kubectl("rollout", "restart", f"deployment/{WORKERS}")
        applied.rolled_out(WORKERS)
        applied.wait("--for=delete", "pods", f"--selector=pod-template-hash={old_template(applied)}")
    after = {each["metadata"]["uid"] for each in applied.get("pods")["items"]}
    assert found["failed"] == {}, found
    assert sum(found["answered"].values()) > 100
    assert len(before - after) == 2


def test_engines_roll_without_a_failed_call(applied):
    (engines,) = applied.get("deployments", "--selector=app.kubernetes.io/component=engine")["items"]
    name = engines["metadata"]["name"]
    (old,) = applied.get("pods", "--selector=app.kubernetes.io/component=engine")["items"]
    with calling(applied.url(WORKERS)) as found:
        applied.kubectl("rollout", "restart", f"deployment/{name}")
        applied.rolled_out(name)
        applied.wait("--for=delete", f"pod/{old['metadata']['name']}")
    assert found["failed"] == {}, found
    assert sum(found["answered"].values()) > 100


def old_template(target):
    """Return the hash of the template that is no longer wanted."""
    sets = target.get("replicasets", "--selector=app.kubernetes.io/component=worker")["items"]
    by_age = sorted(sets, key=lambda each: int(each["metadata"]["annotations"]["deployment.kubernetes.io/revision"]))
    return by_age[-2]["metadata"]["labels"]["pod-template-hash"]


def test_a_killed_operator_is_missed_by_nobody(applied):
    with calling(applied.url(WORKERS)) as found:
        applied.kubectl(
            "delete", "pods", "--selector=app.kubernetes.io/component=operator", "--force", namespace=OPERATORS
        )
        after = set_weights(applied, 50, 50)
    assert found["failed"] == {}
    assert tour(applied.url(WORKERS), applied.heldout)["trailers"]["x-fourplane-digest"] == after


def test_a_second_operator_takes_over(applied):
    install_operators(applied, 2)
    first = leader(applied)
    with calling(applied.url(WORKERS)) as found:
        applied.kubectl("delete", "pod", first, "--force", namespace=OPERATORS)
        set_weights(applied, 30, 70)
    assert leader(applied) != first
    assert found["failed"] == {}


def test_nobody_asked_for_what_the_chart_does_not_grant(applied):
    operators = applied.kubectl(
        "logs", "--selector=app.kubernetes.io/component=operator", "--tail=-1", namespace=OPERATORS
    )
    workers = applied.kubectl("logs", "--selector=app.kubernetes.io/component=worker", "--tail=-1")
    assert "leading" in operators
    assert "forbidden" not in operators + workers


def test_without_an_operator_workers_serve_on_and_restart(applied):
    guide.follow(applied, guide.REMOVE)
    with calling(applied.url(WORKERS)) as found:
        applied.kubectl("rollout", "restart", f"deployment/{WORKERS}")
        applied.rolled_out(WORKERS)
    assert found["failed"] == {}


def test_a_deleted_runtime_takes_everything_with_it(applied):
    applied.kubectl("delete", "runtimedeployment/quickstart", "modelroute/digits", "modelroute/storyteller")
    kinds = "deployments,services,configmaps,networkpolicies,poddisruptionbudgets,rolebindings,fourplane-internal"
    applied.wait("--for=delete", kinds, "--selector=app.kubernetes.io/managed-by=fourplane")
    applied.wait("--for=delete", "pods", "--selector=app.kubernetes.io/managed-by=fourplane")
    left = applied.get("configsnapshots,configshards,runtimeactivations,workerreports")["items"]
    assert [each["metadata"]["name"] for each in left] == []


def test_definitions_outlive_their_chart(applied):
    applied.run("helm", "uninstall", "fourplane-crds", f"--namespace={OPERATORS}", "--wait")
    assert applied.get("crd", "runtimedeployments.fourplane.dev")["metadata"]["name"]
    with pytest.raises(CommandError, match="not found"):
        applied.get("deployment", "fourplane", namespace=OPERATORS)
    assert json.dumps(applied.get("secret", "fourplane-signing-key", namespace=OPERATORS))
