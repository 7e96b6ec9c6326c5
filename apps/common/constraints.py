"""Constraints that many models have: a name that says something, a value within its bounds.

Unlike Django's own they are validated in Python, without a statement, and blame their field.
"""

from collections.abc import Collection
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.moments import FIRST_DAY, FIRST_MOMENT, LAST_DAY, LAST_MOMENT
from apps.common.texts import validate_name

SOMETHING: Final = r"\S"
CONTROL: Final = r"[\x01-\x1f\x7f]"  # a NUL cannot be stored at all


class FieldConstraint(models.CheckConstraint):
    """A condition on one field."""

    def __init__(self, *, field: str, condition: Q, name: str) -> None:
        self.field = field
        super().__init__(condition=condition, name=name)

    def validate(
        self,
        model: type[models.Model],
        instance: models.Model,
        exclude: Collection[str] | None = None,
        using: str = DEFAULT_DB_ALIAS,
    ) -> None:
        value = getattr(instance, self.field)
        if value is None or self.field in (exclude or ()):
            return
        try:
            self.check_value(value)
        except ValidationError as error:
            raise ValidationError({self.field: error}) from error

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        del kwargs["condition"]
        return path, args, {**kwargs, "field": self.field}

    def check_value(self, value: Any) -> None:
        """Raises `ValidationError`."""
        raise NotImplementedError


class Named(FieldConstraint):
    """A name: something to read, on one line."""

    def __init__(self, *, field: str, name: str) -> None:
        something, control = {f"{field}__regex": SOMETHING}, {f"{field}__regex": CONTROL}
        super().__init__(field=field, condition=Q(**something) & ~Q(**control), name=name)

    def check_value(self, value: Any) -> None:
        validate_name(value)


class Between(FieldConstraint):
    """A number from `low` to `high`, both included; either may be left open."""

    def __init__(self, *, field: str, name: str, low: Any = None, high: Any = None) -> None:
        self.low, self.high = low, high
        bounds = {"gte": low, "lte": high}
        condition = {f"{field}__{way}": end for way, end in bounds.items() if end is not None}
        super().__init__(field=field, condition=Q(**condition), name=name)

    def deconstruct(self) -> Any:
        path, args, kwargs = super().deconstruct()
        ends = {"low": self.low, "high": self.high}
        return path, args, {**kwargs, **{k: end for k, end in ends.items() if end is not None}}

    def check_value(self, value: Any) -> None:
        if self.low is not None and not value >= self.low:
            raise ValidationError(_("Not below %(low)s."), "too_small", {"low": self.low})
        if self.high is not None and not value <= self.high:
            raise ValidationError(_("Not above %(high)s."), "too_large", {"high": self.high})


class _Reckonable(FieldConstraint):
    """Days and moments from 1900 to 2200."""

    first: Any
    last: Any

    def __init__(self, *, field: str, name: str) -> None:
        condition = Q(**{f"{field}__gte": self.first, f"{field}__lte": self.last})
        super().__init__(field=field, condition=condition, name=name)

    def check_value(self, value: Any) -> None:
        if not self.first <= value <= self.last:
            raise ValidationError(_("Only the years 1900 to 2200."), "out_of_bounds")


class DayInBounds(_Reckonable):
    first, last = FIRST_DAY, LAST_DAY


class MomentInBounds(_Reckonable):
    first, last = FIRST_MOMENT, LAST_MOMENT
