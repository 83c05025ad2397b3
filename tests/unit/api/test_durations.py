"""Gateway API durations."""

import pytest

from fourplane_api.durations import milliseconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1ms", 1),
        ("500ms", 500),
        ("1s", 1000),
        ("2s500ms", 2500),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("24h", 86_400_000),
        ("30m30m", 3_600_000),
        ("1h1m1s1ms", 3_661_001),
        ("0s", 0),
        ("", 0),
    ],
)
def test_a_duration_in_milliseconds(text, expected):
    assert milliseconds(text) == expected
