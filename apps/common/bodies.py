"""How the API reads bodies and writes answers."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.renderers import JSONRenderer

from apps.common.strict_json import UnreadableJSON, bad_text, loads
from apps.common.texts import UNSTORABLE, is_storable


class StrictJSONParser(JSONParser):
    """JSON through `strict_json.loads`: 400 parse_error, too_deep, bad_text or bad_number."""

    def parse(self, stream: IO[Any], media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            return loads(stream.read())
        except UnreadableJSON as error:
            raise ParseError(error.message, error.code) from error


class StrictMultiPartParser(MultiPartParser):
    """Forms with files, whose names and values can be stored (400 bad_text)."""

    def parse(self, stream: IO[Any], media_type: Any = None, parser_context: Any = None) -> Any:
        parsed = super().parse(stream, media_type, parser_context)
        if not is_storable_form(parsed.data, parsed.files):
            error = bad_text()
            raise ParseError(error.message, error.code)
        return parsed


def is_storable_form(data: Any, files: Any) -> bool:
    """Whether names, values and the names of files hold nothing that cannot be stored."""
    values = (value for values in data.lists() for value in (values[0], *values[1]))
    names = (name for key, some in files.lists() for name in (key, *(f.name or "" for f in some)))
    return all(is_storable(str(text)) for text in (*values, *names))


class SafeJSONRenderer(JSONRenderer):
    """JSON that is always UTF-8: what an answer repeats of a body may be no text at all."""

    def render(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().render(data, *args, **kwargs)
        except UnicodeEncodeError:
            return super().render(_storable(data), *args, **kwargs)


def _storable(data: Any) -> Any:
    """The same value with a replacement character for everything that is none."""
    return _replaced(json.loads(json.dumps(data, cls=JSONRenderer.encoder_class)))


def _replaced(data: Any) -> Any:
    if isinstance(data, str):
        return UNSTORABLE.sub("�", data)
    if isinstance(data, Mapping):
        return {_replaced(key): _replaced(value) for key, value in data.items()}
    return [_replaced(value) for value in data] if isinstance(data, list) else data
