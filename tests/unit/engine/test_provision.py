import json
import threading
from pathlib import Path

import pytest

from fourplane_worker.engine.install import Layout
from fourplane_worker.engine.lock import exclusive, try_hold
from fourplane_worker.engine.provision import MARKER, TritonInstall, build, expected_marker, folder_name, is_whole
from fourplane_worker.engine.pythons import Python
from fourplane_worker.engine.settings import default_cache

PYTHON = Python(path=Path("/bin/python3.11"), version=(3, 11), library=Path("/lib/libpython.so"), venv=True)


def pretend_install(layout, python, progress):
    for path in (layout.interpreter, layout.libraries / "libpython3.11.so.1.0"):
        path.parent.mkdir(parents=True)
        path.touch()


@pytest.fixture
def installed(tmp_path):
    """Hold a whole installation, made without the network."""
    layout = Layout(tmp_path / folder_name(PYTHON), "3.11")
    build(layout, PYTHON, progress=print, install=pretend_install)
    return layout


def test_a_built_installation_is_whole_and_alone(installed):
    assert is_whole(installed, expected_marker())
    assert [entry.name for entry in installed.root.parent.iterdir()] == ["triton-2.51.0-py311"]


@pytest.mark.parametrize("spoil", ["marker", "interpreter", "half"])
def test_a_spoilt_installation_is_not_whole_and_is_replaced(installed, spoil):
    if spoil == "marker":
        (installed.root / MARKER).write_text(json.dumps({"locks": "other"}))
    elif spoil == "interpreter":
        installed.interpreter.unlink()
    else:
        (installed.root / MARKER).unlink()
    assert not is_whole(installed, expected_marker())
    build(installed, PYTHON, progress=print, install=pretend_install)
    assert is_whole(installed, expected_marker())


def test_a_failed_build_leaves_nothing_under_the_final_name(tmp_path):
    def fail(layout, python, progress):
        (layout.root / "half").touch()
        raise OSError("no network")

    layout = Layout(tmp_path / "triton", "3.11")
    with pytest.raises(OSError, match="no network"):
        build(layout, PYTHON, progress=print, install=fail)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_build_left_is_removed(tmp_path):
    layout = Layout(tmp_path / "triton", "3.11")
    (tmp_path / ".triton.build-abc" / "new").mkdir(parents=True)
    build(layout, PYTHON, progress=print, install=pretend_install)
    assert [entry.name for entry in tmp_path.iterdir()] == ["triton"]


def test_models_run_with_their_own_packages():
    install = TritonInstall(Layout(Path("/c/t"), "3.11"))
    inherited = {"PATH": "/bin", "PYTHONPATH": "/mine", "PYTHONHOME": "/x", "VIRTUAL_ENV": "/y", "HF_HOME": "/z"}
    found = install.environment(inherited)
    assert found["PATH"] == "/c/t/env/bin:/bin"
    assert found["PYTHONPATH"] == "/c/t/env/lib/python3.11/site-packages"
    assert found["HF_HOME"] == "/z"
    assert not {"PYTHONHOME", "VIRTUAL_ENV"} & set(found)


@pytest.mark.parametrize(
    ("base", "found"), [("/c", "/c/fourplane"), ("", ".cache/fourplane"), ("c", ".cache/fourplane")]
)
def test_the_cache_lies_where_the_user_keeps_caches(base, found):
    assert default_cache({"XDG_CACHE_HOME": base}) in (Path(found), Path.home() / found)


def test_a_second_process_waits_for_the_first(tmp_path):
    order: list[str] = []
    waits = threading.Event()

    def second():
        with exclusive(tmp_path / "lock", waits.set):
            order.append("second")

    with exclusive(tmp_path / "lock", lambda: None):
        assert try_hold(tmp_path / "lock") is None
        thread = threading.Thread(target=second)
        thread.start()
        assert waits.wait(10)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
