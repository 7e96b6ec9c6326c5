"""The one reader of JSON from outside."""

import json
from typing import Any

import pytest

from apps.common.strict_json import MAX_DEPTH, MAX_DIGITS, UnreadableJSON, loads


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True, "ä😀"], "b": {"c": "x\ny"}},
        10**MAX_DIGITS - 1,
        -(2**63),
        [[index] for index in range(200)],
        "text with [ and { inside " * 20,
        "\\u0000 as letters, and a pair: \U0001f600",
    ],
)
def test_what_can_be_stored_is_read(value: Any) -> None:
    assert loads(json.dumps(value)) == value
    assert loads(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (nested(MAX_DEPTH + 1), "too_deep"),
        (nested(100_000), "too_deep"),
        ('{"a":' * 50_000 + "1" + "}" * 50_000, "too_deep"),
        ('{"a": "\\u0000"}', "bad_text"),
        ('{"\\ud800": 1}', "bad_text"),
        ('["\\udfff\\ud83d"]', "bad_text"),
        ("NaN", "bad_number"),
        ('{"a": -Infinity}', "bad_number"),
        ("1e400", "bad_number"),
        ("9" * (MAX_DIGITS + 1), "bad_number"),
        ("9" * 5000, "bad_number"),
        ("", "parse_error"),
        ("{", "parse_error"),
        ('"\x00"', "parse_error"),
        (b'"\xed\xa0\x80"', "parse_error"),
        (b"\xff\xfe", "parse_error"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(text: str | bytes, code: str) -> None:
    with pytest.raises(UnreadableJSON) as refused:
        loads(text)
    assert refused.value.code == code


def test_the_deepest_that_is_allowed_is_read() -> None:
    assert loads(nested(MAX_DEPTH))
