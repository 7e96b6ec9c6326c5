"""Forms of the student's pages: leave, appeals, announcements, photos of the own face."""

import re
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
from apps.announcements.models import Announcement
from apps.biometrics.images import MAX_BYTES, ImageRefused, read_photo
from apps.common.errors import Invalid, Refused
from apps.common.form_fields import MomentField
from apps.common.texts import NONCE, validate_prose
from apps.leave.attachments import AttachmentFile, read_attachment
from apps.leave.models import WANTED, Appeal, LeaveRequest
from apps.leave.services.leave import Absence
from apps.portal.shared.days import day_bounds
from apps.portal.shared.forms import CourseChoice, photo_problem
from apps.reports.selectors.own_courses import courses_attended

ATTACHMENT_TYPES: Final = "application/pdf,image/jpeg,image/png"
LONGEST_REASON: Final = LeaveRequest._meta.get_field("reason").max_length
LONGEST_APPEAL: Final = Appeal._meta.get_field("text").max_length
LONGEST_ANNOUNCEMENT: Final = 4000  # as in the API
MINUTES: Final = "%Y-%m-%dT%H:%M"  # what <input type="datetime-local"> reads


def new_nonce() -> str:
    return uuid.uuid4().hex


class RequestForm(forms.Form):
    """What a student asks for. The form's nonce makes sending it twice one request."""

    # Where a refusal of the service belongs; those that are not named concern the whole form.
    FIELDS: Mapping[str, str] = {"storage_unavailable": "attachment"}

    nonce = forms.CharField(widget=forms.HiddenInput, required=False, initial=new_nonce)
    attachment = forms.FileField(
        label=_("Supporting document"),
        help_text=_(
            "PDF, JPEG or PNG of at most 8 MB. Only you and the person who decides can read it."
        ),
        required=False,
        widget=forms.FileInput(attrs={"accept": ATTACHMENT_TYPES}),
    )
    # A second field: one that opens the camera offers no files on most phones.
    photo = forms.FileField(
        label=_("Or take a photo of it"),
        help_text=_("Opens the camera of a phone; elsewhere you choose a picture."),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/jpeg", "capture": "environment"}),
    )

    def clean_nonce(self) -> str:
        """The nonce; a new one where it is none, which saves the request all the same."""
        nonce: str = self.cleaned_data["nonce"]
        return nonce if re.fullmatch(NONCE, nonce) else new_nonce()

    def clean_attachment(self) -> AttachmentFile | None:
        return self._read("attachment")

    def clean_photo(self) -> AttachmentFile | None:
        return self._read("photo")

    def document(self) -> AttachmentFile | None:
        """What was attached: the file, else the photo. Only of a valid form."""
        found: AttachmentFile | None = self.cleaned_data["attachment"] or self.cleaned_data["photo"]
        return found

    def _read(self, field: str) -> AttachmentFile | None:
        upload = self.cleaned_data[field]
        if not upload:
            return None
        try:
            return read_attachment(upload.read(MAX_BYTES + 1))
        except Invalid as refusal:
            raise forms.ValidationError(refusal.message, code=refusal.code) from refusal

    def refuse(self, refusal: Refused) -> None:
        """Show a refusal beside the field that it is about."""
        self.add_error(self.FIELDS.get(refusal.code), refusal.message)


def _moment(label: Any, help_text: Any = "") -> MomentField:
    widget = forms.DateTimeInput(format=MINUTES, attrs={"type": "datetime-local"})
    return MomentField(label=label, help_text=help_text, widget=widget)


class LeaveForm(RequestForm):
    """Ask to be excused for a span of time, on the campus's clock; today unless changed."""

    FIELDS = {
        **RequestForm.FIELDS,
        "span_backwards": "ends_at",
        "span_too_long": "ends_at",
        "leave_too_late": "starts_at",
        "no_such_course": "course",
    }

    starts_at = _moment(_("From"))
    ends_at = _moment(_("Until"))
    course = CourseChoice(
        queryset=None,
        label=_("Course"),
        empty_label=_("All courses"),
        required=False,
    )
    category = forms.ChoiceField(
        label=_("Kind"),
        choices=[(value, capfirst(label)) for value, label in LeaveRequest.Category.choices],
    )
    reason = forms.CharField(
        label=_("Reason"), max_length=LONGEST_REASON, widget=forms.Textarea(attrs={"rows": 3})
    )

    field_order = ["starts_at", "ends_at", "course", "category", "reason", "attachment", "photo"]

    def __init__(self, *args: Any, student: Student, now: datetime, **kwargs: Any) -> None:
        start, tomorrow = day_bounds(now)
        last_minute = tomorrow - timedelta(minutes=1)
        super().__init__(*args, **kwargs)
        self.initial = {"starts_at": start, "ends_at": last_minute}
        self.fields["course"].queryset = courses_attended(student=student)  # type: ignore[attr-defined]

    def absence(self) -> Absence:
        """What was asked for. Only of a valid form."""
        given = self.cleaned_data
        return Absence(
            starts_at=given["starts_at"],
            ends_at=given["ends_at"],
            category=given["category"],
            reason=given["reason"],
            course_id=given["course"].pk if given["course"] else None,
        )


class AppealForm(RequestForm):
    """Say that a mark is wrong, and what it should be."""

    FIELDS = {**RequestForm.FIELDS, "nothing_to_appeal": "wanted"}

    wanted = forms.ChoiceField(label=_("What it should be"), widget=forms.RadioSelect)
    text = forms.CharField(
        label=_("What happened"),
        max_length=LONGEST_APPEAL,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    field_order = ["wanted", "text", "attachment", "photo"]

    def __init__(self, *args: Any, against: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["wanted"].choices = [  # type: ignore[attr-defined]
            (status.value, capfirst(status.label)) for status in WANTED if status != against
        ]


# --- Announcements ---------------------------------------------------------------------------


class AnnouncementForm(forms.Form):
    """What a representative writes. Looked at first, then sent: the nonce makes it one."""

    nonce = forms.CharField(widget=forms.HiddenInput, required=False, initial=new_nonce)
    title = forms.CharField(
        label=_("Title"), max_length=Announcement._meta.get_field("title").max_length
    )
    message = forms.CharField(
        label=_("Message"),
        max_length=LONGEST_ANNOUNCEMENT,
        widget=forms.Textarea(attrs={"rows": 6}),
        validators=[validate_prose],
    )

    def clean_nonce(self) -> str:
        nonce: str = self.cleaned_data["nonce"]
        return nonce if re.fullmatch(NONCE, nonce) else new_nonce()


# --- Faces -----------------------------------------------------------------------------------


class FacePhotoForm(forms.Form):
    """One photo of the own face; `photo` becomes the JPEG that is kept."""

    photo = forms.FileField(
        label=_("Photo"),
        help_text=_("JPEG, HEIC, PNG or WebP of at most 8 MB."),
        widget=forms.FileInput(attrs={"accept": "image/*"}),
        error_messages={"required": _("Choose a photo first.")},
    )

    def clean_photo(self) -> bytes:
        try:
            return read_photo(self.cleaned_data["photo"].read(MAX_BYTES + 1)).jpeg()
        except ImageRefused as refused:
            raise forms.ValidationError(
                photo_problem(refused), code=refused.reason.value
            ) from refused
