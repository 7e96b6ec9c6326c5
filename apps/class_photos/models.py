"""Photos of a class under review: the photos, the faces in them, whom they seem to show.

All but the counts of a review go when the lecturer has finished, or when its time is over. No
vector is stored.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
from apps.attendance.models import BulkChange
from apps.biometrics.models import StoredImage
from apps.common.constraints import Between
from apps.sessions.models import ClassSession
from apps.tenants.fields import CampusForeignKey
from apps.tenants.models import CampusModel


class PhotoReview(CampusModel):
    """Up to five photos of the room, taken for one session; at most one is open at a time."""

    session = CampusForeignKey(
        ClassSession,
        db_index=False,
        on_delete=models.PROTECT,
        related_name="photo_reviews",
        verbose_name=_("session"),
    )
    started_at = models.DateTimeField(_("started"))
    delete_after = models.DateTimeField(_("photos kept until"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    photo_count = models.PositiveSmallIntegerField(_("photos"), default=0)
    face_count = models.PositiveSmallIntegerField(_("faces"), default=0)
    confirmed_count = models.PositiveSmallIntegerField(_("confirmed"), default=0)

    class Meta:
        verbose_name = _("review of class photos")
        verbose_name_plural = _("reviews of class photos")
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "session"],
                condition=Q(finished_at__isnull=True),
                name="photo_review_one_open",
            )
        ]
        indexes = [
            models.Index(fields=["campus", "session", "started_at"], name="photo_review_session"),
            models.Index(
                fields=["campus", "delete_after"],
                condition=Q(finished_at__isnull=True),
                name="photo_review_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.session_id} {self.started_at:%Y-%m-%d %H:%M}"


class PhotoProblem(models.TextChoices):
    """Why nothing was found out about a photo."""

    DAMAGED = "image_damaged", _("The photo is damaged or not complete. Take another one.")
    GONE = "no_image", _("The photo is no longer kept. Take another one.")
    WORKER_LOST = "worker_lost", _("The work on this photo was interrupted three times.")
    FAILED = "failed", _("The photo could not be searched: something went wrong on our side.")
    TOO_LONG = "too_long", _("Nobody has worked on this photo in ten minutes.")
    REFUSED = "refused", _("Searching for faces was switched off meanwhile.")


class ClassPhoto(CampusModel):
    """One photo. `image` is what was uploaded until a worker has read it, then a smaller copy
    without metadata, in whose pixels the faces are."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("being searched")
        DONE = "done", _("searched")
        FAILED = "failed", _("not searched")

    review = CampusForeignKey(
        PhotoReview,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="photos",
        verbose_name=_("review"),
    )
    number = models.PositiveSmallIntegerField(_("number"))
    sha256 = models.CharField(_("SHA-256 of the upload"), max_length=64)
    image = CampusForeignKey(
        StoredImage,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("image"),
    )
    width = models.PositiveSmallIntegerField(_("width"), default=0)
    height = models.PositiveSmallIntegerField(_("height"), default=0)
    status = models.CharField(
        _("status"), max_length=10, choices=Status.choices, default=Status.WAITING
    )
    problem = models.CharField(
        _("problem"), max_length=20, choices=PhotoProblem.choices, blank=True
    )
    starts = models.PositiveSmallIntegerField(_("starts"), default=0)
    actor_id = models.CharField(_("actor id"), max_length=64, blank=True)
    actor_label = models.CharField(_("actor"), max_length=254)
    added_at = models.DateTimeField(_("added"))
    # When a worker was asked for it again; a lease, see `take_lost` of apps/tenants/tasks.py.
    queued_at = models.DateTimeField(_("queued again"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("class photo")
        verbose_name_plural = _("class photos")
        ordering = ["review_id", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["campus", "review", "number"], name="class_photo_number"
            ),
            models.UniqueConstraint(
                fields=["campus", "review", "sha256"], name="class_photo_content"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["waiting", "done", "failed"]), name="class_photo_status"
            ),
            models.CheckConstraint(
                condition=Q(problem__in=["", *PhotoProblem.values]), name="class_photo_problem"
            ),
            Between(field="number", name="class_photo_number_range", low=1, high=5),
        ]
        indexes = [
            models.Index(
                fields=["campus", "added_at"],
                condition=Q(status="waiting"),
                name="class_photo_waiting",
            )
        ]

    def __str__(self) -> str:
        return f"{self.review_id}/{self.number}"


class FaceMeaning(models.TextChoices):
    """What a face in a photo of the class was found to be.

    `again`: a student who is shown better in another photo of the same review.
    """

    KNOWN = "known", _("known")
    DOUBTFUL = "doubtful", _("doubtful")
    UNKNOWN = "unknown", _("unknown")
    AGAIN = "again", _("in another photo too")


class PhotoFace(CampusModel):
    """A face of a photo: where it is, whose it seems to be, and whom the lecturer confirmed.

    `candidates`: [{"student": id, "confidence": 0..1}], the nearest first, of doubtful faces; one
    of them was near enough or nearly. `confirmed` counts while `bulk` was not undone.
    """

    photo = CampusForeignKey(
        ClassPhoto,
        db_index=False,
        on_delete=models.CASCADE,
        related_name="faces",
        verbose_name=_("photo"),
    )
    number = models.PositiveSmallIntegerField(_("number"))
    left = models.PositiveSmallIntegerField(_("left"))
    top = models.PositiveSmallIntegerField(_("top"))
    width = models.PositiveSmallIntegerField(_("width"))
    height = models.PositiveSmallIntegerField(_("height"))
    meaning = models.CharField(_("found"), max_length=10, choices=FaceMeaning.choices)
    student = CampusForeignKey(
        Student,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("student"),
    )
    confidence = models.FloatField(_("confidence"), null=True, blank=True)
    candidates = models.JSONField(_("candidates"), default=list, blank=True)
    confirmed = CampusForeignKey(
        Student,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("confirmed as"),
    )
    bulk = CampusForeignKey(
        BulkChange,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("bulk change"),
    )

    class Meta:
        verbose_name = _("face in a class photo")
        verbose_name_plural = _("faces in class photos")
        ordering = ["photo_id", "number"]
        constraints = [
            models.UniqueConstraint(fields=["campus", "photo", "number"], name="photo_face_number"),
            models.CheckConstraint(
                condition=Q(meaning__in=FaceMeaning.values), name="photo_face_meaning"
            ),
            Between(field="confidence", name="photo_face_confidence", low=0, high=1),
        ]

    def __str__(self) -> str:
        return f"{self.photo_id}/{self.number}"
