"""Forms of the lecturer's pages."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Faculty
from apps.attendance.models import Status
from apps.common.form_fields import LineField
from apps.enrollments.models import Course
from apps.portal.faculty.selectors import courses_taught
from apps.portal.shared.forms import CourseChoice


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
