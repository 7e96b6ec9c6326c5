"""Text that goes into spreadsheets."""

import re
from typing import Final

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
# What no XML may hold, and so no workbook: openpyxl raises for the first, Excel refuses the rest.
NO_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def neutral(text: str) -> str:
    """Text that no spreadsheet program takes for a formula (OWASP, “CSV injection”), or chokes on.

    Signed numbers, such as telephone numbers, stay as they are. What is no character becomes �.
    """
    text = NO_XML.sub("\ufffd", text)
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    return text[0] in "+-" and text[1:].replace(".", "", 1).isdecimal()
