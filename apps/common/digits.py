"""Digits of every script are digits wherever a number is typed."""

import re
import unicodedata
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers


def plain_digits(text: str) -> str:
    """The text with every decimal digit (Arabic, Persian, Devanagari, full-width …) as 0–9.

    Nothing else is changed: superscripts, fractions and Roman numerals are no digits of a number.
    """
    if text.isascii():
        return text
    return "".join(_plain(character) for character in text)


def _plain(character: str) -> str:
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def plain_number(text: str) -> str:
    """The same with the decimal signs of those scripts: ٫ is a point, ٬ parts thousands."""
    return plain_digits(text).replace("\u066b", ".").replace("\u066c", "")


def plain_phone(text: str) -> str:
    """A telephone number without spaces, hyphens and brackets; 00 in front is +."""
    number = re.sub(r"[\s()\-]", "", plain_digits(text))
    return f"+{number[2:]}" if number.startswith("00") else number


class CodeField(serializers.CharField):
    """A code of so many digits, in whatever script and with whatever spaces; "012345"."""

    default_error_messages = {"digits": _("{length} digits are expected.")}

    def __init__(self, *, length: int = 6, **kwargs: Any) -> None:
        self.length = length
        super().__init__(max_length=40, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        digits = "".join(plain_digits(super().to_internal_value(data)).split())
        if len(digits) != self.length or not (digits.isascii() and digits.isdecimal()):
            self.fail("digits", length=self.length)
        return digits
