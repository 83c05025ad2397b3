"""The commands: what they print, and how they end."""

import json
import re
import stat

import pytest
from cli_folders import RUNTIME, a_folder, a_route, run, run_json

from fourplane_cli.exits import Exit

CANARY = ({"pool": "p", "model": "m", "weight": 9}, {"pool": "q", "model": "m", "weight": 1})


@pytest.fixture
def folder(tmp_path):
    return a_folder(tmp_path / "resources", {"runtime.yaml": RUNTIME, "r.yaml": a_route(backends=CANARY)})


@pytest.fixture
def key(tmp_path):
    run("keygen", "-o", tmp_path / "k")
    return tmp_path / "k"


@pytest.fixture
def bundle(tmp_path, folder, key):
    run("compile", folder, "-o", tmp_path / "b", "--key", key)
    return tmp_path / "b"


def test_exit_codes_are_distinct():
    assert sorted(Exit) == [0, 1, 2, 3, 4]


def test_validate_is_content_with_what_is_right(folder):
    assert run("validate", folder).stdout == "2 resources: 0 errors, 0 warnings\n"
    assert run_json("validate", folder) == {"resources": 2, "errors": 0, "warnings": 0, "problems": [], "notes": []}


def test_validate_names_place_field_and_remedy(folder):
    a_folder(
        folder,
        {"s.yaml": a_route("s", backends=[{"pool": "gone", "model": "m"}]), "t.yaml": a_route("t", deadlin="1s")},
    )
    shown = run("validate", folder, code=1).stdout
    assert (
        "s.yaml:11: error: ModelRoute default/s: spec.backends[0].pool: runtime default/demo has no pool gone" in shown
    )
    assert "name one of its pools (p, q), or add the pool" in shown
    assert "did you mean deadline?" in shown
    assert shown.endswith("4 resources: 2 errors, 0 warnings\n")
    found = run_json("validate", folder, code=1)
    assert found["errors"] == 2
    assert found["problems"][0] | {"file": "s.yaml"} == {
        "file": "s.yaml",
        "line": 11,
        "severity": "error",
        "reason": "PoolNotFound",
        "kind": "ModelRoute",
        "name": "default/s",
        "field": "spec.backends[0].pool",
        "message": "runtime default/demo has no pool gone",
        "remedy": "name one of its pools (p, q), or add the pool",
        "lastGood": False,
    }
    header, *rows = run("validate", folder, "--output", "tsv", code=1).stdout.splitlines()
    assert header.split("\t") == list(found["problems"][0])
    assert [row.split("\t")[3] for row in rows] == ["PoolNotFound", "Invalid"]


def test_validate_passes_with_warnings(folder):
    a_folder(folder, {"s.yaml": a_route("s", affinity={"header": "k"})})
    assert "warning: ModelRoute default/s: spec.affinity.header" in run("validate", folder).stdout


def test_validate_says_what_it_passed_over(folder):
    a_folder(folder, {"c.yaml": "apiVersion: v1\nkind: ConfigMap\n"})
    assert "note: " in run("validate", folder).stderr
    assert len(run_json("validate", folder)["notes"]) == 1


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path):
    run("validate", tmp_path / "gone", code=2)


def test_keygen_makes_a_secret_and_never_overwrites(tmp_path):
    made = run_json("keygen", "-o", tmp_path / "k")
    assert re.fullmatch("[0-9a-f]{16}", made["keyId"])
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    before = (tmp_path / "k").read_bytes()
    assert "exists" in run("keygen", "-o", tmp_path / "k", code=4).stderr
    assert (tmp_path / "k").read_bytes() == before
    (tmp_path / "k").unlink()
    run("keygen", "-o", tmp_path / "k", code=4)
    assert not (tmp_path / "k").exists()
    assert b"PRIVATE" not in (tmp_path / "k.pub").read_bytes()


def test_compile_and_verify_agree(tmp_path, folder, key):
    made = run_json("compile", folder, "-o", tmp_path / "b", "--key", key, "--revision", "abc")
    seen = run_json("verify", tmp_path / "b", "--key", f"{key}.pub")
    assert made["digest"] == seen["digest"]
    assert (seen["runtime"], seen["pools"], seen["routes"], seen["sources"]) == ("default/demo", 2, 1, 2)
    assert seen["revision"] == "abc"
    assert run("compile", folder, "-o", tmp_path / "b", "--key", key).stdout.splitlines()[0] == made["digest"]
    assert made["digest"] in run("verify", tmp_path / "b", "--key", f"{key}.pub").stdout


