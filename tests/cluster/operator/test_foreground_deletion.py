import pytest
from acting_operator import NOWHERE
from system_runtime import a_runtime
from system_worker import eventually


@pytest.mark.timeout(150)
def test_a_runtime_that_is_deleted_in_the_foreground_goes_with_all_that_it_made(own_site, start_operator):
    own_site.cluster.start_controllers()
    start_operator(own_site, "--worker-image", "fourplane:none")
    own_site.apply(a_runtime({"main": ([NOWHERE], ["echo"])}))
    eventually(lambda: own_site.items("deployments"), "a Deployment of workers is made")
    own_site.cluster.kubectl_text("delete", "rtd/shop", "--cascade=foreground", "--timeout=60s", "--namespace=default")
    assert own_site.items("deployments") == []
    assert own_site.items("runtimedeployments") == []
