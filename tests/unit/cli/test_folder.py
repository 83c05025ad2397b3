"""Folders: what is read, what is passed over, and where everything stands."""

import os
import random

import pytest
import yaml
from cli_folders import RUNTIME, a_folder, a_route
from hypothesis import given, settings
from hypothesis import strategies as st

from fourplane_cli import documents
from fourplane_cli.compiling import check_folder, choose_runtime, compile_folder
from fourplane_cli.documents import UnreadableError, parse_documents, read_text
from fourplane_cli.exits import ProblemsError
from fourplane_cli.folder import read_folder
from fourplane_compiler.sources import Broken


def names(folder):
    return sorted(ref.name.partition("/")[2] for ref in folder.resources)


def read_documents(path):
    return parse_documents(path, read_text(path))


def findings(root):
    """Return (file, line, reason, field, message) of everything to say about a folder."""
    return [
        (one.path.name, one.line, str(one.reason), one.field, one.message) for one in check_folder(read_folder(root))
    ]


def test_every_document_of_every_yaml_file_is_read(tmp_path):
    a_folder(
        tmp_path, {"a.yaml": RUNTIME + "---\n" + a_route("r"), "deep/er/b.yml": a_route("s"), "c.txt": a_route("t")}
    )
    folder = read_folder(tmp_path)
    assert names(folder) == ["demo", "r", "s"]
    assert findings(tmp_path) == []


def test_a_single_file_is_read(tmp_path):
    a_folder(tmp_path, {"a.yaml": RUNTIME, "b.yaml": a_route()})
    assert names(read_folder(tmp_path / "a.yaml")) == ["demo"]


def test_hidden_folders_and_models_are_passed_over(tmp_path):
    a_folder(
        tmp_path,
        {
            "a.yaml": RUNTIME,
            ".git/b.yaml": "{",
            ".hidden.yaml": "{",
            "models/m/conda.yaml": "{",
            "elsewhere/model/config.pbtxt": "",
            "elsewhere/model/b.yaml": "{",
            "elsewhere/other/1/model.py": "",
            "elsewhere/other/b.yaml": "{",
        },
    )
    assert findings(tmp_path) == []


def test_a_model_repository_that_is_the_folder_itself_hides_nothing(tmp_path):
    runtime = RUNTIME.replace("modelRepository: models", "modelRepository: .")
    a_folder(tmp_path, {"a.yaml": runtime, "r.yaml": a_route()})
    assert names(read_folder(tmp_path)) == ["demo", "r"]


def test_resources_of_other_groups_are_passed_over_with_a_note(tmp_path):
    a_folder(
        tmp_path,
        {
            "a.yaml": RUNTIME,
            "b.yaml": "apiVersion: v1\nkind: ConfigMap\n---\n\n---\nx: 1\n---\n- 1\n",
        },
    )
    folder = read_folder(tmp_path)
    assert findings(tmp_path) == []
    assert [note.partition(": ")[2] for note in folder.notes] == [
        "passed over, since ConfigMap of v1 is not fourplane's",
        "passed over, since it has no apiVersion and kind",
        "passed over, since it has no apiVersion and kind",
    ]


def test_a_list_is_read_as_its_items(tmp_path):
    items = [yaml.safe_load(RUNTIME), yaml.safe_load(a_route(deadline="nonsense"))]
    a_folder(tmp_path, {"a.yaml": yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items})})
    assert names(read_folder(tmp_path)) == ["demo", "r"]
    ((_, line, _, field, _),) = findings(tmp_path)
    assert field == "spec.deadline"
    assert "deadline: nonsense" in (tmp_path / "a.yaml").read_text().splitlines()[line - 1]


def test_links_in_circles_and_to_the_same_file_are_read_once(tmp_path):
    a_folder(tmp_path, {"one/a.yaml": RUNTIME, "one/r.yaml": a_route()})
    (tmp_path / "one/up").symlink_to(tmp_path)
    (tmp_path / "two").symlink_to(tmp_path / "one")
    (tmp_path / "same.yaml").symlink_to(tmp_path / "one/a.yaml")
    assert names(read_folder(tmp_path)) == ["demo", "r"]
    assert findings(tmp_path) == []


def test_a_link_to_nowhere_is_a_problem(tmp_path):
    a_folder(tmp_path, {"a.yaml": RUNTIME})
    (tmp_path / "b.yaml").symlink_to(tmp_path / "gone.yaml")
    ((file, line, reason, _, message),) = findings(tmp_path)
    assert (file, line, reason) == ("b.yaml", 1, "Unreadable")
    assert "cannot be read: No such file" in message


