"""Resources of our kinds in other groups: most likely a slip, and told as one."""

import pytest
from cli_folders import API, RUNTIME, a_folder, a_route, run, run_json

from fourplane_cli.folder import read_folder
from fourplane_cli.sources import Sources
from fourplane_compiler.diagnostics import Severity


def of(version):
    return a_route("s").replace(API, version)


@pytest.fixture
def folder(tmp_path):
    return a_folder(tmp_path / "resources", {"runtime.yaml": RUNTIME, "r.yaml": a_route()})


@pytest.mark.parametrize(
    ("version", "errors", "message", "remedy"),
    [
        (
            "forplane.dev/v1alpha1",
            1,
            "this ModelRoute is of forplane.dev, not of fourplane.dev: it is passed over",
            "did you mean fourplane.dev?",
        ),
        (
            "v1alpha1",
            1,
            "this ModelRoute is of no group, not of fourplane.dev: it is passed over",
            "write fourplane.dev/v1alpha1 if it is meant for fourplane",
        ),
        (
            "3",
            1,
            "this ModelRoute is of no group, not of fourplane.dev: it is passed over",
            "write fourplane.dev/v1alpha1 if it is meant for fourplane",
        ),
        (
            "serving.example/v1",
            0,
            "this ModelRoute is of serving.example, not of fourplane.dev: it is passed over",
            "write fourplane.dev/v1alpha1 if it is meant for fourplane",
        ),
    ],
)
def test_a_slip_in_the_group_is_an_error_and_another_group_a_warning(folder, version, errors, message, remedy):
    a_folder(folder, {"s.yaml": "# a comment\n" + of(version)})
    found = run_json("validate", folder, code=errors)
    assert (found["resources"], found["errors"], found["warnings"], found["notes"]) == (2, errors, 1 - errors, [])
    (problem,) = found["problems"]
    assert (problem["line"], problem["field"], problem["reason"]) == (
        2,
        "apiVersion",
        "NotAResource" if errors else "OtherGroup",
    )
    assert (problem["message"], problem["remedy"]) == (message, remedy)


def test_a_kind_of_ours_without_any_group_is_an_error(folder):
    a_folder(folder, {"s.yaml": "metadata: {name: s}\nkind: ModelRoute\n"})
    (problem,) = run_json("validate", folder, code=1)["problems"]
    assert (problem["line"], problem["reason"]) == (1, "NotAResource")


@pytest.mark.parametrize("head", ["kind: [ModelRoute]\napiVersion: v1", "kind: Other", "apiVersion: v1", "kind: 7"])
def test_what_is_no_kind_of_ours_is_passed_over(folder, head):
    a_folder(folder, {"s.yaml": head})
    found = read_folder(folder)
    assert len(found.notes) == 1
    assert not found.findings


def test_a_folder_that_has_nothing_else_is_an_error_too(tmp_path):
    folder = read_folder(a_folder(tmp_path, {"s.yaml": of("serving.example/v1")}))
    assert [one.severity for one in folder.findings] == [Severity.WARNING, Severity.ERROR]


def test_compile_warns_and_goes_on(folder, tmp_path):
    a_folder(folder, {"s.yaml": of("serving.example/v1")})
    run("keygen", "-o", tmp_path / "k")
    arguments = ("compile", folder, "-o", tmp_path / "b", "--key", tmp_path / "k")
    assert "warning: apiVersion: this ModelRoute is of serving.example" in run(*arguments).stderr
    a_folder(folder, {"s.yaml": of("forplane.dev/v1alpha1")})
    assert "did you mean fourplane.dev?" in run(*arguments, code=1).stderr


def test_an_edit_with_a_slip_deletes_nothing_and_what_is_passed_over_is_noted(folder):
    sources = Sources(folder)
    before = sources.read()
    assert not before.findings
    slip = a_route().replace("fourplane.dev", "forplane.dev")
    a_folder(folder, {"r.yaml": slip, "c.yaml": "kind: C\napiVersion: v1"})
    reading = sources.read()
    assert [one.reason for one in reading.findings] == ["NotAResource"]
    assert [str(ref) for ref in reading.held] == ["ModelRoute default/r"]
    assert reading.encoded.digest == before.encoded.digest
    assert [note.partition(": ")[2] for note in reading.notes] == ["passed over, since C of v1 is not fourplane's"]


def test_an_edit_that_gives_a_resource_to_another_group_deletes_it(folder):
    sources = Sources(folder)
    sources.read()
    a_folder(folder, {"r.yaml": a_route().replace(API, "serving.example/v1")})
    reading = sources.read()
    assert [one.reason for one in reading.findings] == ["OtherGroup"]
    assert (reading.held, reading.snapshot.routes) == ((), ())
