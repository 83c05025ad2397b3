import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fourplane_worker.engine import orphans, processes


@pytest.fixture
def sleeper():
    """Run a process that only waits."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as process:
        yield process
        process.kill()


def test_a_name_with_brackets_and_spaces_does_not_confuse():
    fields = " ".join(["S", "1", "77", *("0" for _ in range(16)), "4711", "0"])
    assert processes.read_stat(f"42 (a) b (c) {fields}") == processes.Stat(state="S", group=77, started=4711)


def test_a_process_is_known_again(sleeper):
    assert processes.mark(sleeper.pid) == processes.mark(sleeper.pid)
    assert processes.mark(os.getpid()) != processes.mark(sleeper.pid)


def test_a_process_is_ended_and_then_unknown(sleeper):
    target = processes.mark(sleeper.pid)
    assert processes.end(target, grace=5)
    assert processes.mark(sleeper.pid) is None
    assert not processes.end(target, grace=5)


@pytest.mark.parametrize("other", [{"started": 1}, {"boot": "another"}])
def test_a_foreign_process_with_the_same_number_is_left_alone(sleeper, other):
    stale = dataclasses.replace(processes.mark(sleeper.pid), **other)
    assert not processes.end(stale, grace=5)
    assert sleeper.poll() is None


def test_only_programs_below_the_folder_are_members_of_the_group(sleeper):
    program = Path(sys.executable).resolve()
    assert [each.pid for each in processes.members(sleeper.pid, program.parent)] == [sleeper.pid]
    assert processes.members(sleeper.pid, Path("/nowhere")) == []


def test_the_orphan_that_the_pid_file_names_is_ended(sleeper, tmp_path):
    pid_file = tmp_path / "triton.pid"
    processes.write_mark(pid_file, processes.mark(sleeper.pid))
    assert orphans.end_orphan(pid_file, Path("/nowhere"), grace=5)
    assert not pid_file.exists()
    assert sleeper.wait(5) < 0


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"pid": "x", "started": 1, "boot": ""}'])
def test_a_pid_file_that_says_nothing_ends_nothing(tmp_path, text):
    pid_file = tmp_path / "triton.pid"
    pid_file.write_text(text)
    assert not orphans.end_orphan(pid_file, Path("/"), grace=5)


def test_only_shared_memory_of_the_server_is_freed(tmp_path):
    for name in ("fourplane-a-1", "fourplane-b-1"):
        (tmp_path / name).touch()
    orphans.free_memory("fourplane-a-", tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["fourplane-b-1"]
