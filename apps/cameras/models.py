"""Cameras, what they saw, and people whom nobody knows yet.

Sightings and unknown people go after the days of the campus's permission to search; photos with
them, or before.
"""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
from apps.attendance.models import BulkChange
from apps.biometrics.models import FaceModel, StoredImage
from apps.classrooms.models import Classroom
from apps.common.constraints import Between, MomentInBounds, Named
from apps.common.ids import TimeOrderedKey
from apps.sessions.models import ClassSession
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel, TimestampedModel

HOUR = [MinValueValidator(1), MaxValueValidator(3600)]


class Camera(TimestampedModel):
    """A camera in one room, watched by `watch_camera`, or a device that sends pictures itself.

    Where it is reached is said to the command and kept nowhere: such addresses hold passwords.
    `lookup` finds the row by a device's key, `digest` proves it: the SHA-256 of 256 random bits.
    """

    name = models.CharField(_("name"), max_length=100)
    classroom = CampusForeignKey(
        Classroom,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="cameras",
        verbose_name=_("classroom"),
        help_text=_("Whose open sessions it marks. Empty: it marks nobody."),
    )
    every = models.PositiveSmallIntegerField(
        _("every n-th frame is looked at"),
        default=5,
        validators=[MinValueValidator(1), MaxValueValidator(250)],
    )
    known_seconds = models.PositiveSmallIntegerField(
        _("a known person counts once in (s)"), default=5, validators=HOUR
    )
    unknown_seconds = models.PositiveSmallIntegerField(
        _("an unknown person counts once in (s)"), default=15, validators=HOUR
    )
    keeps_snapshots = models.BooleanField(
        _("keeps a picture of each sighting"),
        default=True,
        help_text=_("Sealed, and opened only for a reason that is written down."),
    )
    keeps_unknown = models.BooleanField(
        _("keeps unknown people"),
        default=False,
        help_text=_(
            "Their faces are compared with each other, for a person to name or dismiss. They did "
            "not agree to it: the impact assessment has to say why."
        ),
    )
    auto_register = models.BooleanField(
        _("proposes to register unknown people"),
        default=False,
        help_text=_("Who was seen three times is proposed. A person decides."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    lookup = models.CharField(_("beginning of the key"), max_length=16, editable=False)
    digest = models.BinaryField(_("SHA-256"), max_length=32, editable=False)
    heard_at = models.DateTimeField(_("last heard of"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("camera")
        verbose_name_plural = _("cameras")
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "name"], name="camera_name"),
            models.UniqueConstraint(fields=["campus", "lookup"], name="camera_lookup"),
            models.CheckConstraint(
                condition=Q(auto_register=False) | Q(keeps_unknown=True),
                name="camera_auto_register",
                violation_error_message=_("Only unknown people who are kept can be proposed."),
            ),
            Between(field="every", name="camera_every", low=1, high=250),
            Between(field="known_seconds", name="camera_known", low=1, high=3600),
            Between(field="unknown_seconds", name="camera_unknown", low=1, high=3600),
            Named(field="name", name="camera_named"),
        ]

    def __str__(self) -> str:
        return self.name


class UnknownPerson(CampusModel):
    """Sightings of one face that is nobody's, until a person has decided whose it is.

    `sealed_vector` is the mean of its sightings; it goes with the decision. The row of a named one
    keeps `image` until it has become a sample, which waits for the consent.
    """

    class Status(models.TextChoices):
        OPEN = "open", _("to be decided")
        NAMED = "named", _("named")
        DISMISSED = "dismissed", _("dismissed")

    first_seen = models.DateTimeField(_("first seen"))
    last_seen = models.DateTimeField(_("last seen"))
    seen_count = models.PositiveIntegerField(_("seen"), default=1)
    image = CampusForeignKey(
        StoredImage,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("image"),
    )
    model = models.ForeignKey(
        FaceModel,
        db_index=False,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("model"),
    )
    sealed_vector = models.BinaryField(_("vector"), null=True, editable=False)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.OPEN
    )
    proposed_at = models.DateTimeField(_("proposed to register"), null=True, blank=True)
    student = CampusForeignKey(
        Student,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("student"),
    )
    sampled_at = models.DateTimeField(_("became a sample"), null=True, blank=True)
    decided_by = models.CharField(_("decided by"), max_length=254, blank=True)
    decided_at = models.DateTimeField(_("decided"), null=True, blank=True)

    class Meta:
        verbose_name = _("unknown person")
        verbose_name_plural = _("unknown people")
        ordering = ["-last_seen", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["open", "named", "dismissed"]), name="unknown_status"
            ),
            models.CheckConstraint(
                condition=Q(status="named", student__isnull=False)
                | Q(~Q(status="named"), student__isnull=True),
                name="unknown_named",
            ),
            models.CheckConstraint(
                condition=Q(status="open") | Q(sealed_vector__isnull=True), name="unknown_vector"
            ),
            models.CheckConstraint(
                condition=Q(last_seen__gte=models.F("first_seen")), name="unknown_order"
            ),
            Between(field="seen_count", name="unknown_seen", low=1, high=2_000_000_000),
            MomentInBounds(field="first_seen", name="unknown_first_seen"),
            MomentInBounds(field="last_seen", name="unknown_last_seen"),
        ]
        indexes = [models.Index(fields=["campus", "status", "last_seen"], name="unknown_open")]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class CameraEvent(CampusModel):
    """One sighting. `confidence`: 1 for the very same picture, 0.5 at the limit of a match.

    `bulk` is the mark that it made. `key` names what a device sent, which counts once.
    """

    class Type(models.TextChoices):
        RECOGNIZED = "recognized", _("recognised")
        UNKNOWN = "unknown", _("unknown")
        AUTO_REGISTER = "auto_register", _("proposed to register")

    id = TimeOrderedKey()
    camera = CampusForeignKey(
        Camera,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="events",
        verbose_name=_("camera"),
    )
    at = models.DateTimeField(_("seen"))
    event_type = models.CharField(_("type"), max_length=20, choices=Type.choices)
    student = CampusForeignKey(
        Student,
        db_index=False,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("student"),
    )
    unknown = CampusForeignKey(
        UnknownPerson,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="events",
        verbose_name=_("unknown person"),
    )
    session = CampusForeignKey(
        ClassSession,
        db_index=False,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("session"),
    )
    confidence = models.FloatField(_("confidence"), null=True, blank=True)
    image = CampusForeignKey(
        StoredImage,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("image"),
    )
    bulk = CampusForeignKey(
        BulkChange,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("bulk change"),
    )
    key = models.CharField(_("number in the device"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("sighting")
        verbose_name_plural = _("sightings")
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(event_type__in=["recognized", "unknown", "auto_register"]),
                name="camera_event_type",
            ),
            models.CheckConstraint(
                condition=~Q(event_type="recognized") | Q(student__isnull=False),
                name="camera_event_student",
            ),
            models.UniqueConstraint(
                fields=["campus", "camera", "key"], condition=~Q(key=""), name="camera_event_once"
            ),
            Between(field="confidence", name="camera_event_confidence", low=0, high=1),
            MomentInBounds(field="at", name="camera_event_at"),
        ]
        indexes = [
            models.Index(fields=["campus", "camera", "at"], name="camera_event_of"),
            models.Index(fields=["campus", "student", "at"], name="camera_event_person"),
            models.Index(fields=["campus", "session", "student"], name="camera_event_session"),
            models.Index(fields=["campus", "at"], name="camera_event_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.get_event_type_display()} {self.at:%Y-%m-%d %H:%M:%S}"


class CameraSystemEvent(CampusModel):
    """What happened to the watching itself."""

    class Type(models.TextChoices):
        STARTED = "system_start", _("started")
        STOPPED = "system_stop", _("stopped")
        CONNECTED = "connected", _("connected")
        LOST = "lost", _("no picture")
        REFUSED = "refused", _("not permitted")
        ERROR = "error", _("error")

    id = TimeOrderedKey()
    camera = CampusForeignKey(
        Camera,
        db_index=False,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="system_events",
        verbose_name=_("camera"),
    )
    at = models.DateTimeField(_("at"))
    event_type = models.CharField(_("type"), max_length=20, choices=Type.choices)
    details = models.TextField(_("details"), blank=True)

    class Meta:
        verbose_name = _("event of a camera")
        verbose_name_plural = _("events of cameras")
        ordering = ["-at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    event_type__in=[
                        *("system_start", "system_stop", "connected", "lost", "refused", "error")
                    ]
                ),
                name="camera_system_event_type",
            ),
            MomentInBounds(field="at", name="camera_system_event_at"),
        ]
        indexes = [
            models.Index(fields=["campus", "camera", "at"], name="camera_system_event_of"),
            models.Index(fields=["campus", "at"], name="camera_system_event_moment"),
        ]

    def __str__(self) -> str:
        return f"{self.get_event_type_display()} {self.at:%Y-%m-%d %H:%M:%S}"


