"""The Secret that the operator signs with is for no pod of a runtime, where the operator serves its own namespace."""

import pytest
from acting_operator import NOWHERE
from system_runtime import a_runtime

PODS = ("--worker-image", "example/worker:1", "--triton-image", "example/triton:1", "--own-secret", "mine")


def asking_for(secret, field):
    runtime = a_runtime({"main": ([NOWHERE], ["echo"]), "store": ([], ["digits"])})
    server = {"image": "example/evil:1"}
    runtime["spec"]["pools"][1]["triton"] |= {"modelRepository": "s3://bucket", "server": server}
    if field == "tls":
        runtime["spec"]["workers"] = {"image": "example/evil:1", "tls": {"secretName": secret}}
    else:
        server["credentialsSecretName"] = secret
    return runtime


@pytest.mark.parametrize("field", ["tls", "credentials"])
def test_a_runtime_that_names_it_gets_no_such_pods_and_is_told(site, start_operator, field):
    start_operator(site, *PODS, "--worker-role", site.rights.worker_role)
    site.apply(asking_for("mine", field))
    refused = site.until("rtd", "shop", "Provisioned", "False", "SecretRefused")
    assert "signing key" in refused["message"]
    site.until("rtd", "shop", "Stalled", "True")
    assert "mine" not in [secret for one in site.items("deployments") for secret in secrets_of(one)]
    site.apply(asking_for("yours", field))
    site.until("rtd", "shop", "Provisioned", "False", "PodsNotReady")
    assert "yours" in [secret for one in site.items("deployments") for secret in secrets_of(one)]


def secrets_of(deployment):
    volumes = deployment["spec"]["template"]["spec"]["volumes"]
    return [volume["secret"]["secretName"] for volume in volumes if "secret" in volume]
