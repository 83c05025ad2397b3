import json

from acting_operator import NOWHERE
from system_runtime import a_route, a_runtime
from system_worker import eventually

POLICY = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicy",
    "metadata": {"name": "no-snapshots"},
    "spec": {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [
                {
                    "apiGroups": ["fourplane.dev"],
                    "apiVersions": ["*"],
                    "operations": ["CREATE"],
                    "resources": ["configsnapshots"],
                }
            ]
        },
        "validations": [{"expression": "false", "message": "no more snapshots this month"}],
    },
}
BINDING = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingAdmissionPolicyBinding",
    "metadata": {"name": "no-snapshots"},
    "spec": {"policyName": "no-snapshots", "validationActions": ["Deny"]},
}


def test_what_the_api_server_refuses_to_store_is_told_and_tried_again(own_site, start_operator, start_worker):
    start_operator(own_site, may_complain=True)
    start_worker(own_site, "shop-0")
    own_site.apply(a_runtime({"main": ([NOWHERE], ["echo", "other"])}), a_route("echo", ("main", "echo")))
    own_site.until("mroute", "echo", "Ready", "True")

    own_site.apply(POLICY, BINDING)
    eventually(lambda: is_refused(own_site), "the policy is in force")
    own_site.apply(a_route("echo", ("main", "other")), a_route("lost", ("main", "nowhere")))
    stalled = own_site.until("mroute", "echo", "Stalled", "True", "PublishFailed")
    assert "no more snapshots this month" in stalled["message"]
    own_site.until("mroute", "lost", "ResolvedRefs", "False", "ModelNotFound")

    own_site.cluster.kubectl_text("delete", "validatingadmissionpolicybinding", "no-snapshots")
    own_site.until("mroute", "echo", "Ready", "True")


def is_refused(site):
    digest = "0" * 64
    body = {
        "apiVersion": "fourplane.dev/v1alpha1",
        "kind": "ConfigSnapshot",
        "metadata": {"name": f"sha256-{digest}"},
        "spec": {
            "digest": f"sha256:{digest}",
            "runtime": "default/shop",
            "contractVersion": "1",
            "manifest": "AAAA",
            "shards": [],
        },
    }
    path = f"/apis/fourplane.dev/v1alpha1/namespaces/{site.namespace}/configsnapshots?dryRun=All"
    return site.cluster.request("POST", path, json.dumps(body).encode())[0] == 422