class CameraFrame(CampusModel):
    """A picture that a device sent, until a worker has looked at it."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("waits for a worker")
        DONE = "done", _("looked at")
        FAILED = "failed", _("not looked at")

    id = TimeOrderedKey()
    camera = CampusForeignKey(
        Camera,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="frames",
        verbose_name=_("camera"),
    )
    key = models.CharField(_("number in the device"), max_length=100)
    at = models.DateTimeField(_("taken"))
    received_at = models.DateTimeField(_("received"))
    image = CampusForeignKey(
        StoredImage,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("image"),
    )
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.WAITING
    )
    problem = models.CharField(_("problem"), max_length=40, blank=True)
    starts = models.PositiveSmallIntegerField(_("starts"), default=0)
    seen = models.PositiveSmallIntegerField(_("faces"), default=0)
    # When a worker was asked for it again; a lease, see `take_lost` of apps/tenants/tasks.py.
    queued_at = models.DateTimeField(_("queued again"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("picture of a camera")
        verbose_name_plural = _("pictures of cameras")
        ordering = ["-received_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "camera", "key"], name="camera_frame_once"),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "done", "failed"]), name="camera_frame_status"
            ),
            MomentInBounds(field="at", name="camera_frame_at"),
        ]
        indexes = [
            models.Index(fields=["campus", "received_at"], name="camera_frame_received"),
            models.Index(
                fields=["campus", "received_at"],
                condition=Q(status="waiting"),
                name="camera_frame_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.camera_id}: {self.key}"
