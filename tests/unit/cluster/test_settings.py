"""What a worker in a cluster can be told, and what it says to what it can't."""

import pytest
from click.testing import CliRunner

from fourplane_cli.worker import worker
from fourplane_worker.cluster.settings import followed
from fourplane_worker.process.errors import SetupError


def test_a_runtime_has_a_namespace_and_a_name():
    settings = followed("team/shop", "shop-0", "", None)
    assert (settings.namespace, settings.name, settings.runtime) == ("team", "shop", "team/shop")


@pytest.mark.parametrize("runtime", ["shop", "/shop", "team/", "a/b/c", "/"])
def test_what_is_no_runtime_is_refused(runtime):
    with pytest.raises(SetupError, match="NAMESPACE/NAME"):
        followed(runtime, "shop-0", "", None)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--follow", "shop"], "write NAMESPACE/NAME"),
        (["--follow", "team/shop"], "POD_NAME"),
        (["--follow", "team/shop", "--pod", "shop-0", "--kubeconfig", "nowhere"], "no way to an API server"),
    ],
)
def test_settings_that_can_not_work_end_the_command_and_leave_nothing_behind(options, said, tmp_path):
    state = tmp_path / "state"
    done = CliRunner().invoke(worker, ["--state", str(state), *options], env={"POD_NAME": ""})
    assert done.exit_code == 2
    assert said in done.output
    assert not state.exists()
