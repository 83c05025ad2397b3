"""Folders whose routes are of another namespace than their runtime."""

import pytest
import yaml
from cli_folders import RUNTIME, a_folder, a_route, run, run_json

from fourplane_cli.sources import Sources


def of_team(name="theirs", namespace="default"):
    document = yaml.safe_load(a_route(name))
    document["metadata"]["namespace"] = "team"
    document["spec"]["runtimeRef"]["namespace"] = namespace
    return yaml.safe_dump(document, sort_keys=False)


def allowing(names, runtime=RUNTIME):
    allowed = yaml.safe_load(runtime)
    allowed["spec"]["allowedRoutes"] = {"namespaces": {"from": "Names", "names": names}}
    return yaml.safe_dump(allowed, sort_keys=False)


@pytest.fixture
def folder(tmp_path):
    return a_folder(
        tmp_path / "resources", {"runtime.yaml": RUNTIME, "mine.yaml": a_route("mine"), "t.yaml": of_team()}
    )


def test_a_route_that_is_not_permitted_is_an_error_on_its_reference(folder):
    [problem] = run_json("validate", folder, code=1)["problems"]
    assert (problem["reason"], problem["field"], problem["name"]) == (
        "RefNotPermitted",
        "spec.runtimeRef",
        "team/theirs",
    )
    assert "takes no routes of namespace team" in problem["message"]
    line = (folder / "t.yaml").read_text().splitlines()[problem["line"] - 1]
    assert line.strip() == "runtimeRef:"


def test_one_that_is_permitted_is_compiled_and_explained(folder):
    a_folder(folder, {"runtime.yaml": allowing(["team"])})
    assert run_json("validate", folder)["problems"] == []
    assert run_json("explain", "route", "theirs", folder)["route"] == "team/theirs"


def test_an_edit_of_the_permission_takes_effect_at_once(folder):
    sources = Sources(folder)
    assert models(sources.read()) == ["mine"]
    a_folder(folder, {"runtime.yaml": allowing(["team"])})
    assert models(sources.read()) == ["mine", "theirs"]
    a_folder(folder, {"runtime.yaml": allowing(["other"])})
    reading = sources.read()
    assert models(reading) == ["mine"]
    assert [(one.reason, one.last_good) for one in reading.findings] == [("RefNotPermitted", False)]


def test_of_two_runtimes_of_one_name_the_namespace_tells_which_is_meant(folder):
    elsewhere = yaml.safe_load(allowing(["team"]))
    elsewhere["metadata"]["namespace"] = "platform"
    a_folder(folder, {"platform.yaml": yaml.safe_dump(elsewhere), "t.yaml": of_team(namespace="platform")})
    assert run_json("validate", folder)["problems"] == []
    found = run("explain", "route", "theirs", folder, "--runtime", "platform/demo").stdout
    assert "team/theirs" in found
    assert "MODEL_NOT_FOUND" in run("explain", "route", "theirs", folder, "--runtime", "default/demo").stdout


def models(reading):
    return sorted(route.model for route in reading.snapshot.routes)
