"""What may stand in a text: nothing that a database, a page or a log cannot hold."""

import re
import unicodedata
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# PostgreSQL stores no NUL; a lone half of a surrogate pair is no character and has no UTF-8.
UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
# Control characters, two separators that some take for the end of a line, two that no XML holds.
CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
# The same without tabs and line ends, which texts of several lines have.
CONTROL_IN_PROSE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")
NONCE: Final = r"^[A-Za-z0-9_-]{8,64}$"  # what a client names a write that it may retry
LONGEST_LINE: Final = 255  # longer texts may have several lines


def is_storable(value: str) -> bool:
    return UNSTORABLE.search(value) is None


def validate_line(value: Any) -> None:
    """One line: no line end, tab or other control character."""
    if CONTROL.search(str(value)):
        raise ValidationError(
            _("Line ends and other control characters are not allowed here."), "control_character"
        )


def validate_prose(value: Any) -> None:
    """Lines of text: no control character but tabs and line ends."""
    if CONTROL_IN_PROSE.search(str(value)):
        raise ValidationError(_("Control characters are not allowed here."), "control_character")


def is_visible(value: str) -> bool:
    """Whether anything of it can be seen: spaces and formatting characters alone are no name."""
    return any(unicodedata.category(character)[0] not in "ZC" for character in value)


def validate_visible(value: Any) -> None:
    if not is_visible(str(value)):
        raise ValidationError(_("This field may not be blank."), "blank")


def validate_name(value: Any) -> None:
    """What somebody or something is called: one line with something to see in it."""
    validate_line(value)
    validate_visible(value)


def replaced(value: Any, pattern: re.Pattern[str], by: str) -> Any:
    """A JSON value in which `by` stands for whatever the pattern finds in its strings and names."""
    if isinstance(value, str):
        return pattern.sub(by, value)
    if isinstance(value, list):
        return [replaced(item, pattern, by) for item in value]
    if isinstance(value, dict):
        return {pattern.sub(by, key): replaced(item, pattern, by) for key, item in value.items()}
    return value
