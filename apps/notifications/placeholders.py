"""The placeholders in a text, filled in from a message's data."""

import re
from typing import Any, Final

_PLACEHOLDER: Final = re.compile(r"%\((\w+)\)s")


def filled(text: str, data: dict[str, Any]) -> str:
    """`%(name)s` replaced by the value of that name; what is not known stays as it is."""
    return _PLACEHOLDER.sub(lambda found: str(data.get(found[1], found[0])), text)
