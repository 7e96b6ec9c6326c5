"""The timetable in the administration: slots on their courses and as a list, holidays, results."""

from datetime import date
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusInline, CampusModelAdmin, HistoryAdmin
from apps.classrooms.models import Classroom
from apps.common.errors import Refused
from apps.enrollments.admin import CourseAdmin, TermAdmin
from apps.enrollments.models import Course, Term
from apps.timetable.days import horizon
from apps.timetable.models import (
    CalendarLink,
    GeneratedSession,
    Holiday,
    SlotCourse,
    WeeklySlot,
)
from apps.timetable.selectors.planning import slots
from apps.timetable.services import (
    GenerationResult,
    HolidayResult,
    SlotResult,
    holiday_create,
    holiday_remove,
    holiday_update,
    sessions_generate,
    slot_create,
    slot_update,
    term_turn_follow,
)

SHOWN = 10  # clashes and warnings of one run; the rest is counted
SLOT_FIELDS = [
    "weekday",
    "starts_at",
    "ends_at",
    "parity",
    "classroom",
    "valid_from",
    "valid_until",
    "is_active",
]


def _facts(request: HttpRequest) -> dict[str, Any]:
    return {"now": timezone.now(), "actor": request_actor(request)}


def _warn(request: HttpRequest, texts: list[str]) -> None:
    for text in texts[:SHOWN]:
        messages.warning(request, text)
    if len(texts) > SHOWN:
        more = gettext("… and %(number)d more.") % {"number": len(texts) - SHOWN}
        messages.warning(request, more)


def _generate(request: HttpRequest, courses: list[Course], *, last: date | None = None) -> None:
    """Make the sessions of these courses, until `last` or over the horizon; say what came of it."""
    first, usual = horizon(days=settings.TIMETABLE_HORIZON_DAYS, now=timezone.now())
    last = max(last or usual, first)
    try:
        result: GenerationResult = sessions_generate(
            first=first, last=last, courses=courses, **_facts(request)
        )
    except Refused as refusal:
        messages.error(request, refusal.message)
        return
    text = gettext(
        "Until %(last)s: %(created)d sessions made, %(existing)d were there, "
        "%(holidays)d fall on holidays, %(clashes)d clash."
    )
    messages.success(
        request,
        text
        % {
            "last": last,
            "created": result.created,
            "existing": result.existing,
            "holidays": result.skipped_holiday,
            "clashes": len(result.clashes),
        },
    )
    _warn(request, [f"{clash.on} {clash.course}: {clash.message}" for clash in result.clashes])
    _warn(request, [str(warning) for warning in result.warnings])


