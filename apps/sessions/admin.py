from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusInline, CampusModelAdmin, FollowingAdmin
from apps.common.errors import Refused
from apps.common.moments import is_day
from apps.common.texts import validate_line
from apps.sessions.clashes import clash_refusal, clashes_refused
from apps.sessions.models import ClassSession, SessionCourse
from apps.sessions.notices import session_cancelled, session_moved
from apps.sessions.services import session_cancel, session_courses_set

PLANNED = ["course", "faculty", "classroom", "starts_at", "ends_at", "topic"]
NEEDED = ("course", "faculty", "starts_at", "ends_at")
LIVED = [
    "status",
    "opened_at",
    "closed_at",
    "closed_itself",
    "total_enrolled",
    "total_attended",
    "attendance_percentage",
]


class ClassSessionForm(forms.ModelForm):
    def clean_topic(self) -> str:
        topic: str = self.cleaned_data["topic"]
        validate_line(topic)
        return topic

    def clean(self) -> dict[str, Any]:
        """Say which session stands in the way while the form is still open."""
        data: dict[str, Any] = super().clean() or {}
        planned = {name: data[name] for name in PLANNED if name in data}
        if self.instance.is_planned and all(planned.get(name) for name in NEEDED):
            section_id = planned["course"].section_id
            session = ClassSession(pk=self.instance.pk, section_id=section_id, **planned)
            refusal = clash_refusal(session)
            if refusal is not None:
                raise forms.ValidationError(refusal.message, code=refusal.code)
        return data


class SessionCourseInline(CampusInline):
    """Further courses that meet in the session as one class, while it is scheduled."""

    model = SessionCourse
    fields = ["course"]
    autocomplete_fields = ["course"]
    verbose_name_plural = _("together with")

    def get_queryset(self, request: HttpRequest) -> QuerySet[SessionCourse]:
        return super().get_queryset(request).filter(is_lead=False).select_related("course")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_add_permission(request, obj) and _is_scheduled(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_scheduled(obj)


def _is_scheduled(session: ClassSession | None) -> bool:
    return session is None or session.status == ClassSession.Status.SCHEDULED


@admin.register(SessionCourse)
class SessionCourseAdmin(FollowingAdmin):
    """Changed on the session's page."""

    list_display = ["starts_at", "course", "is_lead", "status"]
    list_filter = ["status", "is_lead"]
    list_select_related = ["course__subject"]
    search_fields = ["course__code"]


DAY: Final = timedelta(days=1)
TURNS: Final = frozenset(("o", "p", "all", "e"))  # of the same list: order, page


def asked_day(request: HttpRequest) -> str:
    """What the list shows: the `day` of its address, else "today". A search and other filters look
    at "all" days, and so does an action: rows that were ticked before midnight are yesterday's by
    now. An action for all of the list means what it shows."""
    ticked = request.method == "POST" and request.POST.get("select_across") != "1"
    narrowed = ticked or bool(set(request.GET) - TURNS)
    return request.GET.get("day") or ("all" if narrowed else "today")


class DayFilter(admin.SimpleListFilter):
    """The list opens at today (`asked_day`)."""

    title = _("day")
    parameter_name = "day"

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        self.today = timezone.localdate()
        self.chosen = asked_day(request)
        super().__init__(request, *args)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        day = self.day() or self.today
        around = [day - DAY, *([day] if day != self.today else []), day + DAY]
        return [
            ("today", _("Today")),
            *(
                (str(one), date_format(one, gettext("D j M")))
                for one in around
                if one != self.today
            ),
            ("week", _("This week")),
            ("next", _("Next week")),
            ("all", _("All days")),
        ]

    def day(self) -> date | None:
        """The single day that is shown; None where several are."""
        try:
            day = date.fromisoformat(self.chosen)
        except ValueError:
            return self.today if self.chosen == "today" else None
        # Also the days beside it are offered.
        return day if is_day(day) and is_day(day - DAY) and is_day(day + DAY) else None

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Without Django's “All”, which would be today."""
        for value, title in self.lookup_choices:
            yield {
                "selected": self.chosen == value,
                "query_string": changelist.get_query_string({self.parameter_name: value}),
                "display": title,
            }

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ClassSession]
    ) -> QuerySet[ClassSession]:
        monday = self.today - self.today.weekday() * DAY
        day = self.day()
        if day is not None:
            first, days = day, 1
        elif self.chosen in ("week", "next"):
            first, days = monday + (7 * DAY if self.chosen == "next" else 0 * DAY), 7
        else:
            return queryset
        return queryset.filter(
            starts_at__gte=_midnight(first), starts_at__lt=_midnight(first + days * DAY)
        )


