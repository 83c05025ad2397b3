"""YAML is read as kubectl reads it."""

import pytest

import fourplane_api as api


def value(text):
    return api.load(f"key: {text}")[0]["key"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31", "2026-01-31"),
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("1:30", "1:30"),
        ("1e3", 1000),
        ("1.0", 1),
        ("1.5", 1.5),
        ("010", 8),
        ("0x1f", 31),
        ("1_000", 1000),
        ("-3", -3),
        ("0", 0),
        ("'1'", "1"),
        ("no", False),
        ("y", "y"),
        ("~", None),
        ("{<<: {a: 1}, b: 2}", {"a": 1, "b": 2}),
    ],
)
def test_a_scalar_has_the_type_that_the_api_server_sees(text, expected):
    found = value(text)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize("text", ["1e3", "0E0", "1:30", "2026-01-31", "no", "~", "1", "", "a: b", "é"])
def test_a_string_stays_one_when_written(text):
    assert api.load(api.dump({"key": text})) == ({"key": text},)


def test_equal_parts_are_written_twice_and_keys_keep_their_order():
    part = {"z": 1, "a": [1.5, True, None]}
    assert api.dump({"y": part, "x": part}).count("z: 1") == 2


def test_a_file_may_hold_several_documents_and_empty_ones():
    assert api.load("---\na: 1\n---\n---\nb: 2\n---\n") == ({"a": 1}, {"b": 2})


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\na: 2\n", 2, 'key "a" stands twice'),
        ("a:\n  b: 1\n  b: 2\n", 3, 'key "b" stands twice'),
        ("a: 1\n---\n- 1\n", 3, "a resource must be a mapping"),
        ("a: {\n", 2, "expected the node content"),
        ("a: *nowhere\n", 1, "undefined alias"),
        ("a: !!python/object/apply:os.getcwd []\n", 1, "could not determine a constructor"),
        ("a: \x00\n", 1, "special characters"),
        ("a: " + "[" * 5000, 1, "recursion"),
    ],
)
def test_what_cannot_hold_resources_is_refused_with_its_line(text, line, message):
    with pytest.raises(api.UnreadableDocumentError) as caught:
        api.load(text)
    assert caught.value.line == line
    assert message in str(caught.value)
