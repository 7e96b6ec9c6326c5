"""Directories that say who has left, and whom they have closed."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Role, User
from apps.common.constraints import Named
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel


class ScimClient(CampusModel):
    """The campus's directory of people, which says by SCIM who has left; its key is shown once."""

    class UserName(models.TextChoices):
        EMAIL = "email", _("e-mail address")
        NUMBER = "number", _("student or faculty number")

    name = models.CharField(_("name"), max_length=100)
    user_name = models.CharField(
        _("knows people by"), max_length=6, choices=UserName.choices, default=UserName.EMAIL
    )
    creates = models.BooleanField(
        _("enters students"),
        default=False,
        help_text=_("Somebody unknown, with a number and an address, becomes a student."),
    )
    lookup = models.CharField(_("beginning"), max_length=16, editable=False)
    digest = models.BinaryField(_("SHA-256"), max_length=32, editable=False)
    created_at = models.DateTimeField(_("made"), editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("SCIM client")
        verbose_name_plural = _("SCIM clients")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "lookup"], name="scim_client_lookup"),
            models.CheckConstraint(
                condition=Q(user_name__in=["email", "number"]), name="scim_client_user_name"
            ),
            Named(field="name", name="scim_client_named"),
        ]

    def __str__(self) -> str:
        return self.name


class ScimPerson(TimestampedModel):
    """What a directory calls a person of this campus (SCIM's `externalId`)."""

    client = CampusForeignKey(
        ScimClient,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="people",
        verbose_name=_("SCIM client"),
    )
    user = models.ForeignKey(
        User,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("person"),
    )
    external_id = models.CharField(_("external id"), max_length=255)

    class Meta:
        verbose_name = _("person of a SCIM client")
        verbose_name_plural = _("people of SCIM clients")
        ordering = ["client_id", "external_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "client", "external_id"], name="scim_person_external"
            ),
            models.UniqueConstraint(fields=["user", "campus", "client"], name="scim_person_once"),
        ]

    def __str__(self) -> str:
        return self.external_id


class Leaver(TimestampedModel):
    """Somebody whom the directory has closed here, and what comes back with them: nothing else."""

    user = models.ForeignKey(
        User,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="+",
        verbose_name=_("person"),
    )
    left_at = models.DateTimeField(_("left"))
    roles = ArrayField(
        models.CharField(max_length=10, choices=Role.choices), verbose_name=_("roles")
    )
    entries = ArrayField(
        models.CharField(max_length=10, choices=Role.choices),
        verbose_name=_("entries as student or faculty"),
    )

    class Meta:
        verbose_name = _("leaver")
        verbose_name_plural = _("leavers")
        ordering = ["-left_at", "-id"]
        constraints = [models.UniqueConstraint(fields=["user", "campus"], name="leaver_once")]

    def __str__(self) -> str:
        return str(self.user)
