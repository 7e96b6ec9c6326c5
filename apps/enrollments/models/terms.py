"""Terms of the academic year."""

from datetime import date

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Cast, Concat, Substr
from django.utils.translation import gettext_lazy as _

from apps.common.constraints import DayInBounds, Named
from apps.common.model_fields import NumberTextField
from apps.tenants.models import TimestampedModel


def validate_academic_year(value: str) -> None:
    first, _dash, second = value.partition("-")
    if not (first.isdecimal() and second.isdecimal() and int(second) == int(first) + 1):
        raise ValidationError(_("Two years that follow each other, like 2026-2027."))


class Term(TimestampedModel):
    """A semester of an academic year.

    Once it is archived, triggers refuse changes of its courses, enrolments, sessions and marks
    (migration 0002; `services/terms.py`).
    """

    name = models.CharField(_("semester"), max_length=20)
    academic_year = NumberTextField(
        _("academic year"),
        max_length=9,
        validators=[RegexValidator(r"^\d{4}-\d{4}$"), validate_academic_year],
    )
    starts_on = models.DateField(_("first day"))
    ends_on = models.DateField(_("last day"))
    odd_week_on = models.DateField(
        _("a day of an odd week"),
        null=True,
        blank=True,
        help_text=_(
            "From its week on, odd and even weeks alternate, also over New Year. "
            "Empty: the week of the first day is odd."
        ),
    )

    archived_at = models.DateTimeField(_("archived"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("term")
        verbose_name_plural = _("terms")
        ordering = ["-starts_on"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "academic_year", "name"], name="term_unique"),
            models.CheckConstraint(condition=Q(ends_on__gt=F("starts_on")), name="term_dates"),
            models.CheckConstraint(
                condition=Q(
                    academic_year=Concat(
                        Substr("academic_year", 1, 4),
                        Value("-"),
                        Cast(
                            Cast(Substr("academic_year", 1, 4), models.IntegerField()) + 1,
                            models.CharField(),
                        ),
                    )
                ),
                name="term_academic_year",
            ),
            Named(field="name", name="term_name"),
            DayInBounds(field="starts_on", name="term_starts_on"),
            DayInBounds(field="ends_on", name="term_ends_on"),
            DayInBounds(field="odd_week_on", name="term_odd_week_on"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.academic_year}"

    @property
    def odd_week(self) -> date:
        """A day of a week that counts as odd: all others are counted from it."""
        return self.odd_week_on or self.starts_on
