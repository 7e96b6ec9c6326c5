"""JSON from outside, read by one function for every address.

Python's reader takes what nothing behind it can hold: NaN and infinite numbers, whole numbers of
any length, texts with NUL or half a surrogate pair, and nesting up to a crash.
"""

import json
import math
import re
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.common.texts import is_storable

FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")  # what is no JSON
MAX_DEPTH: Final = 32
MAX_DIGITS: Final = 40  # of a whole number: more than any column holds, fields say how many
# The only way to write what `is_storable` forbids: raw control characters are no JSON, and raw
# surrogates no UTF-8.
_SUSPECT: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


class UnreadableJSON(ValueError):
    """The text is no JSON that can be taken. `code` is documented in docs/api.md."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def loads(text: str | bytes) -> Any:
    """The value of this JSON text (bytes: UTF-8); raises `UnreadableJSON`."""
    try:
        text = text.decode() if isinstance(text, bytes) else text
        data = _DECODER.decode(text)
    except UnreadableJSON:
        raise
    except RecursionError as error:
        raise _too_deep() from error
    except ValueError as error:
        raise UnreadableJSON("parse_error", _("This is not JSON.")) from error
    nested = text.count("[") + text.count("{") > MAX_DEPTH
    if nested or _SUSPECT.search(text):
        _check(data)
    return data


def _check(data: Any) -> None:
    """Depth and texts of a value, without recursion."""
    waiting = [(data, 1)]
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                raise _too_deep()
            parts = (*value.keys(), *value.values()) if isinstance(value, dict) else value
            waiting += [(part, depth + 1) for part in parts if isinstance(part, str | dict | list)]
        elif isinstance(value, str) and not is_storable(value):
            raise bad_text()


def bad_text() -> UnreadableJSON:
    return UnreadableJSON(
        "bad_text", _("There is a character here that is none: NUL, or half a pair.")
    )


def _too_deep() -> UnreadableJSON:
    return UnreadableJSON("too_deep", _("This is nested too deeply."))


def _bad_number() -> UnreadableJSON:
    return UnreadableJSON("bad_number", _("There is a number here that is none, or too large."))


def _constant(_name: str) -> Any:
    raise _bad_number()


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _bad_number()
    return value


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _bad_number()
    return int(text)


_DECODER: Final = json.JSONDecoder(parse_constant=_constant, parse_float=_float, parse_int=_int)
