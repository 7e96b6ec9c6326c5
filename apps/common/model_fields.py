"""Columns for numbers that are kept as text: telephone numbers, codes, academic years."""

from typing import Any

from django import forms
from django.db import models

from apps.common.digits import plain_digits, plain_phone


class NumberTextField(models.CharField):
    """Text whose digits, typed in whatever script, are kept as 0–9.

    Pages and the API read it alike: `FormField` and `apps.common.fields` convert before they
    validate. A column like any other in migrations.
    """

    @staticmethod
    def plain(text: str) -> str:
        return plain_digits(text)

    def to_python(self, value: Any) -> Any:
        value = super().to_python(value)
        return self.plain(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        return self.to_python(super().get_prep_value(value))

    def deconstruct(self) -> Any:
        name, _path, arguments, options = super().deconstruct()
        return name, "django.db.models.CharField", arguments, options

    def formfield(self, *arguments: Any, **options: Any) -> Any:
        return super().formfield(*arguments, **{"form_class": self.FormField, **options})

    class FormField(forms.CharField):
        def to_python(self, value: Any) -> str:
            return plain_digits(super().to_python(value) or "")


class PhoneField(NumberTextField):
    """A telephone number as E.164: spaces, hyphens and brackets go, 00 in front is +."""

    @staticmethod
    def plain(text: str) -> str:
        return plain_phone(text)

    class FormField(forms.CharField):
        def to_python(self, value: Any) -> str:
            return plain_phone(super().to_python(value) or "")

        def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
            return {"inputmode": "tel"}  # no maxlength: spaces do not count
