"""The pipeline's script, run by the example workflow's own lines."""

import shutil

import pytest
import yaml
from gitops_shell import sh
from recording import ROOT

EXAMPLE = ROOT / "gitops/example"
STEPS = yaml.safe_load((EXAMPLE / "pipeline.yaml").read_text())["jobs"]["check"]["steps"]


@pytest.fixture
def checkout(tmp_path):
    """Check out what is applied and the change, as the workflow's first steps do."""
    for step in STEPS:
        if "uses" in step:
            shutil.copytree(EXAMPLE, tmp_path / "work" / step["with"]["path"])
    return tmp_path / "work"


@pytest.fixture
def check(checkout, environment):
    """Give a function that runs the workflow's commands."""
    script = "\n".join(step["run"] for step in STEPS if "run" in step)
    return lambda: sh(script, checkout, {**environment, "GITHUB_STEP_SUMMARY": str(checkout / "summary")})


def edit(checkout, file, old, new):
    path = checkout / "change" / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_without_a_change_nothing_changes(check, checkout):
    edit(checkout, "base/digits.yaml", "deadline: 5s", "deadline: 5000ms # the same")
    done = check()
    assert (done.returncode, done.stderr) == (0, "")
    assert "no differences" in done.stdout
    assert (checkout / "summary").read_text() == ""


def test_a_change_is_said_with_those_whom_it_concerns(check, checkout):
    edit(checkout, "overlays/production/kustomization.yaml", "value: 10", "value: 50")
    done = check()
    assert (done.returncode, done.stderr) == (0, "")
    said = (checkout / "summary").read_text()
    assert "affected public models: digits" in said
    assert said in done.stdout


def test_a_change_that_cannot_be_served_stops_the_pipeline_and_says_where(check, checkout):
    edit(checkout, "base/digits.yaml", "model: digits_v2", "model: digits_v3")
    done = check()
    assert done.returncode == 1
    assert "changed/resources.yaml" in done.stdout
    assert "spec.backends[1].model" in done.stdout
    assert not (checkout / "summary").exists()


def test_an_overlay_that_does_not_render_stops_the_pipeline(check, checkout):
    (checkout / "change/base/digits.yaml").unlink()
    done = check()
    assert done.returncode == 1
    assert "digits.yaml" in done.stderr


def test_a_difference_that_cannot_be_told_stops_the_pipeline(check, checkout):
    edit(checkout, "overlays/production/kustomization.yaml", "namespace: production", "namespace: elsewhere")
    done = check()
    assert done.returncode == 1
    assert "there: elsewhere/digits" in done.stderr
