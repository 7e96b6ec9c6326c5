"""Campuses, their addresses, and the base of every row that belongs to one."""

import re
import zoneinfo
from collections.abc import Collection
from typing import Any, Final, TypeVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from apps.common.constraints import Named
from apps.common.crypto import fingerprint
from apps.common.texts import LONGEST_LINE, validate_line
from apps.tenants.fields import CampusField
from apps.tenants.scope import WrongCampus, current_campus_id

M = TypeVar("M", bound=models.Model)
EMAIL_DOMAIN: Final = re.compile(r"(?=.{1,253}$)[^\s@.A-Z]+(\.[^\s@.A-Z]+)+")

# Where anybody gets an address: no campus owns them.
PUBLIC_MAIL: Final = frozenset(
    (
        *("aol.com", "gmail.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.com"),
        *("icloud.com", "live.com", "mail.ru", "me.com", "msn.com", "naver.com", "outlook.com"),
        *("proton.me", "protonmail.com", "qq.com", "rediffmail.com", "web.de", "yahoo.com"),
        *("yandex.ru", "ymail.com", "zoho.com", "126.com", "163.com"),
    )
)


def validate_time_zone(value: str) -> None:
    if value not in zoneinfo.available_timezones():
        raise ValidationError(_("“%(value)s” is not an IANA time zone."), params={"value": value})


def time_zones() -> list[tuple[str, str]]:
    """Choices by name: UTC, then the zones of places, without old names that have no place."""
    placed = sorted(zone for zone in zoneinfo.available_timezones() if "/" in zone)
    return [(zone, zone) for zone in ("UTC", *(z for z in placed if not z.startswith("Etc/")))]


def validate_email_domains(value: Any) -> None:
    """A list of lower-case domain names."""
    names = value if isinstance(value, list) else [value]
    wrong = [str(name) for name in names if not _is_domain(name)]
    if wrong or not isinstance(value, list):
        message = _("A list of domain names in lower case, like [“north.example”]: %(wrong)s")
        raise ValidationError(message, params={"wrong": ", ".join(wrong)})


def _is_domain(name: Any) -> bool:
    return isinstance(name, str) and bool(EMAIL_DOMAIN.fullmatch(name))


class Campus(models.Model):
    """A tenant: one institution with its own people, rooms, courses and registers."""

    slug = models.SlugField(_("short name"), unique=True, max_length=50)
    name = models.CharField(_("name"), max_length=200)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[validate_time_zone]
    )
    email_domains = models.JSONField(
        _("e-mail domains"),
        default=list,
        blank=True,
        validators=[validate_email_domains],
        help_text=_(
            "People are entered with addresses of these domains only, and Google sign-in is open "
            "to them only. Empty: any address, and no Google sign-in."
        ),
    )
    verified_domains = models.JSONField(
        _("verified e-mail domains"),
        default=list,
        db_default=models.Value([], models.JSONField()),
        blank=True,
        validators=[validate_email_domains],
        help_text=_(
            "Domains that were proven to be this campus's own: people with such addresses join "
            "without an invitation, also where the account exists on another campus."
        ),
    )
    language = models.CharField(
        _("language"),
        max_length=10,
        default="",
        db_default="",
        blank=True,
        help_text=_("In which the campus writes to people who have chosen none."),
    )
    years_of_study = models.PositiveSmallIntegerField(
        _("years of study"),
        default=4,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
        help_text=_("The longest programme, in years: a student's year lies within it."),
    )
    face_enabled = models.BooleanField(
        _("face verification"),
        default=False,
        help_text=_("Off by default. Students still have to consent one by one."),
    )
    # What the logo is, by its SHA-256: an image of the campus in the image store.
    logo = models.CharField(
        _("logo"), max_length=64, default="", db_default="", blank=True, editable=False
    )
    shows_first_steps = models.BooleanField(
        _("shows the first steps"),
        default=True,
        db_default=True,
        help_text=_("The list of first steps, on the start page of the administration."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("campus")
        verbose_name_plural = _("campuses")
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(years_of_study__range=(1, 10)), name="campus_years_of_study"
            ),
            Named(field="name", name="campus_name"),
            models.CheckConstraint(
                condition=models.Q(logo__regex=r"^([0-9a-f]{64})?$"), name="campus_logo_sha256"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A verified domain is nobody else's: no mail provider's, and no other campus's."""
        verified = set(self.verified_domains)
        others = Campus.objects.exclude(pk=self.pk).values_list("email_domains", "verified_domains")
        claimed = {domain for lists in others for domains in lists for domain in domains}
        taken = sorted(verified & (claimed | PUBLIC_MAIL))
        if taken:
            message = _("Not this campus's alone: %(domains)s.")
            params = {"domains": ", ".join(taken)}
            raise ValidationError({"verified_domains": ValidationError(message, params=params)})

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


class CampusRemoval(models.Model):
    """That a campus is to be removed with everything that it has, and when.

    It is closed meanwhile. Only the owner's role writes here (`apps.moving.removal`).
    """

    campus = models.OneToOneField(Campus, on_delete=models.CASCADE, related_name="removal")
    asked_at = models.DateTimeField(_("asked"))
    asked_by = models.CharField(_("asked by"), max_length=254)
    due_at = models.DateTimeField(_("removed from"))

    class Meta:
        verbose_name = _("removal of a campus")
        verbose_name_plural = _("removals of campuses")
        ordering = ["due_at"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(due_at__gte=models.F("asked_at")), name="campus_removal_due"
            )
        ]

    def __str__(self) -> str:
        return str(self.campus_id)


class Domain(models.Model):
    """A host name that leads to one campus."""

    campus = models.ForeignKey(Campus, on_delete=models.CASCADE, related_name="domains")
    host = models.CharField(
        _("host name"),
        max_length=253,
        validators=[RegexValidator(r"^[a-z0-9.\-:\[\]]+$", _("Lower-case host name, no port."))],
    )

    class Meta:
        verbose_name = _("domain")
        verbose_name_plural = _("domains")
        ordering = ["host"]
        constraints = [models.UniqueConstraint(Lower("host"), name="domain_host_unique")]

    def __str__(self) -> str:
        return self.host


class MasterKey(models.Model):
    """Which master key this database was written under: a check value, never the key.

    Written by `migrate` as the owner; the application reads it before anything else
    (`apps.tenants.master_key`).
    """

    check_value = models.BinaryField(_("check value"), max_length=32, editable=False)
    created_at = models.DateTimeField(_("created"))
    retired_at = models.DateTimeField(_("retired"), null=True, blank=True)
    # A key that was replaced, sealed under its successor: old MACs and hashes need it.
    sealed_key = models.BinaryField(_("sealed key"), null=True, editable=False)

    class Meta:
        verbose_name = _("master key")
        verbose_name_plural = _("master keys")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["check_value"], name="master_key_once"),
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(retired_at__isnull=True),
                name="master_key_one_current",
            ),
        ]

    def __str__(self) -> str:
        return fingerprint(bytes(self.check_value))


