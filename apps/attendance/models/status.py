"""What a mark says: five fixed meanings, and a campus's own names for them."""

from decimal import Decimal
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from apps.common.constraints import Named
from apps.tenants.models import TimestampedModel


class Status(models.TextChoices):
    """The fixed meanings. Every mark has one of them, whatever a campus calls it."""

    PRESENT = "present", _("present")
    LATE = "late", _("late")
    ABSENT = "absent", _("absent")
    EXCUSED = "excused", _("excused")
    INVALID = "invalid", _("invalid")


class CountsAs(models.TextChoices):
    """What a mark does to the attendance percentage."""

    ATTENDED = "attended", _("attended")
    MISSED = "missed", _("missed")
    NEUTRAL = "neutral", _("neither")


MEANING_COUNTS_AS: Final[dict[str, str]] = {
    Status.PRESENT: CountsAs.ATTENDED,
    Status.LATE: CountsAs.ATTENDED,
    Status.ABSENT: CountsAs.MISSED,
    Status.INVALID: CountsAs.MISSED,
    Status.EXCUSED: CountsAs.NEUTRAL,
}


def points_of_meaning(meaning: str) -> Decimal:
    """What a mark without a status of the campus's own is worth: 1 when attended, else 0."""
    return Decimal(MEANING_COUNTS_AS[meaning] == CountsAs.ATTENDED)


def counts_as(prefix: str = "") -> Coalesce:
    """How a record counts, as an expression for queries: its label's rule, else its meaning's.

    `prefix` leads from the queried model to the record, as in "records__". The summary triggers
    (migration 0002) state the same rule in SQL.
    """
    by_meaning = Case(
        *(
            When(**{f"{prefix}status": meaning}, then=Value(counted))
            for meaning, counted in MEANING_COUNTS_AS.items()
        ),
        output_field=models.CharField(),
    )
    return Coalesce(F(f"{prefix}label__counts_as"), by_meaning)


def validate_own_code(value: str) -> None:
    """A code of its own: with a fixed meaning's, nobody could tell which of the two was meant."""
    if value in Status.values:
        raise ValidationError(_("“%(code)s” is one of the fixed meanings."), params={"code": value})


class CustomStatus(TimestampedModel):
    """A campus's own status over one of the fixed meanings, such as “field trip” for excused.

    Meaning and rule are fixed as soon as a record has the status (see `services.statuses`); a
    foreign key of (label, status) on (id, meaning) keeps every labelled record's meaning its
    label's.
    """

    code = models.SlugField(
        _("code"), max_length=20, db_index=False, validators=[validate_own_code]
    )
    name = models.CharField(_("name"), max_length=60)
    meaning = models.CharField(_("meaning"), max_length=10, choices=Status.choices)
    points = models.DecimalField(
        _("points"),
        max_digits=3,
        decimal_places=2,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("What a session with this status is worth, from 0 to 1."),
    )
    counts_as = models.CharField(
        _("counts as"),
        max_length=10,
        choices=CountsAs.choices,
        blank=True,
        help_text=_("Empty: as its meaning does."),
    )
    colour = models.CharField(
        _("colour"),
        max_length=7,
        default="#64748b",
        validators=[RegexValidator(r"^#[0-9a-f]{6}\Z", _("Like #1f2937, in lower case."))],
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Only active ones can be given anew.")
    )

    class Meta:
        verbose_name = _("status")
        verbose_name_plural = _("statuses")
        ordering = ["position", "code"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "code"], name="custom_status_code"),
            models.CheckConstraint(
                condition=Q(meaning__in=Status.values), name="custom_status_meaning"
            ),
            models.CheckConstraint(
                condition=Q(counts_as__in=CountsAs.values), name="custom_status_counts_as"
            ),
            models.CheckConstraint(condition=Q(points__range=(0, 1)), name="custom_status_points"),
            models.CheckConstraint(
                condition=~Q(code__in=Status.values), name="custom_status_own_code"
            ),
            Named(field="name", name="custom_status_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Fill in the rule of the meaning where none was chosen."""
        if not self.counts_as:
            self.counts_as = MEANING_COUNTS_AS.get(self.meaning, "")
