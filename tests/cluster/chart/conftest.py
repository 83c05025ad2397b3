"""A control plane with what the chart installs, for the tests of what it grants and refuses."""

import json
from itertools import count

import chart_rbac
import pytest
from conftest import install_definitions, running_in

_numbers = count(1)


@pytest.fixture(scope="session")
def charted(tmp_path_factory):
    """Run a control plane of its own: the admission policy holds for all of it."""
    for cluster in running_in(tmp_path_factory.mktemp("charted")):
        install_definitions(cluster)
        make_namespace(cluster, "control")
        chart_rbac.install_policy(cluster, "control")
        yield cluster


@pytest.fixture
def shop(charted):
    """Make a namespace for one test."""
    name = f"shop-{next(_numbers)}"
    make_namespace(charted, name)
    return name


@pytest.fixture
def rights(charted, shop):
    """Grant what the chart grants in that namespace."""
    return chart_rbac.install_rights(charted, "control", watchNamespaces=[shop], fullnameOverride=shop)


def make_namespace(cluster, name):
    cluster.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}))