class InScope(models.Func):
    """`campus_id = <entered campus>`, decided when the SQL runs, not when it is built."""

    output_field = models.BooleanField()
    conditional = True

    def as_sql(self, compiler: Any, connection: Any, **kwargs: Any) -> Any:  # type: ignore[override]
        column, params = compiler.compile(self.source_expressions[0])
        return f"{column} = %s", (*params, current_campus_id())


class CampusQuerySet(models.QuerySet[M]):
    """Queries that stay inside the entered campus."""

    def update(self, **kwargs: Any) -> int:
        if {"campus", "campus_id"} & kwargs.keys():
            message = "A row cannot move to another campus."
            raise WrongCampus(message)
        return super().update(**kwargs)

    def bulk_update(self, objs: Any, fields: Any, *args: Any, **kwargs: Any) -> int:
        fields = list(fields)
        if {"campus", "campus_id"} & set(fields):
            message = "A row cannot move to another campus."
            raise WrongCampus(message)
        return super().bulk_update(objs, fields, *args, **kwargs)

    def raw(self, *args: Any, **kwargs: Any) -> Any:
        message = "raw() bypasses the campus scope; use the ORM, or a cursor under row security."
        raise WrongCampus(message)


class CampusManager(models.Manager[M]):
    """The only way to tenant rows: also used for related objects and for `_base_manager`."""

    def get_queryset(self) -> CampusQuerySet[M]:
        return CampusQuerySet[M](self.model, using=self._db).filter(InScope("campus_id"))


def check_lines(row: models.Model, exclude: Collection[str]) -> None:
    """Short texts are one line each: names, codes, titles. Raises `ValidationError`."""
    errors: dict[str, ValidationError] = {}
    for field in row._meta.local_fields:
        is_short = isinstance(field, models.CharField) and (field.max_length or 0) <= LONGEST_LINE
        if not is_short or field.name in exclude:
            continue
        try:
            validate_line(getattr(row, field.attname) or "")
        except ValidationError as error:
            errors[field.name] = error
    if errors:
        raise ValidationError(errors)


class CampusModel(models.Model):
    """Base of every tenant-owned row; migrations add `IsolateByCampus` for each."""

    campus = CampusField()

    objects = CampusManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        default_manager_name = "objects"

    def clean_fields(self, exclude: Any = None) -> None:
        """Stamp the campus before validation, so that constraints that name it are checked."""
        if self.campus_id is None:
            self.campus_id = current_campus_id()
        super().clean_fields(exclude=exclude)
        check_lines(self, set(exclude or ()))

    def validate_constraints(self, exclude: Any = None) -> None:
        """Forms leave `campus` out; the constraints per campus must be checked all the same."""
        super().validate_constraints(exclude=set(exclude or ()) - {"campus"})


class TimestampedModel(CampusModel):
    """A tenant-owned row that remembers when it was made and last changed."""

    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("updated"), auto_now=True)

    class Meta(CampusModel.Meta):
        abstract = True
