"""Documents that are not resources: each problem is named by field, with a message and a remedy."""

import pytest

import fourplane_api as api

RUNTIME = {
    "apiVersion": "fourplane.dev/v1alpha1",
    "kind": "RuntimeDeployment",
    "metadata": {"name": "shop"},
    "spec": {"pools": [{"name": "main", "triton": {"modelRepository": "models", "models": [{"name": "m"}]}}]},
}


def refusal(document):
    with pytest.raises(api.InvalidResourceError) as caught:
        api.parse(document)
    return caught.value


def problems(document):
    return [(problem.field, problem.message, problem.remedy) for problem in refusal(document).problems]


def a_route(**spec):
    return {
        "apiVersion": "fourplane.dev/v1alpha1",
        "kind": "ModelRoute",
        "metadata": {"name": "classifier"},
        "spec": {
            "runtimeRef": {"name": "shop"},
            "model": {"name": "classifier"},
            "backends": [{"pool": "main", "model": "m"}],
        }
        | spec,
    }


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (
            {"apiVersion": "fourplane.dev/v1"},
            ("apiVersion", 'Unsupported value: "fourplane.dev/v1": must be fourplane.dev/v1alpha1', ""),
        ),
        ({"apiVersion": None}, ("apiVersion", "Required value", "write apiVersion: fourplane.dev/v1alpha1")),
        ({"apiVersion": 1}, ("apiVersion", 'must be of type string: "integer"', "write it in quotes")),
        (
            {"kind": "ModelRoutes"},
            (
                "kind",
                'Unsupported value: "ModelRoutes": must be RuntimeDeployment or ModelRoute',
                "did you mean ModelRoute?",
            ),
        ),
        ({"kind": None}, ("kind", "Required value", "write kind: RuntimeDeployment or ModelRoute")),
        ({"metadata": None}, ("metadata", "Required value", "")),
        ({"metadata": {}}, ("metadata.name", "Required value", "")),
        (
            {"metadata": {"name": "x", "labels": {"a": 1}}},
            ("metadata.labels.a", 'must be of type string: "integer"', "write it in quotes"),
        ),
        ({"metadata": []}, ("metadata", 'must be of type object: "array"', "")),
        ({"spec": None}, ("spec", "Required value", "")),
        ({"spec": "x"}, ("spec", 'must be of type object: "string"', "")),
        ({"sepc": {}}, ("sepc", 'unknown field "sepc"', "did you mean spec?")),
    ],
)
def test_the_frame_of_a_document_is_checked(changed, problem):
    assert problems(RUNTIME | changed) == [problem]


def test_all_problems_are_reported_at_once_each_by_its_path():
    backends = [{"pool": "main", "model": "m"}, {"pool": "Main", "model": "m", "weight": -1, "weights": 2}]
    fields = [field for field, _, _ in problems(a_route(backends=backends, deadline="soon"))]
    assert fields == ["spec.backends[1].pool", "spec.backends[1].weight", "spec.backends[1].weights", "spec.deadline"]


def test_a_broken_rule_has_the_message_of_the_definition():
    backends = [{"pool": "main", "model": "m", "weight": 0}]
    assert problems(a_route(backends=backends)) == [
        ("spec.backends", "at least one backend must have a weight above 0", "")
    ]


def test_a_refused_pattern_says_what_to_write():
    assert problems(a_route(deadline="5 minutes")) == [
        (
            "spec.deadline",
            "should match '^([0-9]{1,5}(h|m|s|ms)){1,4}$'",
            "write a Gateway API duration such as 500ms, 30s or 1h30m",
        )
    ]


def test_python_names_are_unknown_fields_in_a_document():
    assert problems(a_route(runtime_ref={"name": "shop"})) == [
        ("spec.runtime_ref", 'unknown field "spec.runtime_ref"', "did you mean runtimeRef?")
    ]


def test_an_unknown_field_like_no_other_gets_no_hint():
    assert problems(a_route(zzz=1)) == [("spec.zzz", 'unknown field "spec.zzz"', "")]


def test_a_hint_is_found_inside_lists_too():
    document = RUNTIME | {
        "spec": {
            "pools": [{"name": "main", "triton": {"modelRepo": "m", "endpoints": ["a:1"], "models": [{"name": "m"}]}}]
        }
    }
    assert problems(document) == [
        (
            "spec.pools[0].triton.modelRepo",
            'unknown field "spec.pools[0].triton.modelRepo"',
            "did you mean modelRepository?",
        )
    ]


def test_an_unknown_enum_value_gets_a_hint():
    document = RUNTIME | {"spec": RUNTIME["spec"] | {"callers": {"anonymous": "allow"}}}
    assert problems(document) == [
        (
            "spec.callers.anonymous",
            'Unsupported value: "allow": supported values: "Allow", "Deny"',
            "did you mean Allow?",
        )
    ]


@pytest.mark.parametrize("value", ["1", True, 1.0, [1]])
def test_nothing_is_coerced_to_a_number(value):
    backends = [{"pool": "main", "model": "m", "weight": value}]
    assert [field for field, _, _ in problems(a_route(backends=backends))] == ["spec.backends[0].weight"]


@pytest.mark.parametrize("value", [1, True, 1.5, ["1"]])
def test_nothing_is_coerced_to_a_string(value):
    assert [field for field, _, _ in problems(a_route(model={"name": "m", "version": value}))] == ["spec.model.version"]


def test_a_wrong_last_transition_time_is_refused():
    condition = {"type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": "now"}
    document = a_route() | {"status": {"conditions": [condition]}}
    assert problems(document)[0][:2] == ("status.conditions[0].lastTransitionTime", "must be of type date-time")


def test_the_error_reads_well():
    error = refusal(a_route(deadline="25h"))
    assert (error.kind, error.name) == ("ModelRoute", "classifier")
    assert str(error) == "ModelRoute classifier: spec.deadline: must be at least 1ms and at most 24h"
    assert str(refusal({"apiVersion": "fourplane.dev/v1alpha1"})).startswith("document (no name): kind: Required value")


@pytest.mark.parametrize(
    ("version", "ours"),
    [("fourplane.dev/v1alpha1", True), ("fourplane.dev/v9", True), ("v1", False), ("apps/v1", False), (None, False)],
)
def test_a_document_of_another_group_is_told_apart(version, ours):
    assert api.is_ours({"apiVersion": version}) is ours
