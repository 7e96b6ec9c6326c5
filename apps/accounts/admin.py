"""People, their accounts and devices; and, for super administrators, campuses."""

from collections.abc import Callable
from typing import Any

from allauth.account.forms import ResetPasswordForm
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from apps.accounts.admin_forms import (
    ContactForm,
    FacultyForm,
    NewUserForm,
    StudentForm,
    UserForm,
    typed,
)
from apps.accounts.models import Contact, Device, Faculty, Membership, Student, User
from apps.accounts.services import (
    account_provide,
    device_reset,
    faculty_create,
    membership_add,
    profile_activate,
    profile_deactivate,
    student_create,
)
from apps.audit.actors import request_actor
from apps.audit.admin_base import (
    CampusInline,
    CampusModelAdmin,
    HistoryAdmin,
    HistoryInline,
    IndexedSearch,
)
from apps.common.cache import forget
from apps.common.errors import Refused
from apps.tenants.models import Campus, Domain
from apps.tenants.selectors import host_cache_key


def send_password_mail(request: HttpRequest, user: User) -> None:
    """The mail with which this person chooses a password; nobody else ever knows one."""
    form = ResetPasswordForm(data={"email": user.email})
    try:
        if form.is_valid():
            form.save(request)
    except OSError:
        messages.error(request, _t("The mail to %(who)s could not be sent.") % {"who": user.email})
    else:
        text = _t("%(who)s gets a mail with a link to choose a password.") % {"who": user.email}
        messages.success(request, text)


def is_list(request: HttpRequest) -> bool:
    """Whether a list is being shown, not a form or the choices of a field."""
    match = request.resolver_match
    return match is not None and (match.url_name or "").endswith("_changelist")


class MembershipInline(CampusInline):
    model = Membership
    fields = ["role", "is_active"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A role is taken away by making it inactive: when it was given stays known."""
        return False


@admin.register(User)
class UserAdmin(CampusModelAdmin):
    """Accounts with a role on this campus. The address is fixed once the account exists.

    An account may be good on other campuses too. So an administrator neither sets a password (a
    mail does) nor closes it (roles here are made inactive).
    """

    form = UserForm
    list_display = ["email", "name", "roles", "is_active", "last_login"]
    list_filter = ["is_active"]
    search_fields = ["email", "name"]
    fields = ["email", "name", "language", "is_active", "last_login"]
    inlines = [MembershipInline]
    ordering = ["email"]
    actions = ["mail_password_link"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users = super().get_queryset(request)
        if getattr(request, "campus_id", None) is None:
            return users if request.user.is_superuser else users.none()
        users = users.filter(pk__in=Membership.objects.values("user_id"))
        return users.prefetch_related("memberships") if is_list(request) else users

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str:
        if "memberships" not in getattr(user, "_prefetched_objects_cache", {}):
            return ""
        roles = [role.get_role_display() for role in user.memberships.all() if role.is_active]
        return ", ".join(str(role) for role in roles)

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewUserForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj else ["email", "name", "language", "roles"]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Roles of a new account stand in its form; without a campus there are none to show."""
        entered = getattr(request, "campus_id", None) is not None
        return self.inlines if obj and entered else []

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        fixed = ["email", "last_login"]
        return [] if obj is None else fixed if request.user.is_superuser else [*fixed, "is_active"]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        now, actor = timezone.now(), request_actor(request)
        user, _made = account_provide(email=obj.email, name=obj.name)
        for role in form.cleaned_data["roles"]:
            membership_add(user=user, role=role, now=now, actor=actor)
        obj.pk, obj._state.adding = user.pk, False
        if not user.has_usable_password():
            send_password_mail(request, user)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description=_("Send a link to choose a password"), permissions=["change"])
    def mail_password_link(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset.filter(is_superuser=False)[: self.list_per_page]:
            send_password_mail(request, user)


@admin.register(Membership)
class MembershipAdmin(CampusModelAdmin):
    list_display = ["user", "role", "is_active"]
    list_filter = ["role", "is_active"]
    list_select_related = ["user"]
    search_fields = ["user__members__email", "user__members__name"]
    autocomplete_fields = ["user"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PersonAdmin(IndexedSearch, CampusModelAdmin):
    """People with history are deactivated, not deleted; a service makes them, with account."""

    list_filter = ["is_active"]
    search_fields = ["code", "full_name", "email"]
    search_help_text = _("Number, name or e-mail")
    autocomplete_fields = ["user"]
    actions = ["activate", "deactivate"]
    create: Callable[..., Any]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """A new person has no account and no state yet: both follow from adding them."""
        shown = super().get_fieldsets(request, obj)
        return shown if obj else shown[:-1]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        linked = obj is not None and obj.user_id is not None
        may_link = request.user.has_perm("accounts.change_membership") and not linked
        return ["is_active"] if may_link else ["is_active", "user"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        actor = request_actor(request)
        person = type(self).create(**typed(form), now=timezone.now(), actor=actor)
        obj.pk, obj.user, obj._state.adding = person.pk, person.user, False
        if not person.user.has_usable_password():
            send_password_mail(request, person.user)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The service has written it."""

    @admin.action(
        description=_("Deactivate: ends their sign-ins here, keeps their history"),
        permissions=["change"],
    )
    def deactivate(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        now, actor = timezone.now(), request_actor(request)
        people = queryset.select_related("user")
        done = sum(profile_deactivate(person=person, now=now, actor=actor) for person in people)
        messages.success(request, _t("Deactivated: %(count)d.") % {"count": done})

    @admin.action(description=_("Activate"), permissions=["change"])
    def activate(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        now, actor = timezone.now(), request_actor(request)
        people = queryset.select_related("user")
        done = sum(profile_activate(person=person, now=now, actor=actor) for person in people)
        messages.success(request, _t("Activated: %(count)d.") % {"count": done})


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
    actions = ["activate", "deactivate", "reset_device"]
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
                    reason=_t("Reset in the administration"),
                    now=timezone.now(),
                    actor=request_actor(request),
                )
            except Refused as refusal:
                messages.warning(request, f"{student}: {refusal.message}")
            else:
                text = _t("%(name)s can bind another device.") % {"name": student}
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


class PlatformAdmin(CampusModelAdmin):
    """Campuses and their addresses; what names a campus is switched off, not deleted."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """What an address leads to is cached for a minute: a change counts at once instead."""
        super().save_related(request, form, formsets, change)
        campus_id = getattr(form.instance, "campus_id", form.instance.pk)
        for host in Domain.objects.filter(campus_id=campus_id).values_list("host", flat=True):
            forget(host_cache_key(host))


class DomainInline(CampusInline):
    model = Domain
    extra = 1


@admin.register(Campus)
class CampusAdmin(PlatformAdmin):
    list_display = ["name", "slug", "time_zone", "face_enabled", "is_active"]
    list_filter = ["is_active", "face_enabled"]
    search_fields = ["name", "slug"]
    inlines = [DomainInline]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Domain)
class DomainAdmin(PlatformAdmin):
    list_display = ["host", "campus"]
    list_select_related = ["campus"]
    search_fields = ["host"]
    autocomplete_fields = ["campus"]