def test_what_is_no_file_is_not_waited_for(tmp_path):
    a_folder(tmp_path, {"a.yaml": RUNTIME})
    os.mkfifo(tmp_path / "b.yaml")
    ((file, _, reason, _, message),) = findings(tmp_path)
    assert (file, reason) == ("b.yaml", "Unreadable")
    assert "no regular file" in message


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: [1\nb: 2\n", 2, "no valid YAML"),
        ("\n\na: {{ .Values.x }}\n", 3, "no valid YAML"),
        ("a: 1\na: 2\n", 2, "stands there twice"),
        ("a:\n  b: 1\n  c: 2\n  b: 3\n", 4, "stands there twice"),
        ("a: &x [*x]\n", 1, "refers to itself"),
        ("a: *nope\n", 1, "no valid YAML"),
        ("a: !!python/object:os.system {}\n", 1, "no valid YAML"),
        ("? [a]\n: 1\n? {b: 1}\n: 2\n", 1, "no valid YAML"),
        ("a: \x01\n", 1, "no valid YAML"),
        ("a: 2026-99-99\nb: 0x\nc: 1__2\nd: [", 5, "no valid YAML"),
    ],
)
def test_what_is_no_yaml_says_where(tmp_path, text, line, message):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(UnreadableError) as found:
        list(read_documents(path))
    assert message in found.value.message
    assert found.value.line == line
    assert found.value.remedy


def test_documents_before_a_broken_one_are_read(tmp_path):
    a_folder(tmp_path, {"a.yaml": RUNTIME + "---\n" + a_route() + "---\na: [\n"})
    assert names(read_folder(tmp_path)) == ["demo", "r"]
    assert [(reason, message[:21]) for _, _, reason, _, message in findings(tmp_path)] == [
        ("Unreadable", "this is no valid YAML")
    ]


def test_aliases_that_multiply_are_refused_quickly(tmp_path):
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{index}: &a{index} [{', '.join([f'*a{index - 1}'] * 10)}]" for index in range(1, 12)]
    (tmp_path / "a.yaml").write_text("\n".join(lines))
    with pytest.raises(UnreadableError, match="more than 1000000 values"):
        list(read_documents(tmp_path / "a.yaml"))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_refused(tmp_path, opening):
    (tmp_path / "a.yaml").write_text(opening * 100_000)
    with pytest.raises(UnreadableError):
        list(read_documents(tmp_path / "a.yaml"))


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(documents, "MAX_BYTES", 10)
    (tmp_path / "a.yaml").write_text("a: " + "1" * 10)
    with pytest.raises(UnreadableError, match="larger than 10 bytes"):
        list(read_documents(tmp_path / "a.yaml"))


def test_scalars_are_read_as_kubernetes_reads_them(tmp_path):
    text = "a: 2026-01-01T00:00:00Z\nb: 1:30\nc: 12\nd: 1.5\ne: yes\nf: ~\ng: 2026-01-01\nh: '7'\n"
    (tmp_path / "a.yaml").write_text(text)
    (document,) = read_documents(tmp_path / "a.yaml")
    assert document.data == {
        "a": "2026-01-01T00:00:00Z",
        "b": "1:30",
        "c": 12,
        "d": 1.5,
        "e": True,
        "f": None,
        "g": "2026-01-01",
        "h": "7",
    }


def test_every_field_has_its_line(tmp_path):
    text = """\
# a comment
spec:
  backends:
    - pool: p
      weight: 1
    -
      pool: q
  labels: {a.b/c: 1,
    a: 2}
"""
    (tmp_path / "a.yaml").write_text(text)
    (document,) = read_documents(tmp_path / "a.yaml")
    lines = {
        "": 2,
        "spec": 2,
        "spec.backends": 3,
        "spec.backends[0]": 4,
        "spec.backends[0].weight": 5,
        "spec.backends[1].pool": 7,
        "spec.backends[1].weight": 7,
        "spec.backends[9].weight": 3,
        "spec.labels.a.b/c": 8,
        "spec.labels.a": 9,
        "spec.nothing": 2,
        "nothing": 2,
    }
    assert {field: document.line_of(field) for field in lines} == lines


def test_a_resource_that_is_there_twice_names_both_places(tmp_path):
    a_folder(tmp_path, {"a.yaml": RUNTIME, "b.yaml": a_route(), "c.yaml": "# x\n" + a_route()})
    ((file, line, reason, field, message),) = findings(tmp_path)
    assert (file, line, reason, field) == ("c.yaml", 5, "Invalid", "metadata.name")
    assert "b.yaml:1" in message
    (broken,) = [one for one in read_folder(tmp_path).resources.values() if isinstance(one, Broken)]
    assert broken.ref.name == "default/r"


