"""Forms of the portal."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Faculty
from apps.attendance.models import Status
from apps.common.errors import Invalid
from apps.common.form_fields import LineField
from apps.common.texts import validate_prose
from apps.enrollments.models import Course
from apps.portal.selectors import courses_taught


def sent_note(request: HttpRequest) -> str:
    """The form's note, as it was typed; raises `Invalid` for control characters."""
    note = request.POST.get("note", "")
    try:
        validate_prose(note)
    except ValidationError as error:
        raise Invalid("control_character", error.messages[0]) from error
    return note


class CourseChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Course) -> str:
        return f"{obj.code} {obj.subject.name}"


class UnscheduledForm(forms.Form):
    """Start a session of an own course now."""

    course = CourseChoice(queryset=Course.objects.none(), label=_("Course"), empty_label=None)
    topic = LineField(label=_("Topic"), max_length=200)

    def __init__(self, *args: Any, faculty: Faculty, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["course"].queryset = courses_taught(faculty=faculty)  # type: ignore[attr-defined]


class TopicForm(forms.Form):
    """What a session is about; empty where that is known already."""

    topic = LineField(label=_("Topic"), max_length=200, required=False)


class MarkForm(forms.Form):
    """Mark one student by hand."""

    MARKS = (Status.PRESENT, Status.LATE, Status.ABSENT, Status.EXCUSED)

    student = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    status = forms.ChoiceField(choices=[(mark.value, mark.label) for mark in MARKS])
    reason = forms.CharField(max_length=500, required=False)
