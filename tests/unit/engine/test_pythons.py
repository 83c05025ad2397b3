import sys
from pathlib import Path

import pytest

from fourplane_worker.engine.errors import ProvisionError
from fourplane_worker.engine.pythons import Python, choose, examine, lacks


def a_python(name="3.11", *, library=Path("/lib/libpython.so"), venv=True):
    major, minor = name.split(".")
    version = (int(major), int(minor))
    return Python(path=Path(f"/bin/python{name}"), version=version, library=library, venv=venv)


def test_the_first_usable_python_is_taken():
    pythons = [None, a_python("3.14"), a_python("3.12"), a_python("3.11")]
    assert choose(pythons) == a_python("3.12")


@pytest.mark.parametrize("name", ["3.10", "3.13", "3.14"])
def test_a_version_without_a_working_stub_is_refused(name):
    assert f"is Python {name}" in lacks(a_python(name))


def test_a_python_that_cannot_be_embedded_or_extended_is_refused():
    assert "shared library libpython3.11" in lacks(a_python(library=None))
    assert "venv" in lacks(a_python(venv=False))


def test_without_a_usable_python_each_reason_and_a_remedy_are_given():
    with pytest.raises(ProvisionError) as raised:
        choose([a_python("3.13"), a_python(library=None), None])
    assert "/bin/python3.13: is Python 3.13" in raised.value.problem
    assert "/bin/python3.11: has no shared library" in raised.value.problem
    assert "apt-get install" in raised.value.hint


def test_this_interpreter_describes_itself():
    found = examine(Path(sys.executable))
    assert found is not None and found.version == sys.version_info[:2]


def test_what_does_not_run_as_python_is_passed_over(tmp_path):
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert examine(broken) is None
    assert examine(tmp_path / "none") is None
