"""`fourplane up` in front of a real Triton: edits, broken edits, crashes of each process, and the end."""

import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from up_running import Caller, Running, edit, is_alive, kill, resources, sleeper, wait

MODELS = Path(__file__).parent / "models"


@pytest.fixture
def folder(tmp_path, triton):
    return resources(tmp_path / "resources", f"endpoints: [{triton}]")


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


def up(folder, state, *options):
    running = Running("up", folder, *options, state=state)
    running.wait_for(r"ready\s+clients connect")
    return running


def other_up(folder, state, *options):
    """Run another one to its end."""
    command = [sys.executable, "-m", "fourplane_cli", "up", str(folder), "--state", str(state), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


class Steady:
    """A client that never stops calling, each time over a new connection."""

    def __init__(self, address):
        self.digests, self.errors, self._stop = [], [], threading.Event()
        self._address = address
        self._thread = threading.Thread(target=self._call)
        self._thread.start()

    def _call(self):
        while not self._stop.is_set():
            with Caller(self._address) as caller:
                try:
                    self.digests.append(caller.add()["x-fourplane-digest"])
                except grpc.RpcError as error:
                    self.errors.append(error)

    def stop(self):
        self._stop.set()
        self._thread.join()


def test_edits_are_served_and_no_call_is_lost(folder, state):
    with up(folder, state, "--workers", "2") as running:
        steady = Steady(running.address)
        for number in range(1, 6):
            edit(folder, deadline=f"{number}s")
            digest = running.wait_status(lambda found, n=number: found["compile"]["revision"] == f"1.{n + 1}")
            wait(lambda n=number: running.status()["acknowledged"]["sequence"] == n + 1)
            wait(lambda: steady.digests[-1] == running.status()["acknowledged"]["digest"])
        steady.stop()
        assert not steady.errors
        assert len(set(steady.digests)) == 6
        assert digest["runtime"] == "default/shop"
        assert running.output.count("changed   route/default/adder deadline") == 5
        assert "by all 2 processes after" in running.output


def test_an_edit_that_changes_nothing_writes_nothing(folder, state):
    with up(folder, state) as running:
        before = (state / "store" / "activation").stat()
        path = folder / "adder.yaml"
        path.write_text("# a comment\n" + path.read_text())
        edit(folder, "other", deadline="1s")
        running.wait_for("route-added")
        (folder / "other.yaml").unlink()
        running.wait_for("route-removed")
        running.wait_status(lambda found: found["acknowledged"]["sequence"] == 3)
        path.write_text("# another comment\n" + path.read_text())
        time.sleep(1)
        assert running.status()["acknowledged"]["sequence"] == 3
        assert (state / "store" / "activation").stat().st_ino != before.st_ino


def test_a_broken_edit_is_reported_and_the_last_good_form_is_served(folder, state):
    with up(folder, state) as running, Caller(running.address) as caller:
        digest = caller.add()["x-fourplane-digest"]
        edit(folder, deadline="soon")
        running.wait_for(r"adder\.yaml:9: error: ModelRoute default/adder: spec\.deadline: .*\n.*last good form")
        shown = running.wait_status(lambda found: found["compile"]["findings"])
        assert shown["compile"]["findings"][0]["line"] == 9
        (folder / "adder.yaml").write_text("kind: [")
        running.wait_for(r"adder\.yaml:2: error: .*no valid YAML")
        running.wait_for("can't be read: ModelRoute default/adder")
        assert caller.add()["x-fourplane-digest"] == digest
        edit(folder, deadline="7s")
        running.wait_for("all problems are gone")
        wait(lambda: caller.add()["x-fourplane-digest"] != digest)


def test_a_process_that_is_killed_is_replaced_and_its_counts_stay(folder, state):
    with up(folder, state, "--workers", "2") as running:
        for _ in range(20):
            with Caller(running.address) as caller:
                caller.add()
        wait(lambda: running.metric("fourplane_requests_total") == 20)
        victim = running.status()["processes"][0]["pid"]
        time.sleep(1.2)  # its numbers are asked for once a second
        kill(victim)
        running.wait_status(lambda found: found["processes"][0]["pid"] not in (None, victim))
        running.wait_status(lambda found: all(each["serving"] for each in found["processes"]))
        with Caller(running.address) as caller:
            caller.add()
        assert running.metric("fourplane_requests_total") == 21
        assert running.metric("fourplane_process_restarts_total") == 1
        assert "killed by SIGKILL" in running.output


def test_both_processes_serve_one_port_and_are_counted_together(folder, state):
    with up(folder, state, "--workers", "2") as running:
        callers = [Caller(running.address) for _ in range(32)]
        for caller in callers:
            caller.add()
        assert running.metric("fourplane_requests_total") == 32
        assert running.metric("fourplane_open_connections") == 32
        assert running.metric("fourplane_processes_serving") == 2
        assert running.metric("fourplane_endpoints_up") == 1
        assert running.page("/readyz") == "ok\n"
        # Which process a connection went to: kill one, and see how many calls fail.
        kill(running.status()["processes"][0]["pid"])
        lost = 0
        for caller in callers:
            try:
                caller.stub.ServerLive(_live(), timeout=5)
            except grpc.RpcError:
                lost += 1
        for caller in callers:
            caller.close()
        assert lost < 32


def _live():
    from tritonclient.grpc import service_pb2

    return service_pb2.ServerLiveRequest()


def test_a_killed_up_leaves_no_process_and_the_next_one_goes_on(folder, state):
    first = up(folder, state, "--workers", "2")
    edit(folder, deadline="3s")
    shown = first.wait_status(lambda found: found["acknowledged"]["sequence"] == 2)
    pids = [each["pid"] for each in shown["processes"]]
    assert first.stop(9) == -9
    wait(lambda: not any(map(is_alive, pids)))
    with up(folder, state) as second, Caller(second.address) as caller:
        assert caller.add()["x-fourplane-digest"] == shown["acknowledged"]["digest"]
        assert second.status()["acknowledged"] == shown["acknowledged"], "nothing changed, so nothing was written"
        edit(folder, deadline="4s")
        second.wait_status(lambda found: (found["acknowledged"]["epoch"], found["acknowledged"]["sequence"]) == (2, 1))


def test_broken_sources_at_a_start_serve_what_was_served_before(folder, state):
    with up(folder, state) as running:
        digest = running.status()["acknowledged"]["digest"]
    (folder / "runtime.yaml").write_text("{")
    with up(folder, state) as running, Caller(running.address) as caller:
        assert caller.add()["x-fourplane-digest"] == digest
        assert re.search(r"runtime\.yaml:\d+: error", running.output)


def test_nothing_to_serve_at_the_first_start_is_an_error(folder, state):
    (folder / "runtime.yaml").write_text("{")
    ended = other_up(folder, state)
    assert ended.returncode == 1
    assert re.search(r"runtime\.yaml:\d+: error", ended.stderr)


def test_a_second_up_on_the_same_state_is_refused(folder, state):
    with up(folder, state) as running:
        ended = other_up(folder, state)
        assert ended.returncode == 3
        assert f"as process {running.process.pid}" in ended.stderr
        with Caller(running.address) as caller:
            caller.add()


def test_a_port_that_is_taken_is_said(folder, state, tmp_path):
    with up(folder, state) as running:
        ended = other_up(folder, tmp_path / "other", "--listen", running.address, "--metrics", "off")
        assert ended.returncode == 2
        assert f"{running.address} is taken" in ended.stderr
        ended = other_up(folder, tmp_path / "other", "--listen", "127.0.0.1:0", "--metrics", running.metrics_address)
        assert ended.returncode == 2
        assert "--metrics" in ended.stderr


def test_calls_in_flight_end_before_everything_stops(folder, state):
    edit(folder, "sleeper", "slow")
    running = up(folder, state)
    pids = [each["pid"] for each in running.status()["processes"]]
    with Caller(running.address) as caller:
        slept = caller.stub.ModelInfer.future(sleeper(1.5), timeout=10)
        wait(lambda: running.metric("fourplane_open_calls") == 1)
        running.process.terminate()
        assert slept.result().outputs[0].name == "slept"
    assert running.stop() == 0
    assert not any(map(is_alive, pids))
    assert not (state / "status.json").exists()


def test_calls_that_do_not_end_are_ended(folder, state):
    edit(folder, "sleeper", "slow")
    running = up(folder, state, "--grace", "0.5")
    with Caller(running.address) as caller:
        slept = caller.stub.ModelInfer.future(sleeper(8), timeout=10)
        wait(lambda: running.metric("fourplane_open_calls") == 1)
        begun = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - begun < 6
        assert slept.exception() is not None


def test_status_says_how_things_are(folder, state):
    def status(*options):
        command = [sys.executable, "-m", "fourplane_cli", "status", str(folder), "--state", str(state), *options]
        return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert status().returncode == 4
    with up(folder, state) as running:
        running.wait_status(lambda found: found["state"] == "Ready")
        shown = status()
        assert shown.returncode == 0, shown.stderr
        assert running.address in shown.stdout
        assert "\nprocess\t0\tserving\t" in status("--output", "tsv").stdout
        edit(folder, deadline="soon")
        running.wait_status(lambda found: found["compile"]["findings"])
        shown = status()
        assert shown.returncode == 1
        assert "adder.yaml:9: spec.deadline" in shown.stdout


def test_a_managed_triton_that_is_killed_comes_back(tmp_path, triton_install, state):
    folder = resources(tmp_path / "resources", "modelRepository: models")
    for name in ("add_sub", "slow"):
        shutil.copytree(MODELS / name, folder / "models" / name)
    with up(folder, state) as running, Caller(running.address) as caller:
        caller.add()
        pid = running.status()["engines"][0]["pid"]
        kill(pid)
        running.wait_for("Triton was killed by signal 9; starting it again")
        running.wait_status(lambda found: found["engines"][0]["pid"] not in (None, pid) and found["state"] == "Ready")
        wait(lambda: _serves(caller))
        assert running.status()["engines"][0]["restarts"] == 1
        pid = running.status()["engines"][0]["pid"]
    assert not is_alive(pid)


def test_a_managed_triton_ends_with_a_killed_up_and_starts_with_the_next(tmp_path, triton_install, state):
    folder = resources(tmp_path / "resources", "modelRepository: models")
    for name in ("add_sub", "slow"):
        shutil.copytree(MODELS / name, folder / "models" / name)
    first = up(folder, state)
    pid = first.status()["engines"][0]["pid"]
    first.stop(9)
    with up(folder, state) as second, Caller(second.address) as caller:
        assert not is_alive(pid)
        caller.add()


def _serves(caller):
    try:
        return caller.add()
    except grpc.RpcError:
        return None
