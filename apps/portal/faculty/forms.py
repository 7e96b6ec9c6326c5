"""Forms of the lecturer's pages."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Faculty
from apps.attendance.models import Status
from apps.classrooms.models import Classroom
from apps.common.form_fields import ClockField, DayField, LineField
from apps.enrollments.models import Course
from apps.portal.faculty.selectors import courses_taught
from apps.portal.shared.forms import CourseChoice
from apps.sessions.models import ClassSession
from apps.timetable.occurrences import instant


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


# --- Plan ------------------------------------------------------------------------------------

CLOCK_WIDGET: Any = {"format": "%H:%M", "attrs": {"type": "time"}}


class PlanForm(forms.Form):
    """When and where a session takes place, on the campus's clock."""

    day = DayField(
        label=_("Day"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
    )
    starts_at = ClockField(label=_("Start"), widget=forms.TimeInput(**CLOCK_WIDGET))
    ends_at = ClockField(label=_("End"), widget=forms.TimeInput(**CLOCK_WIDGET))
    classroom = forms.ModelChoiceField(
        queryset=Classroom.objects.none(), required=False, label=_("Room"), empty_label=_("no room")
    )
    topic = LineField(label=_("Topic"), max_length=200, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rooms = Classroom.objects.filter(is_active=True).select_related("building")
        self.fields["classroom"].queryset = rooms.order_by("building__name", "room_number")  # type: ignore[attr-defined]

    def period(self) -> tuple[datetime, datetime]:
        """Start and end; the zone is the one that the page shows."""
        zone: Any = timezone.get_current_timezone()
        day = self.cleaned_data["day"]
        starts, ends = self.cleaned_data["starts_at"], self.cleaned_data["ends_at"]
        return instant(day, starts, zone), instant(day, ends, zone)


def plan_of(session: ClassSession) -> dict[str, Any]:
    """What the form shows of a session."""
    starts_at, ends_at = (timezone.localtime(at) for at in (session.starts_at, session.ends_at))
    return {
        "day": starts_at.date(),
        "starts_at": starts_at.time(),
        "ends_at": ends_at.time(),
        "classroom": session.classroom_id,
        "topic": session.topic,
    }


class SessionChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: ClassSession) -> str:
        when = date_format(timezone.localtime(obj.starts_at), gettext("D j M, H:i"))
        return f"{when} · {obj.codes} · {obj.classroom or _('no room')}"


class SwapForm(forms.Form):
    """Two sessions exchange their times and rooms."""

    other = SessionChoice(queryset=ClassSession.objects.none(), label=_("Exchange with"))

    def __init__(self, *args: Any, candidates: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["other"].queryset = candidates  # type: ignore[attr-defined]


class CallOffForm(forms.Form):
    """Cancel a session; the students read why."""

    note = forms.CharField(label=_("Why; the students read it"), max_length=500)


class FacultyChoice(forms.ModelChoiceField):
    def label_from_instance(self, obj: Faculty) -> str:
        return f"{obj.full_name} ({obj.code})"


class SubstituteForm(forms.Form):
    """Who holds the session instead."""

    faculty = FacultyChoice(queryset=Faculty.objects.none(), label=_("Lecturer"))

    def __init__(self, *args: Any, session: ClassSession, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = Faculty.objects.filter(is_active=True).exclude(pk=session.faculty_id)
        self.fields["faculty"].queryset = people.order_by("code")  # type: ignore[attr-defined]
