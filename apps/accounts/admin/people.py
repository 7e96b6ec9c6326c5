"""People, their accounts and devices; and, for super administrators, campuses."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.admin.forms import ContactForm, FacultyForm, StudentForm, typed
from apps.accounts.admin.members import is_list, notify_joined
from apps.accounts.models import Contact, Device, Faculty, Student
from apps.accounts.services import (
    device_reset,
    faculty_create,
    login_renew,
    membership_add,
    profile_activate,
    profile_deactivate,
    student_create,
)
from apps.accounts.services.profiles import ROLE_OF
from apps.accounts.writes import WRITES, Writer, kept_fields, refuse_address
from apps.audit.actors import request_actor
from apps.audit.admin_base import (
    CampusInline,
    CampusModelAdmin,
    HistoryAdmin,
    HistoryInline,
    IndexedSearch,
)
from apps.common.errors import Refused


class PersonAdmin(IndexedSearch, CampusModelAdmin):
    """People with history are deactivated, not deleted; a service makes them, with account.

    Which fields and actions somebody has says the table `apps.accounts.writes`.
    """

    list_filter = ["is_active"]
    search_fields = ["code", "full_name", "email"]
    search_help_text = _("Number, name or e-mail")
    autocomplete_fields = ["user"]
    actions = ["activate", "deactivate", "renew_login"]
    create: Callable[..., Any]

    def _may(self, request: HttpRequest, field: str) -> bool:
        return Writer(request.user).may(self.opts.label_lower, field, adding=False)

    def has_close_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "is_active")

    def has_login_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "user")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new person has no account and no state yet: both follow from adding them."""
        shown = super().get_fieldsets(request, obj)
        return shown if obj else shown[:-1]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Actions change the state; a login, once there, is changed by `renew_login` alone."""
        model = self.opts.label_lower
        writer = Writer(request.user)
        denied = WRITES[model].keys() - writer.fields(model, adding=obj is None)
        denied |= kept_fields(writer, obj.user_id if obj else None)
        fixed = {"is_active"} if obj is None or obj.user_id is None else {"is_active", "user"}
        return sorted(denied | fixed)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            self._save_changed(request, obj, form)
            return
        actor = request_actor(request)
        refuse_address(Writer(request.user), obj.email)
        person = type(self).create(**typed(form), now=timezone.now(), actor=actor)
        obj.pk, obj.user, obj._state.adding = person.pk, person.user, False
        notify_joined(request, person.email, person.user)

    def _save_changed(self, request: HttpRequest, obj: Any, form: Any) -> None:
        """With a login that was linked comes the role that it is for."""
        super().save_model(request, obj, form, change=True)
        if "user" in form.changed_data and obj.user is not None:
            role, actor = ROLE_OF[type(obj)], request_actor(request)
            membership_add(user=obj.user, role=role, now=timezone.now(), actor=actor)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The service has written it."""

    @admin.action(
        description=_("Deactivate: ends their sign-ins here, keeps their history"),
        permissions=["close"],
    )
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        now, actor = timezone.now(), request_actor(request)
        people = queryset.select_related("user")
        done = sum(profile_deactivate(person=person, now=now, actor=actor) for person in people)
        messages.success(request, gettext("Deactivated: %(count)d.") % {"count": done})

    @admin.action(description=_("Activate"), permissions=["close"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        now, actor = timezone.now(), request_actor(request)
        people = queryset.select_related("user")
        done = sum(profile_activate(person=person, now=now, actor=actor) for person in people)
        messages.success(request, gettext("Activated: %(count)d.") % {"count": done})

    @admin.action(
        description=_("Sign-in by the address that is written now"), permissions=["login"]
    )
    def renew_login(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for person in queryset.select_related("user"):
            try:
                user = login_renew(person=person, now=timezone.now(), actor=request_actor(request))
            except Refused as refusal:
                messages.warning(request, f"{person}: {refusal.message}")
            else:
                notify_joined(request, person.email, user)


class DeviceInline(HistoryInline):
    model = Device
    fields = [
        "kind",
        "name",
        "model",
        "is_active",
        "bound_at",
        "last_seen_at",
        "rebind_requested_at",
        "released_at",
    ]
    readonly_fields = fields


class ContactInline(CampusInline):
    """Guardians and advisers, edited on the student's page."""

    model = Contact
    form = ContactForm
    fields = [
        "name",
        "relation",
        "email",
        "phone",
        "language",
        "consented_on",
        "consent_note",
        "is_active",
    ]


STATE = (_("State"), {"fields": [("is_active", "user")]})


@admin.register(Student)
class StudentAdmin(PersonAdmin):
    form = StudentForm
    create = staticmethod(student_create)
    list_display = ["code", "full_name", "email", "section", "has_device", "is_active"]
    list_filter = ["is_active", "year_of_study", "is_representative"]
    actions = [*PersonAdmin.actions, "reset_device"]
    inlines = [ContactInline, DeviceInline]
    fieldsets = [
        (None, {"fields": ["code", ("first_name", "last_name"), ("email", "phone")]}),
        (
            _("Study"),
            {
                "fields": [
                    "program",
                    ("year_of_study", "age"),
                    ("is_representative", "representative_mobile"),
                ]
            },
        ),
        STATE,
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Student]:
        students = super().get_queryset(request)
        if not is_list(request):
            return students
        bound = Device.objects.filter(student=OuterRef("pk"), is_active=True)
        # By name: placements are of an app above this one.
        return students.annotate(bound=Exists(bound)).prefetch_related(
            "placements__section__department"
        )

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else []

    @admin.display(description=_("section"))
    def section(self, student: Any) -> str:
        return ", ".join(str(row.section) for row in student.placements.all() if row.is_current)

    @admin.display(boolean=True, description=_("device bound"))
    def has_device(self, student: Any) -> bool:
        return bool(student.bound)

    def has_reset_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_device")

    @admin.action(description=_("Reset the bound device"), permissions=["reset"])
    def reset_device(self, request: HttpRequest, queryset: QuerySet[Student]) -> None:
        for student in queryset:
            try:
                device_reset(
                    student=student,
                    reason=gettext("Reset in the administration"),
                    now=timezone.now(),
                    actor=request_actor(request),
                )
            except Refused as refusal:
                messages.warning(request, f"{student}: {refusal.message}")
            else:
                text = gettext("%(name)s can bind another device.") % {"name": student}
                messages.success(request, text)


@admin.register(Contact)
class ContactAdmin(CampusModelAdmin):
    """Who may be told of a student's attendance. One that ends is made inactive, or deleted."""

    form = ContactForm
    list_display = ["student", "name", "relation", "email", "phone", "consented_on", "is_active"]
    list_filter = ["relation", "is_active"]
    list_select_related = ["student"]
    search_fields = ["student__code", "student__full_name", "name", "email"]
    autocomplete_fields = ["student"]
    fieldsets = [
        (None, {"fields": ["student", ("name", "relation"), ("email", "language"), "phone"]}),
        (_("Consent"), {"fields": [("consented_on", "is_active"), "consent_note"]}),
    ]


@admin.register(Faculty)
class FacultyAdmin(PersonAdmin):
    form = FacultyForm
    create = staticmethod(faculty_create)
    list_display = ["code", "full_name", "email", "department", "is_active"]
    fieldsets = [
        (
            None,
            {"fields": ["code", ("first_name", "last_name"), ("email", "phone"), "department"]},
        ),
        STATE,
    ]


@admin.register(Device)
class DeviceAdmin(HistoryAdmin):
    """Keys are not shown; a device is released by resetting it on the student's list."""

    list_display = ["student", "kind", "model", "is_active", "bound_at", "rebind_requested_at"]
    list_filter = ["is_active", "kind", ("rebind_requested_at", admin.EmptyFieldListFilter)]
    list_select_related = ["student"]
    search_fields = ["student__code", "student__full_name", "model"]
    exclude = ["push_token", "device_uuid"]
