"""The examples are judged alike by the definitions and by Python."""

import copy
import json
import re
from pathlib import Path

import pytest
import yaml

import fourplane_api as api
from fourplane_api import published, route

EXAMPLES = Path(__file__).resolve().parents[3] / "crds/examples"
VALID = sorted((EXAMPLES / "valid").glob("*.yaml"))
INVALID = sorted((EXAMPLES / "invalid").glob("*.yaml"))
ONLY_ON_UPDATE = {
    route.RUNTIME_IS_FIXED,
    route.RUNTIME_NAMESPACE_IS_FIXED,
    published.FROZEN,
    published.RUNTIME_STAYS,
    published.NEVER_BACK,
    published.ONE_DECISION_EACH,
}
STEMS = {"ids": lambda path: path.stem}


@pytest.fixture(scope="module")
def verdicts(judge):
    return judge(VALID + INVALID)


def python_problems(text):
    """Return what Python finds wrong with the documents of a file."""
    try:
        return tuple(problem for document in api.load(text) for problem in problems_of(document))
    except api.UnreadableDocumentError as error:
        return (api.Problem("", error.message),)


def problems_of(document):
    parse = api.parse_machine if document.get("kind") in api.MACHINE_KINDS else api.parse
    try:
        parse(document)
    except api.InvalidResourceError as error:
        return error.problems
    return ()


def expectation(text, judge_name):
    match = re.search(rf"^# expect(?:-{judge_name})?: (.+)$", text, re.MULTILINE)
    assert match, f"the first lines must say `# expect: MESSAGE` or `# expect-{judge_name}: MESSAGE`"
    return match[1]


@pytest.mark.parametrize("path", VALID, **STEMS)
def test_a_valid_example_is_valid_to_both(path, verdicts):
    assert python_problems(path.read_text()) == ()
    assert verdicts[path] == ()


@pytest.mark.parametrize("path", INVALID, **STEMS)
def test_an_invalid_example_is_refused_by_both_for_the_stated_reason(path, verdicts):
    text = path.read_text()
    ours = {p.field for p in python_problems(text) if expectation(text, "python") in p.message}
    theirs = {cause.field for cause in verdicts[path] if expectation(text, "crd") in cause.message}
    assert ours, f"Python says: {python_problems(text)}"
    assert theirs, f"the definition says: {verdicts[path]}"
    if "# expect: " in text:
        assert ours <= theirs


@pytest.mark.parametrize("path", INVALID, **STEMS)
def test_an_invalid_example_has_one_fault(path):
    assert len(python_problems(path.read_text())) == 1


def test_every_rule_has_an_example_that_breaks_it():
    definitions = [yaml.safe_load(path.read_text()) for path in EXAMPLES.parent.glob("fourplane.dev_*.yaml")]
    messages = set(_rule_messages(definitions))
    broken = {p.message for path in INVALID for p in python_problems(path.read_text())}
    assert messages - broken == {rule.message for rule in ONLY_ON_UPDATE}


def _rule_messages(node):
    if isinstance(node, dict):
        for rule in node.get("x-kubernetes-validations", []):
            yield rule["message"]
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from _rule_messages(child)


STRINGS = (
    "",
    "x",
    "5m",
    "1",
    "x\n",
    "é",
    "A.b",
    "a b",
    "a" * 64,
    "a" * 600,
    "0h0ms",
    "99999h99999h",
    "a:0",
    "[::1]:65536",
)
REPLACEMENTS = (*STRINGS, None, 0, 1, -1, 1.5, 2**31, 2**53, True, [], {}, [None], ["x"], [1], {"name": "x"})


def mutants(document):
    """Yield copies of a document with one part replaced, removed, doubled or joined by an unknown field."""
    for path in _paths(document["spec"], ("spec",)):
        for value in REPLACEMENTS:
            yield _changed(document, path, lambda parent, key, value=value: parent.__setitem__(key, value))
        yield _changed(document, path, lambda parent, key: parent.__delitem__(key))
        yield _changed(document, path, _double)


def _double(parent, key):
    if isinstance(parent, list):
        parent.append(parent[key])
    else:
        parent[f"{key}x"] = parent[key]


def _paths(node, path):
    yield path
    for key, child in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else []:
        yield from _paths(child, (*path, key))


def _changed(document, path, change):
    mutant = copy.deepcopy(document)
    parent = mutant
    for step in path[:-1]:
        parent = parent[step]
    change(parent, path[-1])
    return mutant


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("runtime-full", 300),
        ("runtime-external-endpoints", 300),
        ("runtime-cluster", 300),
        ("route-full", 300),
        ("shard-full", 100),
        ("snapshot-full", 150),
        ("activation-full", 150),
        ("report-full", 300),
    ],
)
def test_both_judge_every_small_change_of_an_example_alike(name, least, judge, tmp_path):
    document = api.load((EXAMPLES / f"valid/{name}.yaml").read_text())[0]
    written = {}
    for number, mutant in enumerate(mutants(document)):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(mutant))
        written[path] = mutant
    theirs = judge(written)
    judged = [(mutant.get("spec"), problems_of(mutant), theirs[path]) for path, mutant in written.items()]
    differing = [case for case in judged if bool(case[1]) != bool(case[2])]
    assert differing == []
    assert len(written) > least
