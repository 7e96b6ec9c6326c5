"""Forms of the student's pages: leave, appeals, and what is heard where."""

import re
import uuid
from collections.abc import Collection, Mapping
from datetime import datetime, time, timedelta
from typing import Any, Final

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Student
from apps.biometrics.images import MAX_BYTES
from apps.common.errors import Invalid, Refused
from apps.common.form_fields import ClockField, MomentField
from apps.leave.api.serializers import LONGEST_TEXT, NONCE
from apps.leave.attachments import AttachmentFile, read_attachment
from apps.leave.models import WANTED, LeaveRequest
from apps.leave.services.leave import Absence
from apps.notifications.kinds import Kind
from apps.notifications.models import Channel
from apps.notifications.selectors import Choices
from apps.portal.forms import CourseChoice
from apps.portal.selectors import courses_attended, day_bounds

PAPERS: Final = "application/pdf,image/jpeg,image/png"
MINUTES: Final = "%Y-%m-%dT%H:%M"  # what <input type="datetime-local"> reads


def new_nonce() -> str:
    return uuid.uuid4().hex


class RequestForm(forms.Form):
    """What a student asks for. The form's nonce makes sending it twice one request."""

    # Where a refusal of the service belongs; those that are not named concern the whole form.
    FIELDS: Mapping[str, str] = {"storage_unavailable": "attachment"}

    nonce = forms.CharField(widget=forms.HiddenInput, required=False, initial=new_nonce)
    attachment = forms.FileField(
        label=_("AttachmentFile that proves it"),
        help_text=_("PDF, JPEG or PNG of at most 8 MB. Only you and who decides can read it."),
        required=False,
        widget=forms.FileInput(attrs={"accept": PAPERS}),
    )

    def clean_nonce(self) -> str:
        """The nonce; a new one where it is none, which saves the request all the same."""
        nonce: str = self.cleaned_data["nonce"]
        return nonce if re.fullmatch(NONCE, nonce) else new_nonce()

    def clean_attachment(self) -> AttachmentFile | None:
        upload = self.cleaned_data["attachment"]
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
        label=_("Reason"), max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 3})
    )

    field_order = ["starts_at", "ends_at", "course", "category", "reason", "attachment"]

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
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    field_order = ["wanted", "text", "attachment"]

    def __init__(self, *args: Any, against: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["wanted"].choices = [  # type: ignore[attr-defined]
            (status.value, capfirst(status.label)) for status in WANTED if status != against
        ]


# --- Messages --------------------------------------------------------------------------------

CHANNELS: Final[dict[str, Any]] = {
    Channel.PUSH: _("App"),
    Channel.WEB_PUSH: _("Browser"),
    Channel.EMAIL: _("E-mail"),
    Channel.SMS: _("SMS"),
}


class ChannelBoxes(forms.CheckboxSelectMultiple):
    """Check boxes of which some are ticked for good."""

    fixed: Collection[str] = ()

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(name, value, *args, **kwargs)
        if value in self.fixed:
            option["selected"] = True
            option["attrs"] |= {"checked": True, "disabled": True}
        return option


class PreferencesForm(forms.Form):
    """Which kinds of message are heard over which channels, and when devices stay silent.

    Offers the given kinds and channels; what is not offered stays as it was chosen.
    """

    quiet_from = ClockField(
        label=_("Silent from"),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
    )
    quiet_until = ClockField(
        label=_("Until"),
        required=False,
        widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
    )

    def __init__(
        self,
        *args: Any,
        choices: Choices,
        kinds: Collection[Kind],
        channels: Collection[str],
        **kwargs: Any,
    ) -> None:
        hours = choices.quiet_hours
        super().__init__(*args, **kwargs)
        if hours:
            self.initial = {"quiet_from": hours.starts_at, "quiet_until": hours.ends_at}
        self._choices = choices
        self._kinds = kinds
        self._channels = [name for name in CHANNELS if name in channels]
        for kind in kinds:
            self.fields[self._name(kind)] = self._field(kind)

    @staticmethod
    def _name(kind: Kind) -> str:
        return f"kind_{kind.code}"

    def _fixed(self, kind: Kind) -> set[str]:
        return {name for name in self._channels if kind.forced and name in kind.usual}

    def _field(self, kind: Kind) -> forms.MultipleChoiceField:
        widget = ChannelBoxes()
        widget.fixed = self._fixed(kind)
        wanted = self._choices.kinds[kind.code]
        return forms.MultipleChoiceField(
            label=kind.label,
            choices=[(name, CHANNELS[name]) for name in self._channels],
            initial=[name for name in self._channels if wanted[name]],
            required=False,
            widget=widget,
        )

    def kind_fields(self) -> list[forms.BoundField]:
        return [self[self._name(kind)] for kind in self._kinds]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        begin, end = given.get("quiet_from"), given.get("quiet_until")
        if "quiet_from" not in self.errors and "quiet_until" not in self.errors:
            if (begin is None) != (end is None):
                missing = "quiet_from" if begin is None else "quiet_until"
                self.add_error(missing, _("Quiet hours need a beginning and an end."))
            elif begin is not None and begin == end:
                self.add_error("quiet_until", _("Quiet hours end at another time than they begin."))
        return given

    def wishes(self) -> dict[str, dict[str, bool]]:
        """Kind → channel → wanted, of every kind. Only of a valid form."""
        wishes = {code: dict(channels) for code, channels in self._choices.kinds.items()}
        for kind in self._kinds:
            ticked = {*self.cleaned_data[self._name(kind)], *self._fixed(kind)}
            wishes[kind.code] |= {name: name in ticked for name in self._channels}
        return wishes

    def quiet_hours(self) -> tuple[time, time] | None:
        """Beginning and end, if there are quiet hours. Only of a valid form."""
        begin, end = self.cleaned_data["quiet_from"], self.cleaned_data["quiet_until"]
        return (begin, end) if begin is not None else None
