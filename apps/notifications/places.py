"""The places in a text that are filled in from a message's data."""

import re
from typing import Any, Final

_PLACE: Final = re.compile(r"%\((\w+)\)s")


def filled(text: str, data: dict[str, Any]) -> str:
    """`%(name)s` replaced by the value of that name; what is not known stays as it is."""
    return _PLACE.sub(lambda place: str(data.get(place[1], place[0])), text)
