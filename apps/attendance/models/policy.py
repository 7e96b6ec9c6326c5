"""What check-ins are judged by. A version is never changed: a new one takes its place."""

from decimal import Decimal
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from apps.common.constraints import Between, DayInBounds
from apps.enrollments.models import Course
from apps.liveness.rules import LivenessUse
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel

MAX_LOCATION_WEIGHT: Final = 0.2
MINUTES: Final = [MinValueValidator(-1440), MaxValueValidator(1440)]  # a day either way
PERCENT: Final = [MinValueValidator(0), MaxValueValidator(100)]


def default_weights() -> dict[str, float]:
    """Location stays at or below 0.2 and is never decisive (docs/attacks.md)."""
    return {
        "qr": 0.35,
        "device": 0.20,
        "location": 0.15,
        "bluetooth": 0.10,
        "face": 0.20,
        "person": 0.20,
    }


def default_required() -> list[str]:
    return ["qr", "device"]


def default_decisive() -> list[str]:
    return ["device", "face"]


def validate_weights(value: Any) -> None:
    """A number of at least 0 for each known factor, not all 0; location at most 0.2."""
    known = default_weights()
    if not isinstance(value, dict) or not set(value) <= set(known):
        raise ValidationError(_("Weights are for %(names)s only."), params={"names": list(known)})
    if not all(isinstance(w, int | float) and 0 <= w <= 1 for w in value.values()):
        raise ValidationError(_("A weight is a number from 0 to 1."))
    if not sum(value.values()):
        raise ValidationError(_("At least one factor must weigh something."))
    if value.get("location", 0) > MAX_LOCATION_WEIGHT:
        raise ValidationError(_("Location weighs at most 0.2."))


def validate_factors(value: Any) -> None:
    """A list of known factors without location, which is never decisive."""
    if not isinstance(value, list) or not set(value) <= set(default_weights()) - {"location"}:
        raise ValidationError(_("A list of factors; location is never decisive."))


def validate_required(value: Any) -> None:
    """The same without face and person, which have settings of their own: who has neither must
    not be shut out."""
    validate_factors(value)
    if "face" in value:
        raise ValidationError(_("“Faces” says whether a face is asked for."))
    if "person" in value:
        raise ValidationError(_("“Check by the phone itself” says whether it is asked for."))


class FaceUse(models.TextChoices):
    """What a policy makes of faces. Who has not agreed to them is asked for none, whatever it is.

    `bonus`: compared where a selfie comes. `preferred`: where a student has an enrolled face, a
    check-in without a comparison waits for the lecturer, unless a code told to this one student
    brought it. `required`: so does that, and a student who agreed but has not enrolled.
    """

    OFF = "off", _("not used")
    BONUS = "bonus", _("compared where a selfie is sent")
    PREFERRED = "preferred", _("asked of students with an enrolled face")
    REQUIRED = "required", _("asked of every student who agreed to it")


class Arrivals(models.TextChoices):
    """What the projector shows of students who have just arrived, unless its lecturer chose."""

    NAMES = "names", _("their names")
    INITIALS = "initials", _("their initials")
    COUNT = "count", _("only how many there are")


class PasskeyUse(models.TextChoices):
    """Whether a passkey's assertion over the evidence proves the device."""

    OFF = "off", _("not used")
    ACCEPTED = "accepted", _("accepted in the place of the bound device's signature")
    REQUIRED = "required", _("required")


class PersonUse(models.TextChoices):
    """What is made of the phone's own check of its user, which a passkey reports.

    `bonus`: counts where it comes. `required`: a check-in without it waits for the lecturer.
    """

    OFF = "off", _("not used")
    BONUS = "bonus", _("counts where it is sent")
    REQUIRED = "required", _("asked of everybody")


ASKING: Final = frozenset({FaceUse.PREFERRED, FaceUse.REQUIRED})


