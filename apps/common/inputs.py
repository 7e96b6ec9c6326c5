"""Serializers of what the API is sent. What cannot be written is refused, never ignored."""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, TypeVar

from django.db import models
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.utils.html import is_html_input

from apps.common import model_fields
from apps.common.fields import (
    LARGEST_ID,
    ClockField,
    DayField,
    MomentField,
    NumberTextField,
    PhoneField,
)
from apps.common.texts import LONGEST_LINE, validate_line, validate_prose, validate_visible

M = TypeVar("M", bound=models.Model)

LONGEST_PROSE: Final = 20_000  # what is longer is a photo in base64
MOST_NAMED: Final = 20
# Forms of browsers carry it in every body.
OF_FORMS: Final = "csrfmiddlewaretoken"


class Strict(serializers.BaseSerializer[Any]):
    """Refuses fields that do not exist or are read-only, and texts and numbers without bounds.

    A text of up to 255 characters is one line; a longer one may have several.
    """

    fields: Any

    def to_internal_value(self, data: Any) -> Any:
        refused = self._refused(data) if isinstance(data, Mapping) else {}
        if not refused:
            return super().to_internal_value(data)
        try:
            super().to_internal_value(data)
        except serializers.ValidationError as error:
            if isinstance(error.detail, dict):
                refused = {**error.detail, **refused}
        raise serializers.ValidationError(refused)

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()  # type: ignore[misc]
        for field in fields.values():
            _bound(field)
        return fields

    @cached_property
    def _writable(self) -> frozenset[str]:
        return frozenset(name for name, field in self.fields.items() if not field.read_only)

    def _refused(self, data: Mapping[str, Any]) -> dict[str, Any]:
        names = set(data)
        if is_html_input(data):  # parts of nested fields: a[0], a.b
            names = {re.split(r"[.\[]", name, maxsplit=1)[0] for name in names} - {OF_FORMS}
        unknown = sorted(names - self._writable)[:MOST_NAMED]
        return {name[:100]: [self._refusal(name)] for name in unknown}

    def _refusal(self, name: str) -> ErrorDetail:
        if name in self.fields:
            return ErrorDetail(_("This cannot be written."), "read_only")
        return ErrorDetail(_("There is no such field here."), "unknown_field")


def _bound(field: Any) -> None:
    """Add what every input keeps to: kinds of text by their length, numbers by their columns."""
    if isinstance(field, serializers.CharField) and (field.max_length or LONGEST_PROSE) <= (
        LONGEST_PROSE
    ):
        is_line = field.max_length is not None and field.max_length <= LONGEST_LINE
        field.validators.append(validate_line if is_line else validate_prose)
        if not field.allow_blank:
            field.validators.append(validate_visible)
    elif isinstance(field, serializers.IntegerField) and field.max_value is None:
        field.validators.append(_within_bigint)
    elif isinstance(child := getattr(field, "child", None), serializers.Field):
        _bound(child)


def _within_bigint(value: int) -> None:
    if abs(value) > LARGEST_ID:
        raise serializers.ValidationError(_("This number is too large."), "max_value")


class Input(Strict, serializers.Serializer[Any]):
    """The base of what is sent."""


class ModelInput(Strict, serializers.ModelSerializer[M]):
    """The base of what is sent where it is a row's own fields."""

    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.DateField: DayField,
        models.DateTimeField: MomentField,
        models.TimeField: ClockField,
        model_fields.NumberTextField: NumberTextField,
        model_fields.PhoneField: PhoneField,
    }


def first_words(detail: Any) -> str:
    """The first message of DRF's nested errors, with the field it is about."""
    if isinstance(detail, dict):
        field, inner = next(iter(detail.items()))
        return f"{field}: {first_words(inner)}"
    return first_words(detail[0]) if isinstance(detail, list) else str(detail)
