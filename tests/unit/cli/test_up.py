"""`fourplane up` up to the moment when processes would be started."""

import asyncio
import re
import time

import pytest
from cli_folders import RUNTIME, a_folder, a_route, run

from fourplane_cli.exits import ProblemsError
from fourplane_cli.progress import Progress
from fourplane_cli.running import Running
from fourplane_cli.up import check_repository, settings_of
from fourplane_worker.engine import EngineError
from fourplane_worker.store.layout import StateFolder

FILES = {"runtime.yaml": RUNTIME, "a.yaml": a_route("a")}


class StartedError(Exception):
    """Everything that comes before the processes is done."""


class NoProcesses:
    about: object = None

    def look(self):
        """Hear that something was written."""

    async def start(self):
        raise StartedError


@pytest.fixture
def folder(tmp_path):
    return a_folder(tmp_path / "resources", FILES)


def begin(root, state=None, expected=StartedError):
    settings = settings_of(root, state, listen="127.0.0.1:0", metrics="off")
    running = Running(settings, None, time.time, Progress())
    running.supervisor = NoProcesses()

    async def start():
        await running.run(asyncio.Event(), None)

    with pytest.raises(expected):
        asyncio.run(start())
    return StateFolder(settings.worker.state)


@pytest.mark.parametrize(
    "options",
    [
        ("--listen", "8011"),
        ("--listen", "localhost:99999"),
        ("--metrics", "localhost"),
        ("--tls-cert", "tls.crt"),
        ("--tls-cert", "tls.crt", "--tls-key", "tls.key"),
        ("--triton", "localhost"),
        ("--triton", "localhost:99999"),
        ("--triton", "localhost:0"),
        ("--triton", "http://localhost:8001"),
        ("--triton", "local host:8001"),
    ],
    ids=" ".join,
)
def test_options_that_can_not_work_are_wrong_usage_and_leave_nothing_behind(folder, options):
    assert "Traceback" not in run("up", folder, *options, code=2).output
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)


@pytest.mark.parametrize("address", ["localhost:8001", "[::1]:8001", "triton.models.svc:65535", ""])
def test_an_engine_may_be_anywhere(folder, address):
    assert settings_of(folder, triton=address, listen="127.0.0.1:0", metrics="off").triton == address


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "0 RuntimeDeployments"),
        ({"a.txt": "notes"}, "0 RuntimeDeployments"),
        ({"runtime.yaml": "{"}, "0 RuntimeDeployments"),
        ({"runtime.yaml": RUNTIME.replace("8001", "x")}, "cannot be compiled"),
    ],
)
def test_a_folder_of_nothing_that_can_be_served_is_left_as_it_is(tmp_path, capsys, files, reason):
    folder = tmp_path / "other"
    folder.mkdir()
    a_folder(folder, files)
    begin(folder, expected=ProblemsError)
    assert sorted(path.name for path in folder.iterdir()) == sorted(files)
    assert reason in capsys.readouterr().err


def test_a_state_folder_is_made_and_kept_out_of_git(folder):
    state = begin(folder)
    assert state.root == folder / ".fourplane"
    assert (state.root / ".gitignore").read_text() == "*\n"
    assert state.is_decided


def test_what_the_owner_of_a_folder_wrote_there_stays(folder, tmp_path):
    a_folder(tmp_path, {".gitignore": "*.log\n"})
    begin(folder, tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*.log\n"
    state = begin(folder)
    (state.root / ".gitignore").unlink()
    begin(folder)
    assert not (state.root / ".gitignore").exists()


def test_broken_sources_are_no_reason_not_to_go_on_from_what_there_is(folder, capsys):
    state = begin(folder)
    before = state.activation.read_bytes()
    a_folder(folder, {"runtime.yaml": "{"})
    capsys.readouterr()
    assert begin(folder).activation.read_bytes() == before
    assert "is no valid YAML" in capsys.readouterr().err


def test_damage_in_the_store_is_told_even_though_it_is_written_anew(folder, capsys):
    state = begin(folder)
    for shard in state.shards.iterdir():
        shard.write_bytes(b"rubbish")
    begin(folder)
    assert re.search(r"store .*/store/shards/\w+: .*", capsys.readouterr().err)
    begin(folder)
    assert "store " not in capsys.readouterr().err


def test_a_signing_key_that_is_gone_is_told(folder, capsys):
    state = begin(folder)
    assert "signing key" not in capsys.readouterr().err
    (state.keys / "signing.key").unlink()
    begin(folder)
    assert "the signing key is gone; a new one is made" in capsys.readouterr().err


def test_a_model_repository_that_is_not_there_is_said_before_an_engine_is_started(tmp_path):
    (tmp_path / "models").mkdir()
    check_repository(tmp_path / "models")
    with pytest.raises(EngineError, match=r"modelz is no folder; did you mean models\?"):
        check_repository(tmp_path / "modelz")
    with pytest.raises(EngineError, match="make it, or correct modelRepository"):
        check_repository(tmp_path / "elsewhere" / "z")


def test_a_model_repository_below_a_path_with_a_space_is_refused_before_triton_dies_of_it(tmp_path):
    repository = tmp_path / "my models"
    repository.mkdir()
    with pytest.raises(EngineError, match=r"has a space in it.*move it"):
        check_repository(repository)
