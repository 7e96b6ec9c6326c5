"""Digits of every script, wherever a number is typed."""

from datetime import date, time
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.core.validators import RegexValidator
from django.db import models
from rest_framework import serializers

from apps.accounts.models import Student
from apps.common.digits import CodeField, plain_digits, plain_number
from apps.common.model_fields import NumberTextField
from apps.enrollments.models import Term
from apps.import_types import fields as own_fields
from apps.qr_otp.tokens import normal_text
from apps.tabular_files import dates, fields
from tests.api.support import client_of
from tests.factories import Cast

ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
DEVANAGARI = str.maketrans("0123456789", "०१२३४५६७८९")
SCRIPTS = pytest.mark.parametrize("script", [ARABIC, PERSIAN, FULL_WIDTH, DEVANAGARI])


@SCRIPTS
def test_every_script_reads_the_same(script: dict[int, int]) -> None:
    assert plain_digits("Room 1024-b".translate(script)) == "Room 1024-b"


@pytest.mark.parametrize("text", ["x²", "½", "Ⅳ", "①", "naïve", "", "12"])
def test_what_is_no_digit_stays(text: str) -> None:
    assert plain_digits(text) == text


def test_decimal_signs_of_other_scripts() -> None:
    assert plain_number("١٬٢٣٤٫٥") == "1234.5"


@SCRIPTS
def test_codes(script: dict[int, int]) -> None:
    field = CodeField()
    assert field.run_validation("012345".translate(script)) == "012345"
    assert field.run_validation(" 012 345 ") == "012345"
    for wrong in ("12345", "1234567", "12345a", "12345²", ""):
        with pytest.raises(serializers.ValidationError):
            field.run_validation(wrong)


def test_text_codes() -> None:
    assert normal_text("ｋ７ｐｍ-３ｑｘｄ") == "K7PM3QXD"
    assert normal_text("k٧pm ۳qxd") == "K7PM3QXD"


@SCRIPTS
@pytest.mark.parametrize(
    ("parse", "typed", "value"),
    [
        (fields.integer(0, 9999), "2026", 2026),
        (fields.decimal(0, 100), "3,5", Decimal("3.5")),
        (fields.phone, "+49 151 12345678", "+4915112345678"),
        (own_fields.year_of_study, "E2", 2),
        (dates.day, "01.09.2026", date(2026, 9, 1)),
        (dates.day, "2026-09-01", date(2026, 9, 1)),
        (fields.clock, "08:30", time(8, 30)),
        (fields.weekday, "3", 3),
        (fields.yes_no, "1", True),
        (fields.code(), "N0042", "N0042"),
    ],
)
def test_cells_of_an_import(
    script: dict[int, int], parse: fields.Parse, typed: str, value: object
) -> None:
    assert parse(typed.translate(script)) == value


@SCRIPTS
def test_numbers_of_the_api(script: dict[int, int]) -> None:
    """The REST framework's own fields read them already; this keeps it so."""
    decimal = serializers.DecimalField(max_digits=5, decimal_places=2)
    assert serializers.IntegerField().run_validation("42".translate(script)) == 42
    assert decimal.run_validation("4.25".translate(script)) == Decimal("4.25")
    assert serializers.FloatField().run_validation("4.25".translate(script)) == 4.25


def number_columns() -> list[Any]:
    """Text columns whose validator asks for digits, and codes."""
    return [
        field
        for model in apps.get_models()
        for field in model._meta.local_fields
        if model.__module__.startswith("apps.")
        and isinstance(field, models.CharField)
        and not isinstance(field, models.SlugField)
        and any(_asks_for_digits(validator) for validator in field.validators)
    ]


def _asks_for_digits(validator: Any) -> bool:
    if not isinstance(validator, RegexValidator):
        return False
    pattern: str = validator.regex.pattern
    latin_letters = "a-z" in pattern or "a-f" in pattern
    return not latin_letters and any(part in pattern for part in ("0-9", r"\d", r"\w"))


def test_every_column_of_a_number_reads_every_script() -> None:
    columns = number_columns()
    assert {"phone", "representative_mobile", "code", "academic_year"} <= {
        column.name for column in columns
    }
    assert [str(c) for c in columns if not isinstance(c, NumberTextField)] == []


@SCRIPTS
def test_columns_of_numbers_read_and_keep_digits(script: dict[int, int]) -> None:
    phone = Student._meta.get_field("phone")
    year = Term._meta.get_field("academic_year")
    assert phone.formfield().clean("+49 (151) 123-45678".translate(script)) == "+4915112345678"
    assert phone.clean("0049151 12345678".translate(script), None) == "+4915112345678"
    assert year.formfield().clean("2026-2027".translate(script)) == "2026-2027"
    assert year.get_prep_value("2026-2027".translate(script)) == "2026-2027"


@pytest.mark.django_db
@SCRIPTS
def test_the_api_keeps_plain_numbers(cast: Cast, script: dict[int, int]) -> None:
    sent = {"code": "N77".translate(script), "phone": "+49 151 77".translate(script) + "123456"}
    client = client_of(cast, cast.admin)
    answer = client.post(
        "/api/v1/students", {**sent, "first_name": "Ada", "email": "a@north.example"}
    )
    assert answer.status_code == 201, answer.content
    assert answer.json()["code"] == "N77"
    assert answer.json()["phone"] == "+4915177123456"