def test_compile_gives_equal_bytes(tmp_path, folder, key, bundle):
    run("compile", folder, "-o", tmp_path / "again", "--key", key)
    assert (tmp_path / "again").read_bytes() == bundle.read_bytes()


def test_compile_wants_a_key(tmp_path, folder):
    assert "--key" in run("compile", folder, "-o", tmp_path / "b", code=2).stderr
    assert "no private key" in run("compile", folder, "-o", tmp_path / "b", "--key", folder / "r.yaml", code=3).stderr


def test_compile_writes_nothing_where_something_is_broken(tmp_path, folder, key):
    a_folder(folder, {"s.yaml": a_route("s", deadline="soon")})
    result = run("compile", folder, "-o", tmp_path / "b", "--key", key, code=1)
    assert "s.yaml:" in result.stderr
    assert "nothing is written" in result.stderr
    assert not (tmp_path / "b").exists()
    run("compile", folder, "-o", tmp_path / "b", "--key", key, "--keep-going")
    assert run_json("verify", tmp_path / "b", "--key", key)["routes"] == 1


def test_compile_keeps_last_good_forms_of_a_previous_bundle(tmp_path, folder, key, bundle):
    a_folder(folder, {"r.yaml": a_route(deadline="soon"), "s.yaml": a_route("s")})
    arguments = ("compile", folder, "-o", tmp_path / "new", "--key", key, "--previous", bundle, "--keep-going")
    result = run(*arguments)
    assert "its last good form is served" in result.stderr
    assert run_json("verify", tmp_path / "new", "--key", key)["routes"] == 2
    a_folder(folder, {"runtime.yaml": RUNTIME.replace("8001", "x")})
    run(*arguments)
    assert run_json("diff", bundle, tmp_path / "new")["affects"] == ["s"]


def test_a_file_that_cannot_be_read_does_not_look_like_deleted_routes(tmp_path, folder, key, bundle):
    arguments = ("compile", folder, "-o", tmp_path / "new", "--key", key, "--previous", bundle, "--keep-going")
    a_folder(folder, {"r.yaml": "{{ a template }}"})
    assert "its last good form is served" in run(*arguments).stderr
    assert run_json("diff", bundle, tmp_path / "new")["differences"] == []
    assert run_json("diff", bundle, folder)["differences"] == []
    (folder / "r.yaml").unlink()
    run(*arguments)
    assert run_json("diff", bundle, tmp_path / "new")["affects"] == ["r"]


def test_compile_trusts_no_previous_bundle_that_its_keys_did_not_sign(tmp_path, folder, bundle):
    run("keygen", "-o", tmp_path / "other")
    arguments = ("compile", folder, "-o", tmp_path / "new", "--previous", bundle)
    assert "signed by" in run(*arguments, "--key", tmp_path / "other", code=3).stderr


def test_compile_says_that_a_previous_bundle_is_of_another_runtime(tmp_path, folder, key, bundle):
    other = a_folder(tmp_path / "x", {"a.yaml": RUNTIME.replace("name: demo", "name: other")})
    arguments = ("compile", other, "-o", tmp_path / "new", "--key", key, "--previous", bundle)
    assert "is of runtime default/demo" in run(*arguments, code=1).stderr


def test_compile_without_a_runtime_says_so(tmp_path, key):
    folder = a_folder(tmp_path / "x", {"a.yaml": RUNTIME.replace("8001", "x")})
    arguments = ("-o", tmp_path / "b", "--key", key, "--keep-going")
    assert "cannot be compiled" in run("compile", folder, *arguments, code=1).stderr
    folder = a_folder(tmp_path / "y", {"r.yaml": a_route()})
    assert "0 RuntimeDeployments" in run("compile", folder, *arguments, code=1).stderr


def test_a_bundle_that_cannot_be_written_is_told_apart(tmp_path, folder, key):
    assert "No such file" in run("compile", folder, "-o", tmp_path / "no/b", "--key", key, code=4).stderr


def test_a_rotation_overlaps(tmp_path, folder, key):
    run("keygen", "-o", tmp_path / "new")
    run("compile", folder, "-o", tmp_path / "b", "--key", key, "--key", tmp_path / "new")
    for trusted in (key, tmp_path / "new"):
        assert len(run_json("verify", tmp_path / "b", "--key", f"{trusted}.pub")["keyIds"]) == 1


