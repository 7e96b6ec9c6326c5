"""Fields of pages' forms, with the bounds of the API's (`apps.common.fields`)."""

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from apps.common.fields import CLOCK
from apps.common.moments import is_day, is_moment
from apps.common.texts import validate_line

OUT_OF_BOUNDS = ValidationError(_("Only the years 1900 to 2200."), "out_of_bounds")


class LineField(forms.CharField):
    """One line of text."""

    default_validators = [validate_line]


class DayField(forms.DateField):
    def to_python(self, value: Any) -> date | None:
        day = super().to_python(value)
        if day is not None and not is_day(day):
            raise OUT_OF_BOUNDS
        return day


class MomentField(forms.DateTimeField):
    def to_python(self, value: Any) -> datetime | None:
        moment = super().to_python(value)
        if moment is not None and not is_moment(moment):
            raise OUT_OF_BOUNDS
        return moment


class SplitMomentField(forms.SplitDateTimeField):
    """A moment in two boxes, as the administration has them."""

    def compress(self, data_list: Any) -> datetime | None:
        moment = super().compress(data_list)
        if moment is not None and not is_moment(moment):
            raise OUT_OF_BOUNDS
        return moment


class ClockField(forms.TimeField):
    """A time of day, with two digits each: 08:30."""

    def to_python(self, value: Any) -> time | None:
        if isinstance(value, str) and value.strip() and not CLOCK.fullmatch(value.strip()):
            raise ValidationError(_("Write a time of day like 08:30."), "two_digits")
        return super().to_python(value)