class Policy(CampusModel):
    """One version of the rules of a campus, or of one course when `course` is set."""

    course = CampusForeignKey(
        Course,
        db_index=False,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="policies",
        verbose_name=_("course"),
        help_text=_("Empty: for the whole campus."),
    )
    version = models.PositiveIntegerField(_("version"))
    weights = models.JSONField(_("weights"), default=default_weights, validators=[validate_weights])
    required = models.JSONField(
        _("required factors"),
        default=default_required,
        blank=True,
        validators=[validate_required],
        help_text=_("Must be proven."),
    )
    decisive = models.JSONField(
        _("decisive factors"),
        default=default_decisive,
        blank=True,
        validators=[validate_factors],
        help_text=_("A definite failure makes the check-in invalid; “could not tell” does not."),
    )
    face = models.CharField(
        _("faces"),
        max_length=10,
        choices=FaceUse.choices,
        default=FaceUse.PREFERRED,
        help_text=_("Only where the campus has turned faces on."),
    )
    liveness = models.CharField(
        _("head turns that show a live face"),
        max_length=10,
        choices=LivenessUse.choices,
        default=LivenessUse.OFF,
        db_default=LivenessUse.OFF,
        help_text=_("Another two or three each time, shown to the camera with the photo."),
    )
    passkey = models.CharField(
        _("passkeys"),
        max_length=10,
        choices=PasskeyUse.choices,
        default=PasskeyUse.OFF,
        db_default=PasskeyUse.OFF,
        help_text=_("A key that the phone uses after checking face, finger or screen lock."),
    )
    person = models.CharField(
        _("check by the phone itself"),
        max_length=10,
        choices=PersonUse.choices,
        default=PersonUse.OFF,
        db_default=PersonUse.OFF,
        help_text=_(
            "Of face, finger or screen lock, reported by a passkey; nothing of them leaves the "
            "phone. Who knows the screen lock passes it."
        ),
    )
    synced_passkey_weight = models.DecimalField(
        _("passkeys that may be copied count (0 to 1)"),
        max_digits=3,
        decimal_places=2,
        default=Decimal("0.60"),
        db_default=Decimal("0.60"),
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("Most phones copy passkeys to their owner's other devices. 0: not accepted."),
    )
    class_code_weight = models.DecimalField(
        _("one-time codes for the whole class count (0 to 1)"),
        max_digits=3,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("Empty: one-time codes are for one student each."),
    )
    card_weight = models.DecimalField(
        _("cards at a reader count (0 to 1)"),
        max_digits=3,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_(
            "Empty: cards are not accepted. Below the score needed, each one waits for the "
            "lecturer: a card can be lent."
        ),
    )
    present_threshold = models.DecimalField(
        _("score needed"),
        max_digits=3,
        decimal_places=2,
        default=Decimal("0.60"),
        validators=[MinValueValidator(0), MaxValueValidator(1)],
    )
    late_after_minutes = models.PositiveSmallIntegerField(_("late after (min)"), default=10)
    open_before_minutes = models.PositiveSmallIntegerField(
        _("may be opened before its start (min)"), default=15
    )
    open_after_minutes = models.PositiveSmallIntegerField(
        _("may be opened after its start (min)"), default=60
    )
    close_after_minutes = models.PositiveSmallIntegerField(
        _("closes by itself after its end (min)"),
        default=30,
        validators=[MaxValueValidator(1440)],
        help_text=_("A session that nobody completes: unmarked students then become absent."),
    )
    grace_minutes = models.PositiveSmallIntegerField(
        _("nobody is late after the opening for (min)"),
        default=10,
        help_text=_("A scan so soon after a session was opened late is not late."),
    )
    check_in_from_minutes = models.SmallIntegerField(
        _("check-in from (min after its start)"),
        null=True,
        blank=True,
        validators=MINUTES,
        help_text=_("Negative: before its start. Empty: as soon as it is open."),
    )
    check_in_until_minutes = models.SmallIntegerField(
        _("check-in until (min after its start)"),
        null=True,
        blank=True,
        validators=MINUTES,
        help_text=_("Empty: as long as it is open."),
    )
    edit_days = models.PositiveSmallIntegerField(
        _("lecturers correct for (days)"),
        default=14,
        help_text=_("After the session's end. Administrators correct until the lock."),
    )
    locked_before = models.DateField(
        _("locked before"),
        null=True,
        blank=True,
        help_text=_("Nobody changes registers of the days before this one."),
    )
    appeal_days = models.PositiveSmallIntegerField(
        _("students appeal for (days)"), default=7, help_text=_("After the session's end.")
    )
    offline_factor = models.DecimalField(
        _("offline check-ins score (×)"),
        max_digits=3,
        decimal_places=2,
        default=Decimal("0.80"),
        validators=[MinValueValidator(0), MaxValueValidator(1)],
    )
    offline_limit = models.PositiveSmallIntegerField(
        _("offline check-ins that count by themselves"),
        default=2,
        help_text=_("Of a student in a course. Further ones wait for the lecturer."),
    )
    waiting_hours = models.PositiveSmallIntegerField(
        _("check-ins wait for the lecturer for (hours)"),
        default=48,
        validators=[MinValueValidator(1), MaxValueValidator(720)],
        help_text=_("After the session's end. Then they lapse, and the student is absent."),
    )
    defaulter_percent = models.DecimalField(
        _("attendance needed (%)"),
        max_digits=5,
        decimal_places=2,
        default=Decimal("75.00"),
        validators=PERCENT,
        help_text=_("Students below it are listed; students exactly at it are not."),
    )
    warn_percent = models.DecimalField(
        _("warn below (%)"),
        max_digits=5,
        decimal_places=2,
        default=Decimal("80.00"),
        validators=PERCENT,
    )
    consecutive_absences = models.PositiveSmallIntegerField(
        _("absences in a row to report"), default=3, validators=[MinValueValidator(1)]
    )
    arrivals = models.CharField(
        _("the projector shows of arrivals"),
        max_length=10,
        choices=Arrivals.choices,
        default=Arrivals.INITIALS,
        db_default=Arrivals.INITIALS,
        help_text=_("To begin with: lecturers may choose otherwise for their own projector."),
    )
    class_photos = models.BooleanField(
        _("lecturers may mark by a photo of the class"),
        default=False,
        db_default=False,
        help_text=_(
            "Where the campus has written down a complete permission to search for faces. The "
            "lecturer confirms who is marked; nobody becomes absent by a photo."
        ),
    )
    cameras = models.BooleanField(
        _("cameras mark who they see"),
        default=False,
        db_default=False,
        help_text=_(
            "In the room of the session while it is open, where the permission to search names "
            "cameras. Nobody becomes absent by a camera, and a person's mark stands."
        ),
    )
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("attendance policy")
        verbose_name_plural = _("attendance policies")
        ordering = ["course_id", "-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "course", "version"],
                name="policy_version_unique",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(present_threshold__range=(0, 1)), name="policy_threshold"
            ),
            models.CheckConstraint(
                condition=Q(offline_factor__range=(0, 1)), name="policy_offline_factor"
            ),
            models.CheckConstraint(condition=Q(face__in=FaceUse.values), name="policy_face"),
            models.CheckConstraint(
                condition=Q(liveness__in=LivenessUse.values), name="policy_liveness"
            ),
            models.CheckConstraint(
                condition=Q(arrivals__in=Arrivals.values), name="policy_arrivals"
            ),
            models.CheckConstraint(
                condition=Q(passkey__in=PasskeyUse.values), name="policy_passkey"
            ),
            models.CheckConstraint(condition=Q(person__in=PersonUse.values), name="policy_person"),
            models.CheckConstraint(
                condition=Q(synced_passkey_weight__range=(0, 1)), name="policy_synced_passkey"
            ),
            models.CheckConstraint(
                condition=Q(class_code_weight__isnull=True) | Q(class_code_weight__range=(0, 1)),
                name="policy_class_code_weight",
            ),
            Between(field="card_weight", name="policy_card_weight", low=0, high=1),
            models.CheckConstraint(
                condition=Q(waiting_hours__range=(1, 720)), name="policy_waiting_hours"
            ),
            models.CheckConstraint(
                condition=Q(close_after_minutes__range=(0, 1440)), name="policy_close_after"
            ),
            models.CheckConstraint(
                condition=Q(defaulter_percent__range=(0, 100), warn_percent__range=(0, 100)),
                name="policy_percents",
            ),
            models.CheckConstraint(
                condition=Q(check_in_until_minutes__gt=F("check_in_from_minutes"))
                | Q(check_in_until_minutes__isnull=True)
                | Q(check_in_from_minutes__isnull=True),
                name="policy_check_in_span",
                violation_error_message=_("Check-in has to end after it begins."),
            ),
            Between(field="late_after_minutes", name="policy_late_after", high=1440),
            Between(field="open_before_minutes", name="policy_open_before", high=1440),
            Between(field="open_after_minutes", name="policy_open_after", high=1440),
            Between(field="grace_minutes", name="policy_grace", high=1440),
            Between(
                field="check_in_from_minutes", name="policy_check_in_from", low=-1440, high=1440
            ),
            Between(
                field="check_in_until_minutes", name="policy_check_in_until", low=-1440, high=1440
            ),
            Between(field="edit_days", name="policy_edit_days", high=3660),
            Between(field="appeal_days", name="policy_appeal_days", high=3660),
            Between(field="consecutive_absences", name="policy_absences", low=1, high=1000),
            DayInBounds(field="locked_before", name="policy_locked_before"),
        ]

    def __str__(self) -> str:
        scope = str(self.course) if self.course_id else str(_("whole campus"))
        return f"{scope} v{self.version}"
