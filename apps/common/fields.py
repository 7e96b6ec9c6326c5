"""Fields of serializers that keep to what the database and the calendar can hold."""

import re
from datetime import date, datetime, time
from typing import Any, Final

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.common.digits import plain_digits, plain_phone
from apps.common.moments import is_day, is_moment

LARGEST_ID: Final = 2**63 - 1
CLOCK: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?")
OUT_OF_BOUNDS: Final[dict[str, Any]] = {"out_of_bounds": _("Only the years 1900 to 2200.")}


def row_number(text: str) -> int | None:
    """A row's number as forms and addresses have it, in ASCII digits; None for anything else."""
    if not (text.isascii() and text.isdecimal()) or len(text) > len(str(LARGEST_ID)):
        return None
    number = int(text)
    return number if 0 < number <= LARGEST_ID else None


class DayField(serializers.DateField):
    """A day of the years 1900 to 2200."""

    default_error_messages = OUT_OF_BOUNDS

    def to_internal_value(self, value: Any) -> date:
        day = super().to_internal_value(value)
        if not is_day(day):
            self.fail("out_of_bounds")
        return day


class MomentField(serializers.DateTimeField):
    """A moment of the years 1900 to 2200."""

    default_error_messages = OUT_OF_BOUNDS

    def to_internal_value(self, value: Any) -> datetime:
        moment = super().to_internal_value(value)
        if not is_moment(moment):
            self.fail("out_of_bounds")
        return moment


class ClockField(serializers.TimeField):
    """A time of day, with two digits each: 08:30."""

    default_error_messages = {"two_digits": _("Write a time of day like 08:30.")}

    def to_internal_value(self, value: Any) -> time:
        if isinstance(value, str) and not CLOCK.fullmatch(value):
            self.fail("two_digits")
        return super().to_internal_value(value)


class NumberTextField(serializers.CharField):
    """A code or year whose digits may be of any script (`apps.common.model_fields`)."""

    def to_internal_value(self, data: Any) -> str:
        return plain_digits(super().to_internal_value(data))


class PhoneField(serializers.CharField):
    """A telephone number; the spaces people write in it do not count."""

    def to_internal_value(self, data: Any) -> str:
        return plain_phone(super().to_internal_value(data))


class IdField(serializers.IntegerField):
    """The id of a row, within what the database can hold."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=LARGEST_ID, **options)
