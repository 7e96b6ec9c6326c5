"""Text that goes into spreadsheets."""

from typing import Final

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def neutral(text: str) -> str:
    """Text that no spreadsheet program takes for a formula (OWASP, “CSV injection”).

    Signed numbers, such as telephone numbers, stay as they are.
    """
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return text[0] in "+-" and text[1:].replace(".", "", 1).isdecimal()