class GeneratesSessions:
    """Two actions that make sessions from the weekly slots of the chosen rows' courses."""

    actions = ["generate", "generate_term"]

    def courses_of(self, queryset: QuerySet[Any]) -> list[Course]:
        """The courses behind the chosen rows, with their terms."""
        raise NotImplementedError

    @admin.action(description=_("Make the sessions of the next weeks"), permissions=["change"])
    def generate(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        _generate(request, self.courses_of(queryset))

    @admin.action(description=_("Make the sessions of the whole term"), permissions=["change"])
    def generate_term(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        courses = self.courses_of(queryset)
        _generate(request, courses, last=max(course.term.ends_on for course in courses))


def _report_slot(request: HttpRequest, result: SlotResult) -> None:
    """What became of the slot's sessions, where it matters."""
    if result.moved or result.cancelled or result.kept:
        text = gettext("Sessions moved: %(moved)d, cancelled: %(cancelled)d, kept: %(kept)d.")
        messages.info(
            request,
            text % {"moved": result.moved, "cancelled": result.cancelled, "kept": result.kept},
        )
    _warn(request, [*result.clashes, *map(str, result.warnings)])


def _save_slot(request: HttpRequest, slot: WeeklySlot, *, change: bool) -> None:
    """Refusals reach the page through `CampusModelAdmin.changeform_view`."""
    save = slot_update if change else slot_create
    _report_slot(request, save(slot=slot, **_facts(request)))


class SlotInline(CampusInline):
    model = WeeklySlot
    fields = SLOT_FIELDS
    verbose_name_plural = _("weekly slots")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """All slots of the page share one list of rooms, read once."""
        if db_field.name == "classroom":
            kwargs["queryset"] = Classroom.objects.select_related("building")
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        field.choices = list(field.choices)
        return field

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A slot ends by being deactivated: its sessions hang on it."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[WeeklySlot]:
        return slots()


admin.site.unregister(Course)


@admin.register(Course)
class TimetabledCourseAdmin(GeneratesSessions, CourseAdmin):
    """Courses as the study's administration shows them, with their weekly slots."""

    inlines = [SlotInline]

    def courses_of(self, queryset: QuerySet[Course]) -> list[Course]:
        return list(queryset.select_related("term"))

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Slots go through their services, which check them and move their sessions."""
        if formset.model is not WeeklySlot:
            super().save_formset(request, form, formset, change)
            return
        for slot in formset.save(commit=False):
            slot.course = form.instance
            _save_slot(request, slot, change=slot.pk is not None)
        formset.save_m2m()


class SlotCourseInline(CampusInline):
    """Further courses that meet in the slot as one class."""

    model = SlotCourse
    fields = ["course"]
    autocomplete_fields = ["course"]
    verbose_name_plural = _("together with")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


admin.site.unregister(Term)


@admin.register(Term)
class TimetabledTermAdmin(TermAdmin):
    def save_model(self, request: HttpRequest, obj: Term, form: Any, change: bool) -> None:
        """Where other weeks are odd from now on, the slots of odd and even weeks follow."""
        before = Term.objects.get(pk=obj.pk).odd_week if change else obj.odd_week
        super().save_model(request, obj, form, change)
        for result in term_turn_follow(term=obj, before=before, **_facts(request)):
            _report_slot(request, result)


@admin.register(WeeklySlot)
class WeeklySlotAdmin(GeneratesSessions, CampusModelAdmin):
    list_display = [
        "course",
        "weekday",
        "starts_at",
        "ends_at",
        "parity",
        "room",
        "lecturer",
        "is_active",
    ]
    list_filter = ["weekday", "is_active", ("course", AutocompleteSelectFilter)]
    list_select_related = [
        "course__subject",
        "course__faculty",
        "course__classroom__building",
        "classroom__building",
    ]
    search_fields = ["course__code", "course__subject__name", "course__faculty__full_name"]
    autocomplete_fields = ["course", "classroom"]
    fields = ["course", *SLOT_FIELDS]
    inlines = [SlotCourseInline]

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        """Further courses once it is saved."""
        return super().get_inlines(request, obj) if obj is not None else []

    def get_queryset(self, request: HttpRequest) -> QuerySet[WeeklySlot]:
        return super().get_queryset(request).prefetch_related("also__course")

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """Further courses go through the service, which checks them and tells the sessions."""
        formset.save(commit=False)
        if not formset.has_changed():
            return
        gone = {row.pk for row in formset.deleted_objects}
        there = SlotCourse.objects.filter(slot=form.instance.pk).exclude(pk__in=gone)
        rows = [*there.select_related("course"), *formset.new_objects]
        also = [row.course for row in rows if row.course_id is not None]
        slot = slots().get(pk=form.instance.pk)
        _report_slot(request, slot_update(slot=slot, also=also, **_facts(request)))

    @admin.display(description=_("lecturer"), ordering="course__faculty__full_name")
    def lecturer(self, slot: WeeklySlot) -> str:
        return slot.course.faculty.full_name

    def courses_of(self, queryset: QuerySet[WeeklySlot]) -> list[Course]:
        """The courses of the chosen slots, all their slots included."""
        course_ids = queryset.order_by().values("course_id")
        return list(Course.objects.filter(pk__in=course_ids).select_related("term"))

    def save_model(self, request: HttpRequest, obj: WeeklySlot, form: Any, change: bool) -> None:
        _save_slot(request, obj, change=change)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["course"] if obj is not None else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A slot ends by being deactivated: its sessions hang on it."""
        return False


@admin.register(SlotCourse)
class SlotCourseAdmin(HistoryAdmin):
    """Changed on the slot's page."""

    list_display = ["slot", "course"]
    list_select_related = ["slot__course", "course__subject"]
    search_fields = ["course__code", "slot__course__code"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[SlotCourse]:
        return super().get_queryset(request).prefetch_related("slot__also__course")


@admin.register(Holiday)
class HolidayAdmin(CampusModelAdmin):
    list_display = ["name", "first_day", "last_day", "department", "course"]
    list_filter = ["first_day", ("department", AutocompleteSelectFilter)]
    list_select_related = ["department", "course__subject"]
    search_fields = ["name"]
    autocomplete_fields = ["department", "course"]

    def save_model(self, request: HttpRequest, obj: Holiday, form: Any, change: bool) -> None:
        save = holiday_update if change else holiday_create
        self._tell(request, save(holiday=obj, **_facts(request)))

    def delete_model(self, request: HttpRequest, obj: Holiday) -> None:
        self._tell(request, holiday_remove(holiday=obj, **_facts(request)))

    @staticmethod
    def _tell(request: HttpRequest, result: HolidayResult) -> None:
        if result.cancelled:
            text = ngettext(
                "%(number)d session is cancelled.",
                "%(number)d sessions are cancelled.",
                result.cancelled,
            )
            messages.info(request, text % {"number": result.cancelled})
        if result.restored:
            text = ngettext(
                "%(number)d session takes place again.",
                "%(number)d sessions take place again.",
                result.restored,
            )
            messages.info(request, text % {"number": result.restored})
        _warn(request, result.clashes)


@admin.register(GeneratedSession)
class GeneratedSessionAdmin(HistoryAdmin):
    list_display = ["week", "slot", "session", "state", "is_withdrawn", "by_hand"]
    list_filter = ["week", "is_withdrawn"]
    list_select_related = [
        "slot__course",
        "session__course__subject",
    ]
    search_fields = ["slot__course__code"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[GeneratedSession]:
        return super().get_queryset(request).prefetch_related("slot__also__course")

    @admin.display(description=_("status"))
    def state(self, link: GeneratedSession) -> str:
        return link.session.get_status_display() if link.session else gettext("deleted")

    @admin.display(description=_("changed by hand"), boolean=True)
    def by_hand(self, link: GeneratedSession) -> bool:
        return link.is_changed_by_hand


@admin.register(CalendarLink)
class CalendarLinkAdmin(HistoryAdmin):
    """Who has a link, and a way to end it. Its secret is known to nobody but its owner."""

    list_display = ["user", "created_at"]
    list_select_related = ["user"]
    search_fields = ["user__members__email", "user__members__name"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return CampusModelAdmin.has_delete_permission(self, request, obj)
