"""Values of addresses and forms in the administration that keep to what a column can hold."""

import re
from datetime import date, datetime
from typing import Any, Final

from django import forms
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.forms.widgets import Script
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from unfold.widgets import BASE_INPUT_CLASSES

from apps.common.moments import is_day
from apps.tenants.models import EMAIL_DOMAIN

LABELS: Final = re.compile(r"[\w-]+(\.[\w-]+)+")


def fits(field: Any, text: Any) -> bool:
    """Whether this text can be a value of the column: no number, no date, no key is none."""
    try:
        value = field.to_python(text)
    except (ValidationError, ValueError, TypeError):  # a list that is none: `null`
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


def words_of(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,;]+", text) if word]


class RowsWidget(forms.Widget):
    """A list of short texts: one input for each, and empty ones for more."""

    template_name = "admin/widgets/rows.html"
    empty = 2

    class Media:
        js = (Script("js/admin/rows.js", type="module"),)

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, None, attrs)
        context["rows"] = [*(value or []), *[""] * self.empty]
        context["classes"] = " ".join(BASE_INPUT_CLASSES)
        return context

    def _render(self, template_name: str, context: Any, renderer: Any = None) -> Any:
        """From the project's templates, which the renderer of forms does not know."""
        return mark_safe(render_to_string(template_name, context))  # noqa: S308  (a template's)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[str]:
        """Several in one input, pasted from a list, count as several."""
        found = data.getlist(name) if hasattr(data, "getlist") else data.get(name) or []
        return [word for text in found for word in words_of(str(text))]

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return name not in data

    def id_for_label(self, id_: str) -> str:
        return f"{id_}_0" if id_ else id_


class DomainsField(forms.Field):
    """Domain names as a list, each once, in lower case and without an “@” before them.

    Typed one by one, or as a text with spaces, commas or lines between them. At most `longest`
    characters in all.
    """

    widget = RowsWidget
    longest = 2000

    def clean(self, value: Any) -> list[str]:
        typed = words_of(value) if isinstance(value, str) else value or ()
        names = list(dict.fromkeys(str(name).strip().lstrip("@").lower() for name in typed))
        if sum(map(len, names)) > self.longest:
            message = _("At most %(longest)d characters in all.")
            raise ValidationError(message, params={"longest": self.longest})
        wrong = [
            name for name in names if not (EMAIL_DOMAIN.fullmatch(name) and LABELS.fullmatch(name))
        ]
        if wrong:
            message = _("No domain names, such as north.example: %(wrong)s")
            raise ValidationError(message, params={"wrong": ", ".join(wrong)})
        return names

    def has_changed(self, initial: Any, data: Any) -> bool:
        return list(initial or []) != list(data or [])