def _midnight(day: date) -> datetime:
    """Of the campus's calendar, which the pages of the administration follow."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())


@admin.register(ClassSession)
class ClassSessionAdmin(CampusModelAdmin):
    """Sessions are edited while they are scheduled; from the opening on they are history."""

    form = ClassSessionForm
    list_display = ["starts_at", "course", "faculty", "classroom", "state", "attended"]
    list_before_template = "admin/sessions/days.html"
    list_filter = [DayFilter, "status", ("course", AutocompleteSelectFilter)]
    list_select_related = ["course__subject", "faculty", "classroom__building"]
    search_fields = ["course__code", "course__subject__name", "faculty__full_name", "topic"]
    autocomplete_fields = ["course", "faculty", "classroom"]
    fieldsets = [
        (
            None,
            {
                "fields": [
                    ("course", "faculty"),
                    ("classroom", "topic"),
                    "starts_at",
                    "ends_at",
                ]
            },
        ),
        (
            _("What became of it"),
            {
                "fields": [
                    ("status", "closed_itself"),
                    ("opened_at", "closed_at"),
                    ("total_enrolled", "total_attended"),
                    "attendance_percentage",
                ]
            },
        ),
    ]
    actions = ["cancel"]
    inlines = [SessionCourseInline]

    def get_ordering(self, request: HttpRequest) -> list[str]:
        """Days and weeks from morning to evening; all of them from the newest."""
        newest_first = asked_day(request) == "all"
        return ["-starts_at", "-id"] if newest_first else ["starts_at", "id"]

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The days stand above the list too: which is shown is seen with the filters closed."""
        changelist = super().get_changelist_instance(request)
        for spec in changelist.filter_specs:
            if isinstance(spec, DayFilter):
                changelist.days = list(spec.choices(changelist))
        return changelist

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        """Further courses once it is saved."""
        return super().get_inlines(request, obj) if obj is not None else []

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Further courses go through the service, which checks them."""
        formset.save(commit=False)
        if not formset.has_changed():
            return
        gone = {row.pk for row in formset.deleted_objects}
        further = SessionCourse.objects.filter(session=form.instance.pk, is_lead=False)
        kept = further.exclude(pk__in=gone).select_related("course")
        rows = [row for row in (*kept, *formset.new_objects) if row.course_id is not None]
        session_courses_set(
            session=form.instance,
            also=[row.course for row in rows],
            now=timezone.now(),
            actor=request_actor(request),
        )

    @display(
        description=_("status"),
        ordering="status",
        label={"scheduled": "info", "open": "success", "cancelled": "danger"},
    )
    def state(self, session: ClassSession) -> tuple[str, str]:
        return session.status, session.get_status_display()

    @admin.display(description=_("attended"), ordering="total_attended")
    def attended(self, session: ClassSession) -> str:
        if session.status == ClassSession.Status.SCHEDULED:
            return ""
        return f"{session.total_attended} / {session.total_enrolled}"

    @admin.action(
        description=_("Cancel: only sessions that were not opened"), permissions=["change"]
    )
    def cancel(self, request: HttpRequest, queryset: QuerySet[ClassSession]) -> None:
        for session in queryset.select_related("course__subject"):
            try:
                session_cancel(
                    session=session,
                    reason=gettext("Cancelled in the administration"),
                    now=timezone.now(),
                    actor=request_actor(request),
                )
            except Refused as refusal:
                messages.warning(request, f"{session}: {refusal.message}")
            else:
                messages.success(request, gettext("%(what)s is cancelled.") % {"what": session})

    def save_model(self, request: HttpRequest, obj: ClassSession, form: Any, change: bool) -> None:
        """Somebody may have taken the place since the form was checked. A move is told."""
        obj.section_id = obj.course.section_id
        before = ClassSession.objects.get(pk=obj.pk) if change else obj
        with clashes_refused(obj):
            super().save_model(request, obj, form, change)
        obj.refresh_from_db(fields=["revision"])
        session_moved(session=obj, before=before, now=timezone.now())

    def delete_model(self, request: HttpRequest, obj: ClassSession) -> None:
        session_cancelled(session=obj, note="", now=timezone.now())
        super().delete_model(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        scheduled = obj is None or obj.status == ClassSession.Status.SCHEDULED
        return LIVED if scheduled else [*PLANNED, *LIVED]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (
            obj is None or obj.status == ClassSession.Status.SCHEDULED
        )
