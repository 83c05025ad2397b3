"""The image that users build is made of what is locked and what is ours, and runs as nobody."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCKERFILE = (ROOT / "images/Dockerfile").read_text()
TAKEN = re.findall(r"^!(\S+)$", (ROOT / "images/Dockerfile.dockerignore").read_text(), re.MULTILINE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_its_context_is_what_the_wheel_is_made_of():
    folders = PROJECT["tool"]["hatch"]["build"]["dev-mode-dirs"]
    files = ["LICENSE", "README.md", "pyproject.toml", "requirements-runtime.lock"]
    assert sorted(TAKEN) == sorted(folders + files)


def test_packages_are_installed_by_hash():
    installs = re.findall(r"pip install (.*)", DOCKERFILE)
    assert all("--require-hashes" in each or "--no-deps" in each for each in installs)
    assert len(installs) == 2


def test_it_runs_as_the_user_that_the_chart_names():
    last = DOCKERFILE.rpartition("FROM ")[2]
    assert "USER 65532:65532" in last
    assert 'ENTRYPOINT ["fourplane"]' in last


def test_no_base_is_taken_by_a_moving_name():
    assert "latest" not in DOCKERFILE
    assert re.search(r"^ARG BASE=\S+:\d+\.\d+", DOCKERFILE, re.MULTILINE)
