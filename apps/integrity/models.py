"""Findings: facts that point at cheating, for people to look at. They never change a status."""

from decimal import Decimal

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
from apps.sessions.models import ClassSession
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel


class FindingKind(models.TextChoices):
    """What was noticed. docs/attacks.md says how, and what else it may mean."""

    SLOW_REDEEM = "slow_redeem", _("scanned much later than the class")
    FAR_AWAY = "far_away", _("far from the room")
    CLOCK_DRIFT = "clock_drift", _("the phone's clock does not fit the code")
    OTHER_DEVICE = "other_device", _("tried with another device")
    RAPID_CODE_FAILED = "rapid_code_failed", _("did not keep up with the rapid-code challenge")
    SAME_FIX = "same_fix", _("the very same position as somebody else")
    SHARED_DEVICE = "shared_device", _("one device for several students")
    MOCK_LOCATION = "mock_location", _("an app set a false position")
    TOGETHER = "together", _("always arrives with the same person from one address")
    RAPID_CODE_PASSED = "rapid_code_passed", _("kept up with the rapid-code challenge")
    COPIED_PHOTO = "copied_photo", _("a photo that was not taken now")
    SAME_BROWSER = "same_browser", _("the same new browser as somebody else, it seems")
    DEVICE_CHANGED = "device_changed", _("checked in soon after a change of the device")
    ONE_CLASS_KEYS = "one_class_keys", _("binds a new device or browser again and again")
    SYNCED_PASSKEY = "synced_passkey", _("one passkey in two places at once")
    CARD_AND_PHONE = "card_and_phone", _("card in the room, phone elsewhere")
    OFFLINE = "offline", _("sent later, scanned without network")


class Finding(CampusModel):
    """One thing that was noticed about one student in one session.

    `score` is its weight, 0–1: 1 is a flag by itself, less needs a second finding. A dismissed
    finding stays, with who dismissed it and why, and weighs nothing.
    """

    session = CampusForeignKey(
        ClassSession,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="findings",
        verbose_name=_("session"),
    )
    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="findings",
        verbose_name=_("student"),
    )
    kind = models.CharField(_("kind"), max_length=20, choices=FindingKind.choices)
    detail = models.JSONField(_("detail"), default=dict, blank=True)
    score = models.DecimalField(_("weight"), max_digits=3, decimal_places=2)
    at = models.DateTimeField(_("noticed"))
    dismissed_at = models.DateTimeField(_("dismissed"), null=True, blank=True)
    dismissed_by = models.CharField(_("dismissed by"), max_length=254, blank=True)
    note = models.CharField(_("note"), max_length=500, blank=True)

    class Meta:
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "session", "student", "kind"], name="finding_unique"
            ),
            models.CheckConstraint(condition=Q(kind__in=FindingKind.values), name="finding_kind"),
            models.CheckConstraint(
                condition=Q(score__range=(Decimal(0), Decimal(1))), name="finding_score"
            ),
        ]
        indexes = [models.Index(fields=["campus", "student", "at"], name="finding_student")]

    def __str__(self) -> str:
        return f"{self.student_id}: {self.get_kind_display()}"
