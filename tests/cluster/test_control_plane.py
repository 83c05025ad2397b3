"""The control plane of these tests is what they take it for."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from control_plane import KubectlError
from program import ProgramError

HERE = Path(__file__).parent


def test_the_api_server_knows_its_version(cluster):
    assert cluster.kubectl("version")["serverVersion"]["gitVersion"].startswith("v1.")


def test_a_service_account_may_do_what_it_is_granted_and_no_more(cluster, namespace):
    reader = cluster.service_account("reader", namespace)
    with pytest.raises(KubectlError, match="cannot list resource"):
        cluster.kubectl("get", "configmaps", f"--namespace={namespace}", kubeconfig=reader)
    cluster.kubectl("create", "role", "read", f"--namespace={namespace}", "--verb=list", "--resource=configmaps")
    account = f"--serviceaccount={namespace}:reader"
    cluster.kubectl("create", "rolebinding", "read", f"--namespace={namespace}", "--role=read", account)
    cluster.kubectl("get", "configmaps", f"--namespace={namespace}", kubeconfig=reader)
    with pytest.raises(KubectlError, match="cannot list resource"):
        cluster.kubectl("get", "secrets", f"--namespace={namespace}", kubeconfig=reader)


def test_what_was_stored_outlives_crashes(own_cluster):
    own_cluster.kubectl("create", "configmap", "kept")
    own_cluster.api_server.kill()
    with pytest.raises(KubectlError, match="kube-apiserver does not run"):
        own_cluster.kubectl("get", "configmap", "kept")
    own_cluster.etcd.kill()
    own_cluster.etcd.start()
    own_cluster.api_server.start()
    assert own_cluster.kubectl("get", "configmap", "kept")["metadata"]["name"] == "kept"


def test_a_paused_api_server_answers_nothing_and_then_goes_on(own_cluster):
    own_cluster.api_server.pause()
    with pytest.raises(KubectlError, match=r"[Tt]imeout|deadline exceeded"):
        own_cluster.kubectl("get", "namespaces", "--request-timeout=1s")
    own_cluster.api_server.resume()
    own_cluster.kubectl("get", "namespaces")


def test_controllers_and_scheduler_work(own_cluster):
    own_cluster.start_controllers()
    own_cluster.start_scheduler()
    own_cluster.kubectl("create", "deployment", "web", "--image=none")
    own_cluster.kubectl_text("wait", "--for=create", "serviceaccount/default", "--timeout=20s")
    own_cluster.kubectl_text("wait", "--for=condition=PodScheduled=false", "pods", "--all", "--timeout=20s")


def test_a_program_that_cannot_start_says_why(own_cluster):
    own_cluster.api_server.stop()
    own_cluster.api_server.command.append("--no-such-flag")
    with pytest.raises(ProgramError, match="unknown flag: --no-such-flag"):
        own_cluster.api_server.start()


def test_nothing_is_left_when_the_tests_are_killed(tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from control_plane import ControlPlane\n"
        "it = ControlPlane(Path(sys.argv[1])); it.start(); it.etcd.pause()\n"
        "print(it.etcd.pid, it.api_server.pid, flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "cluster")]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True) as tests:
        pids = [int(word) for word in tests.stdout.readline().split()]
        tests.kill()
    assert len(pids) == 2
    end = time.monotonic() + 10
    while any(map(runs, pids)):
        assert time.monotonic() < end
        time.sleep(0.05)


def runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
