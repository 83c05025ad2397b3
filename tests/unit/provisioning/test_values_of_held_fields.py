"""The values of the fields that a manager holds: what drifts, and what is not its own."""

import pytest

from fourplane_operator.provisioning_values import values_of

PORT = 'k:{"port":1,"protocol":"TCP"}'
OBJECT = {
    "spec": {"image": "a", "theirs": 1, "whole": {"x": [1]}},
    "ports": [{"port": 2, "protocol": "TCP"}, {"port": 1, "protocol": "TCP", "name": "n", "theirs": {}}],
    "finalizers": ["theirs", "ours"],
    "rows": ["zero", "one"],
}


@pytest.mark.parametrize(
    ("fields", "values"),
    [
        ({"f:spec": {".": {}, "f:image": {}}}, {"f:spec": {"f:image": "a"}}),
        ({"f:spec": {"f:whole": {}}}, {"f:spec": {"f:whole": {"x": [1]}}}),
        ({"f:ports": {PORT: {".": {}, "f:name": {}}}}, {"f:ports": {PORT: {"f:name": "n"}}}),
        ({"f:finalizers": {'v:"ours"': {}}}, {"f:finalizers": {'v:"ours"': "ours"}}),
        ({"f:rows": {"i:1": {}}}, {"f:rows": {"i:1": "one"}}),
        ({"f:rows": {"i:7": {}}}, {"f:rows": {"i:7": None}}),
        ({"f:finalizers": {'v:"gone"': {}}}, {"f:finalizers": {'v:"gone"': None}}),
        ({"f:ports": {'k:{"port":9}': {"f:name": {}}}}, {"f:ports": {'k:{"port":9}': {"f:name": None}}}),
        ({"f:absent": {"f:below": {}}}, {"f:absent": {"f:below": None}}),
        ({"f:absent": {'k:{"port":9}': {}}}, {"f:absent": {'k:{"port":9}': None}}),
    ],
)
def test_the_values_of_held_fields_are_found_and_no_others(fields, values):
    assert values_of(fields, OBJECT) == values


def test_nothing_is_held_of_an_object_that_others_made():
    assert values_of({}, None) is None
