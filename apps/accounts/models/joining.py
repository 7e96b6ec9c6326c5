"""How an account joins a campus, and all that the campus then knows of it."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.accounts.models.people import Faculty, Student
from apps.accounts.models.users import Role, User
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import TimestampedModel


class Member(TimestampedModel):
    """An account on this campus. The campus reads and writes this, never the account itself.

    A trigger makes the row with the account's first role here, so that every membership has one.
    """

    user = models.ForeignKey(
        User,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="members",
        verbose_name=_("account"),
    )
    name = models.CharField(
        _("name"),
        max_length=200,
        blank=True,
        help_text=_("As shown on this campus. Students and faculty are shown by their own entry."),
    )
    email = models.EmailField(
        _("e-mail"), max_length=254, help_text=_("The address by which they joined.")
    )
    language = models.CharField(
        _("language"), max_length=10, blank=True, help_text=_("Of this campus's messages to them.")
    )
    last_sign_in_at = models.DateTimeField(_("last sign-in here"), null=True, blank=True)

    class Meta:
        verbose_name = _("account on this campus")
        verbose_name_plural = _("accounts on this campus")
        ordering = ["email"]
        constraints = [
            models.UniqueConstraint(fields=["user", "campus"], name="member_unique"),
            models.CheckConstraint(condition=Q(email=Lower("email")), name="member_email_lower"),
        ]

    def __str__(self) -> str:
        return self.name or self.email


class Invitation(TimestampedModel):
    """This campus asks the owner of an address, whose account it does not know, to take a role.

    Until they accept, the campus knows what it typed itself and nothing else. The invited person
    reads the row as well, on whatever campus they are signed in: by a policy of its own that
    compares the address (`services/invitations.py`).
    """

    class Status(models.TextChoices):
        WAITING = "waiting", _("waiting")
        ACCEPTED = "accepted", _("accepted")
        DECLINED = "declined", _("declined")
        WITHDRAWN = "withdrawn", _("withdrawn")

    email = models.EmailField(_("e-mail"), max_length=254)
    role = models.CharField(_("role"), max_length=10, choices=Role.choices)
    name = models.CharField(_("name"), max_length=201, blank=True)
    student = CampusForeignKey(
        Student,
        null=True,
        blank=True,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="invitations",
        verbose_name=_("student"),
    )
    faculty = CampusForeignKey(
        Faculty,
        null=True,
        blank=True,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="invitations",
        verbose_name=_("faculty member"),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.WAITING
    )
    sent_at = models.DateTimeField(_("sent"))
    expires_at = models.DateTimeField(_("good until"))
    answered_at = models.DateTimeField(_("answered"), null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["-sent_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "email", "role"],
                condition=Q(status="waiting"),
                name="invitation_one_waiting",
            ),
            models.CheckConstraint(
                condition=Q(email=Lower("email")), name="invitation_email_lower"
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role"),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "accepted", "declined", "withdrawn"]),
                name="invitation_status",
            ),
            models.CheckConstraint(
                condition=Q(student=None) | Q(faculty=None, role="student"),
                name="invitation_student",
            ),
            models.CheckConstraint(
                condition=Q(faculty=None) | Q(student=None, role="faculty"),
                name="invitation_faculty",
            ),
            models.CheckConstraint(
                condition=Q(status="waiting", answered_at=None)
                | (~Q(status="waiting") & Q(answered_at__isnull=False)),
                name="invitation_answered",
            ),
        ]
        indexes = [
            models.Index(fields=["campus", "-sent_at"], name="invitation_newest"),
            models.Index(fields=["campus", "student"], name="invitation_of_student"),
            models.Index(fields=["campus", "faculty"], name="invitation_of_faculty"),
            # Across campuses, for the invited person.
            models.Index(
                fields=["email"], condition=Q(status="waiting"), name="invitation_address"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email}: {self.get_role_display()}"


class AllowedAddress(TimestampedModel):
    """An address outside the campus's e-mail domains that may be entered all the same."""

    email = models.EmailField(_("e-mail"), max_length=254)
    note = models.CharField(
        _("why"), max_length=200, help_text=_("For example: visiting lecturer until March.")
    )

    class Meta:
        verbose_name = _("address outside the domains")
        verbose_name_plural = _("addresses outside the domains")
        ordering = ["email"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "email"], name="allowed_address_unique"),
            models.CheckConstraint(condition=Q(email=Lower("email")), name="allowed_address_lower"),
        ]

    def __str__(self) -> str:
        return self.email
