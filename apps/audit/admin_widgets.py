"""Values of addresses and forms in the administration that keep to what a column can hold."""

from datetime import date, datetime
from typing import Any

from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models

from apps.common.moments import is_day


def fits(field: Any, text: Any) -> bool:
    """Whether this text can be a value of the column: no number, no date, no key is none."""
    try:
        value = field.to_python(text)
    except (ValidationError, ValueError):
        return False
    if isinstance(value, date):
        return is_day(value.date() if isinstance(value, datetime) else value)
    return True


def may_begin_with(model: type[models.Model], name: str, text: Any) -> Any:
    """Whether an empty form may begin with this text, which its address names, in this field."""
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:
        return True
    if not isinstance(field, models.Field) or not fits(field, text):
        return False
    # Its widget wants a moment, or its two halves as names of their own.
    return not isinstance(field, models.DateTimeField)


class KnownAutocomplete(AutocompleteSelect):
    """Looks up the chosen row only by values that can be its key.

    Django asks the database with whatever an address or a form says, and raises for what is no
    number. The field itself refuses such a value, or shows nothing chosen.
    """

    def optgroups(self, name: str, value: Any, attr: Any = None) -> Any:
        keys = [text for text in value if fits(self.field.target_field, text)]
        return super().optgroups(name, keys, attr)
