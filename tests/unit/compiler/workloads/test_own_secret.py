"""No pod gets the Secret that the operator signs with."""

from dataclasses import replace

import pytest
from workload_making import SETTINGS, a_managed_pool, bodies, planned

from fourplane_compiler.conditions.reasons import ConditionReason
from fourplane_compiler.workloads import shortfalls

OWN = replace(SETTINGS, own_secrets=frozenset({("team", "fourplane-signing-key")}))
TLS = {"tls": {"secretName": "fourplane-signing-key"}}


def with_credentials(name):
    return a_managed_pool(name, repository="s3://bucket", credentialsSecretName="fourplane-signing-key")


def test_workers_with_the_signing_key_are_not_made_and_the_engines_go_on():
    found = planned(a_managed_pool(), workers=TLS, settings=OWN)
    assert bodies(found, "Deployment") == []
    assert len(bodies(found, "Deployment", "engine")) == 1
    assert [one.field for one in found.remarks] == ["spec.workers.tls.secretName"]


def test_engines_with_the_signing_key_are_not_made_and_the_others_go_on():
    found = planned(with_credentials("evil"), a_managed_pool("good"), settings=OWN)
    assert len(bodies(found, "Deployment", "engine")) == 1
    assert len(bodies(found, "Deployment")) == 1
    (remark,) = found.remarks
    assert remark.field == "spec.pools[0].triton.server.credentialsSecretName"
    assert shortfalls.of_remark(remark).reason is ConditionReason.SECRET_REFUSED


@pytest.mark.parametrize(
    ("namespace", "settings"),
    [("other", OWN), ("team", SETTINGS), ("team", replace(SETTINGS, own_secrets=frozenset({("team", "another")})))],
)
def test_a_secret_of_that_name_elsewhere_is_the_users_own(namespace, settings):
    found = planned(with_credentials("p"), workers=TLS, settings=settings, namespace=namespace)
    assert found.remarks == ()
    assert len(bodies(found, "Deployment", "engine")) == len(bodies(found, "Deployment")) == 1


def test_nothing_that_is_made_names_the_secret():
    found = planned(with_credentials("evil"), a_managed_pool("good"), workers=TLS, settings=OWN)
    assert "fourplane-signing-key" not in str([one.body for one in found.manifests])
