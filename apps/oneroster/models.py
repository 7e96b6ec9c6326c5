"""The OneRoster service that a campus reads, what it said last, and each time it was read; and who
reads the campus's own roster in turn."""

import uuid
from typing import Final

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Faculty, Student
from apps.common.constraints import Named
from apps.jobs.models import Job
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel

SYNC: Final = "oneroster.sync"  # its job
SCOPES: Final = "https://purl.imsglobal.org/spec/or/v1p2/scope/roster.readonly"
ADDRESS_LENGTH: Final = 500


class OneRosterConnection(TimestampedModel):
    """One service for each campus.

    `share`: percent of the people, or of the enrolments, known from the service that may leave
    without a person. `since`: by collection, from which change on the next reading asks.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    url = models.CharField(
        _("address of the service"),
        max_length=ADDRESS_LENGTH,
        help_text=_("https://…/ims/oneroster/rostering/v1p2"),
    )
    token_url = models.CharField(
        _("access token address"), max_length=ADDRESS_LENGTH, help_text=_("https://…/token")
    )
    client_id = models.CharField(_("client id"), max_length=200)
    sealed_secret = models.BinaryField(_("client secret"), null=True, blank=True, editable=False)
    scopes = models.CharField(_("scopes"), max_length=1000, default=SCOPES, blank=True)
    school = models.CharField(
        _("school"),
        max_length=255,
        blank=True,
        help_text=_(
            "The sourcedId of the org whose classes and people are read. Empty: all that the "
            "service shows."
        ),
    )
    is_nightly = models.BooleanField(
        _("every night"), default=False, help_text=_("Read, and save what is right, every night.")
    )
    share = models.PositiveSmallIntegerField(
        _("may leave (%)"),
        default=10,
        validators=[MaxValueValidator(100)],
        help_text=_(
            "Of the people, and of the enrolments. When more would leave at once, nothing is saved "
            "until a person confirms it."
        ),
    )
    since = models.JSONField(default=dict, blank=True, editable=False)
    read_whole_at = models.DateTimeField(_("read whole"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("OneRoster service")
        verbose_name_plural = _("OneRoster services")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["campus"], name="oneroster_one"),
            Named(field="name", name="oneroster_named"),
            Named(field="url", name="oneroster_addressed"),
            models.CheckConstraint(condition=Q(share__lte=100), name="oneroster_share"),
        ]

    def __str__(self) -> str:
        return self.name


class OneRosterRow(CampusModel):
    """What the service said last of one of its objects, and was taken: ids and codes, and of names
    and addresses digests alone. What it says again changes nothing here."""

    class Collection(models.TextChoices):
        SESSIONS = "academicSessions", _("academic sessions")
        COURSES = "courses", _("courses")
        CLASSES = "classes", _("classes")
        USERS = "users", _("users")
        ENROLLMENTS = "enrollments", _("enrolments")

    connection = CampusForeignKey(
        OneRosterConnection,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="rows",
        verbose_name=_("OneRoster service"),
    )
    collection = models.CharField(_("collection"), max_length=20, choices=Collection.choices)
    sourced_id = models.CharField("sourcedId", max_length=255)
    values = models.JSONField(_("values"), default=dict)
    student = CampusForeignKey(
        Student,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("student"),
    )
    faculty = CampusForeignKey(
        Faculty,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("faculty member"),
    )

    class Meta:
        verbose_name = _("row of a OneRoster service")
        verbose_name_plural = _("rows of OneRoster services")
        ordering = ["collection", "sourced_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "connection", "collection", "sourced_id"],
                name="oneroster_row_once",
            ),
            models.CheckConstraint(
                condition=Q(
                    collection__in=[
                        "academicSessions",
                        "courses",
                        "classes",
                        "users",
                        "enrollments",
                    ]
                ),
                name="oneroster_row_collection",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.collection} {self.sourced_id}"


class OneRosterRun(CampusModel):
    """One reading: looked at, saved, or waiting for a person because too many would leave.

    `commit`: saved, if nothing keeps it; else a dry run. `confirmed`: how many may leave by the
    word of a person. `leaving`: how many people and enrolments would leave, or left.
    """

    class Status(models.TextChoices):
        RUNNING = "running", _("running")
        CHECKED = "checked", _("checked")
        WAITING = "waiting", _("waits for a person")
        CONFIRMED = "confirmed", _("confirmed")
        REFUSED = "refused", _("refused")
        REPLACED = "replaced", _("replaced by a later one")
        SAVED = "saved", _("saved")
        FAILED = "failed", _("failed")

    connection = CampusForeignKey(
        OneRosterConnection,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="runs",
        verbose_name=_("OneRoster service"),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.RUNNING
    )
    is_full = models.BooleanField(_("everything"), default=False)
    commit = models.BooleanField(_("is saved"), default=False)
    by_person = models.BooleanField(_("by a person"), default=False)
    confirmed = models.PositiveIntegerField(_("may leave"), null=True, blank=True)
    leaving = models.PositiveIntegerField(_("leave"), default=0)
    problem = models.CharField(_("problem"), max_length=500, blank=True)
    result = models.JSONField(_("result"), default=dict, blank=True)
    problems = models.JSONField(_("wrong rows"), default=list, blank=True)
    job = CampusForeignKey(
        Job,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("job"),
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("started by"),
    )
    created_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        verbose_name = _("reading of a OneRoster service")
        verbose_name_plural = _("readings of OneRoster services")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    status__in=[
                        "running",
                        "checked",
                        "waiting",
                        "confirmed",
                        "refused",
                        "replaced",
                        "saved",
                        "failed",
                    ]
                ),
                name="oneroster_run_status",
            )
        ]
        indexes = [
            models.Index(
                fields=["campus", "connection", "created_at"], name="oneroster_run_created"
            )
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M}"


class OneRosterClient(CampusModel):
    """Another system that reads our roster, and what the campus agreed to give it.

    Its secret is shown once: `lookup` is the part by which it is known, `digest` the SHA-256 of the
    rest. A new secret ends the tokens of the one before.
    """

    class Roster(models.TextChoices):
        NONE = "none", _("nothing")
        CORE = "core", _("whole lists alone (roster-core)")
        ALL = "all", _("lists, and whose class is which (roster)")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100, help_text=_("Who reads."))
    purpose = models.CharField(
        _("purpose"),
        max_length=300,
        help_text=_("What for, and by which agreement: people and classes are given to others."),
    )
    roster = models.CharField(
        _("reads of the roster"), max_length=4, choices=Roster.choices, default=Roster.ALL
    )
    gives_email = models.BooleanField(
        _("with e-mail addresses"),
        default=False,
        help_text=_("Else people have names and numbers only."),
    )
    gives_attendance = models.BooleanField(
        _("reads attendance"),
        default=False,
        help_text=_("The percentage of each student in each course, as a result (gradebook)."),
    )
    lookup = models.CharField(_("beginning"), max_length=16, editable=False)
    digest = models.BinaryField(_("SHA-256"), max_length=32, editable=False)
    created_at = models.DateTimeField(_("made"), editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("reader of our roster")
        verbose_name_plural = _("readers of our roster")
        ordering = ["-created_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(roster__in=["none", "core", "all"]), name="oneroster_client_roster"
            ),
            Named(field="name", name="oneroster_client_named"),
            Named(field="purpose", name="oneroster_client_purpose"),
        ]

    def __str__(self) -> str:
        return self.name
