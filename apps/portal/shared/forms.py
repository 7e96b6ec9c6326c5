"""Forms of the pages that everybody has, and fields that several readers' forms use."""

from collections.abc import Collection, Mapping
from datetime import time
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.biometrics.images import ImageRefused
from apps.common.errors import Invalid
from apps.common.form_fields import ClockField
from apps.common.texts import validate_prose
from apps.enrollments.models import Course
from apps.notifications.message_types import MessageType
from apps.notifications.models import Channel
from apps.notifications.selectors import Choices


class CourseChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Course) -> str:
        return f"{obj.code} {obj.subject.name}"


# --- Messages --------------------------------------------------------------------------------

CHANNELS: Final[dict[str, Any]] = {
    Channel.PUSH: _("App"),
    Channel.WEB_PUSH: _("Browser"),
    Channel.EMAIL: _("E-mail"),
    Channel.SMS: _("SMS"),
}


class ChannelBoxes(forms.CheckboxSelectMultiple):
    """Check boxes of which some are ticked and cannot be changed."""

    fixed: Collection[str] = ()

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(name, value, *args, **kwargs)
        if value in self.fixed:
            option["selected"] = True
            option["attrs"] |= {"checked": True, "disabled": True}
        return option


class PreferencesForm(forms.Form):
    """Which channels bring which types of message, and when devices stay silent.

    Offers the given types and channels; what is not offered stays as it was chosen.
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
        message_types: Collection[MessageType],
        channels: Collection[str],
        **kwargs: Any,
    ) -> None:
        hours = choices.quiet_hours
        super().__init__(*args, **kwargs)
        if hours:
            self.initial = {"quiet_from": hours.starts_at, "quiet_until": hours.ends_at}
        self._choices = choices
        self._types = message_types
        self._channels = [name for name in CHANNELS if name in channels]
        for message_type in message_types:
            self.fields[self._name(message_type)] = self._field(message_type)

    @staticmethod
    def _name(message_type: MessageType) -> str:
        return f"kind_{message_type.code}"

    def _fixed(self, message_type: MessageType) -> set[str]:
        return {
            name
            for name in self._channels
            if message_type.forced and name in message_type.default_channels
        }

    def _field(self, message_type: MessageType) -> forms.MultipleChoiceField:
        widget = ChannelBoxes()
        widget.fixed = self._fixed(message_type)
        wanted = self._choices.kinds[message_type.code]
        return forms.MultipleChoiceField(
            label=message_type.label,
            choices=[(name, CHANNELS[name]) for name in self._channels],
            initial=[name for name in self._channels if wanted[name]],
            required=False,
            widget=widget,
        )

    def type_fields(self) -> list[forms.BoundField]:
        return [self[self._name(message_type)] for message_type in self._types]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        begin, end = given.get("quiet_from"), given.get("quiet_until")
        if "quiet_from" not in self.errors and "quiet_until" not in self.errors:
            if (begin is None) != (end is None):
                missing = "quiet_from" if begin is None else "quiet_until"
                self.add_error(missing, _("Quiet hours need a beginning and an end."))
            elif begin is not None and begin == end:
                self.add_error(
                    "quiet_until", _("Quiet hours must not begin and end at the same time.")
                )
        return given

    def preferences(self) -> dict[str, dict[str, bool]]:
        """Type of message → channel → wanted, of every type. Only of a valid form."""
        chosen = {code: dict(channels) for code, channels in self._choices.kinds.items()}
        for message_type in self._types:
            ticked = {*self.cleaned_data[self._name(message_type)], *self._fixed(message_type)}
            chosen[message_type.code] |= {name: name in ticked for name in self._channels}
        return chosen

    def quiet_hours(self) -> tuple[time, time] | None:
        """Beginning and end, if there are quiet hours. Only of a valid form."""
        begin, end = self.cleaned_data["quiet_from"], self.cleaned_data["quiet_until"]
        return (begin, end) if begin is not None else None


def sent_note(request: HttpRequest) -> str:
    """The form's note, as it was typed; raises `Invalid` for control characters."""
    note = request.POST.get("note", "")
    try:
        validate_prose(note)
    except ValidationError as error:
        raise Invalid("control_character", error.messages[0]) from error
    return note


PHOTO_WORDS: Final[Mapping[str, Any]] = {
    "too_large": _("This file is too large: at most 8 MB."),
    "too_many_pixels": _("This picture is too large: at most 25 megapixels."),
    "unsupported_format": _("This kind of picture cannot be read. Use JPEG, HEIC, PNG or WebP."),
    "animated": _("This picture moves. Use a still one."),
}


def photo_problem(refused: ImageRefused) -> str:
    """Why a photo cannot be used, for people."""
    return str(PHOTO_WORDS.get(refused.reason.value, _("This file is no photo.")))