def test_a_kind_that_the_group_lacks_is_a_problem(tmp_path):
    text = "apiVersion: fourplane.dev/v1alpha1\nkind: ModelRout\nmetadata: {name: x}\n"
    a_folder(tmp_path, {"a.yaml": RUNTIME, "b.yaml": text})
    ((file, line, reason, _, message),) = findings(tmp_path)
    assert (file, line, reason) == ("b.yaml", 2, "NotAResource")
    assert "ModelRout" in message


def test_a_resource_without_a_name_is_a_problem(tmp_path):
    a_folder(tmp_path, {"a.yaml": RUNTIME, "b.yaml": a_route().replace("name: r\nspec", "label: r\nspec")})
    assert {(file, reason) for file, _, reason, _, _ in findings(tmp_path)} == {("b.yaml", "NotAResource")}


def test_an_empty_folder_is_a_problem(tmp_path):
    assert [reason for _, _, reason, _, _ in findings(tmp_path)] == ["NothingFound"]


def test_a_broken_runtime_is_not_blamed_on_its_routes(tmp_path):
    a_folder(tmp_path, {"a.yaml": RUNTIME.replace("8001", "x"), "r.yaml": a_route()})
    assert {file for file, *_ in findings(tmp_path)} == {"a.yaml"}


def test_a_route_without_any_runtime_is_told(tmp_path):
    a_folder(tmp_path, {"r.yaml": a_route()})
    assert [(reason, field) for _, _, reason, field, _ in findings(tmp_path)] == [
        ("RuntimeNotFound", "spec.runtimeRef.name")
    ]


SECOND = RUNTIME.replace("name: demo", "name: second")


def test_several_runtimes_share_a_folder(tmp_path):
    broken = a_route("s", runtime="second").replace("weight", "weight").replace("pool: p", "pol: p")
    files = {"a.yaml": RUNTIME, "b.yaml": SECOND, "r.yaml": a_route(), "s.yaml": broken}
    a_folder(tmp_path, files | {"t.yaml": a_route("t", runtime="third")})
    assert [(file, reason) for file, _, reason, _, _ in findings(tmp_path)] == [
        ("s.yaml", "Invalid"),
        ("s.yaml", "Invalid"),
        ("t.yaml", "RuntimeNotFound"),
    ]
    folder = read_folder(tmp_path)
    with pytest.raises(ProblemsError, match=r"2 RuntimeDeployments.*choose one with --runtime"):
        choose_runtime(folder, None)
    with pytest.raises(ProblemsError, match="no RuntimeDeployment default/nope"):
        choose_runtime(folder, "nope")
    assert set(compile_folder(folder, choose_runtime(folder, "second")).routes) == {"default/s"}
    assert set(compile_folder(folder, choose_runtime(folder, "default/demo")).routes) == {"default/r"}


def shuffled(value, chance):
    """Return the same value with the keys of every mapping in another order."""
    if isinstance(value, dict):
        keys = chance.sample(list(value), len(value))
        return {key: shuffled(value[key], chance) for key in keys}
    if isinstance(value, list):
        return [shuffled(item, chance) for item in value]
    return value


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from((True, False)), st.integers(2, 8), st.booleans())
def test_how_yaml_is_written_changes_no_byte(tmp_path_factory, seed, flow, indent, one_file):
    chance = random.Random(seed)
    resources = [
        yaml.safe_load(text) for text in (RUNTIME, a_route("r", deadline="1s"), a_route("s", affinity={"header": "k"}))
    ]
    plain = a_folder(
        tmp_path_factory.mktemp("plain"), {f"{n}.yaml": yaml.safe_dump(one) for n, one in enumerate(resources)}
    )
    texts = [
        "# comment\n" + yaml.safe_dump(shuffled(one, chance), sort_keys=False, default_flow_style=flow, indent=indent)
        for one in chance.sample(resources, len(resources))
    ]
    files = {"x.yml": "\n---\n".join(texts)} if one_file else {f"z{n}.yaml": text for n, text in enumerate(texts)}
    other = a_folder(tmp_path_factory.mktemp("other"), files)
    one, two = (compile_folder(read_folder(root), "default/demo") for root in (plain, other))
    assert one.encoded == two.encoded
    assert one.provenance() == two.provenance()