def test_verify_refuses_what_was_changed_or_signed_by_others(tmp_path, key, bundle):
    run("keygen", "-o", tmp_path / "other")
    assert "trusted keys are" in run("verify", bundle, "--key", tmp_path / "other.pub", code=3).stderr
    damaged = bytearray(bundle.read_bytes())
    damaged[-1] ^= 1
    bundle.write_bytes(damaged)
    assert "damaged" in run("verify", bundle, "--key", key, code=3).stderr
    assert "no fourplane bundle" in run("verify", key, "--key", key, code=3).stderr
    run("verify", bundle, code=2)


def test_diff_of_bundle_and_folder_says_what_changes_for_whom(folder, bundle):
    assert run("diff", "--exit-code", bundle, folder).stdout.startswith("no differences: sha256:")
    a_folder(folder, {"r.yaml": a_route(backends=CANARY, deadline="1s"), "s.yaml": a_route("s")})
    shown = run("diff", bundle, folder).stdout.splitlines()
    assert shown == [
        "route/default/r: deadline: the runtime's -> 1000 ms (affects r)",
        "route/default/s: route-added: none -> p/m 100% (affects s)",
        "2 differences; affected public models: r, s",
    ]
    run("diff", "--exit-code", bundle, folder, code=1)
    found = run_json("diff", bundle, folder)
    assert found["affects"] == ["r", "s"]
    assert found["differences"][0] == {
        "change": "deadline",
        "subject": "route/default/r",
        "detail": "",
        "before": "the runtime's",
        "after": "1000 ms",
        "affects": ["r"],
    }
    header, first, _ = run("diff", bundle, folder, "--output", "tsv").stdout.splitlines()
    assert header.split("\t") == list(found["differences"][0])
    assert first.split("\t")[0] == "deadline"


def test_diff_shows_what_would_be_served_where_something_is_broken(folder, bundle):
    a_folder(folder, {"r.yaml": a_route(deadline="soon")})
    result = run("diff", bundle, folder)
    assert "no differences" in result.stdout
    assert "1 error, 0 warnings; shown is what would be served" in result.stderr


def test_diff_checks_signatures_when_given_keys(tmp_path, folder, key, bundle):
    run("keygen", "-o", tmp_path / "other")
    run("diff", bundle, folder, "--key", key)
    run("diff", bundle, folder, "--key", tmp_path / "other.pub", code=3)


def test_explain_says_which_and_why(folder, bundle):
    shown = run("explain", "route", "r", folder, "--draw", "7").stdout
    assert re.search(r"^-> [pq]/m \(weight \d\) is the nearest", shown, re.MULTILINE)
    assert "and the nearest at" in shown
    found = run_json("explain", "route", "r", bundle, "--draw", "7")
    (chosen,) = [one for one in found["candidates"] if one["chosen"]]
    assert found["chosen"] == chosen
    assert (found["route"], found["decided"], found["refusal"]) == ("default/r", True, None)
    assert found["snapshot"].startswith("sha256:")
    assert run("explain", "route", "r", folder, "--output", "tsv").stdout.splitlines()[0].startswith("pool\tmodel")


def test_explain_says_what_is_sure(folder):
    shown = run("explain", "route", "r", folder).stdout
    assert "takes 90% of the requests" in shown
    assert "--draw or --key-value shows one" in shown
    assert "->" not in shown


def test_explain_follows_an_affinity(folder):
    a_folder(folder, {"r.yaml": a_route(backends=CANARY, affinity={"header": "session-id"})})
    found = run_json("explain", "route", "r", folder, "--key-value", "session-42")
    assert found["decidedBy"] == "the value of session-id"
    assert found["chosen"]
    run("explain", "route", "r", folder, "--key-value", "x", "--draw", "1", code=2)


def test_explain_says_why_nothing_is_served(folder):
    assert "refused: MODEL_NOT_FOUND" in run("explain", "route", "nope", folder).stdout
    a_folder(folder, {"runtime.yaml": RUNTIME.replace("Allow", "Deny")})
    shown = run("explain", "route", "r", folder).stdout
    assert "refused: CALLER_UNAUTHENTICATED" in shown
    assert "-> " not in shown


def test_output_of_any_form_is_one_form(folder):
    assert json.loads(run("validate", folder, "--output", "json").stdout)
    run("validate", folder, "--output", "xml", code=2)
