"""People, their accounts and devices; and, for super administrators, campuses."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from apps.accounts.models import Device, Faculty, Membership, Student, User
from apps.accounts.services import account_provide, device_reset, person_deactivate
from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusModelAdmin, HistoryAdmin
from apps.common.errors import Refused
from apps.tenants.models import Campus, Domain


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    fields = ["role", "is_active"]


class UserForm(forms.ModelForm):
    """An e-mail address that is known from another campus is a person, not a mistake."""

    class Meta:
        model = User
        fields = ["email", "name", "language"]

    def clean_email(self) -> str:
        return self.cleaned_data["email"].strip().lower()

    def validate_unique(self) -> None:
        """Left to `account_provide`, which finds the account of that address."""


@admin.register(User)
class UserAdmin(CampusModelAdmin):
    """Accounts with a role on this campus. The address is fixed once the account exists."""

    form = UserForm
    list_display = ["email", "name", "is_active", "last_login"]
    list_filter = ["is_active"]
    search_fields = ["email", "name"]
    inlines = [MembershipInline]
    ordering = ["email"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users = super().get_queryset(request)
        if request.user.is_superuser and getattr(request, "campus_id", None) is None:
            return users
        return users.filter(pk__in=Membership.objects.values("user_id"))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["email"] if obj else []

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        user, made = account_provide(email=obj.email, name=obj.name)
        obj.pk, obj._state.adding = user.pk, False
        self.log(request, user, "added" if made else "joined", {})

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Membership)
class MembershipAdmin(CampusModelAdmin):
    list_display = ["user", "role", "is_active"]
    list_filter = ["role", "is_active"]
    list_select_related = ["user"]
    search_fields = ["user__email", "user__name"]
    autocomplete_fields = ["user"]


@admin.action(description=_("Deactivate: ends their sign-ins here, keeps their history"))
def deactivate(model_admin: Any, request: HttpRequest, queryset: QuerySet) -> None:
    for person in queryset.select_related("user"):
        if person.user is not None:
            person_deactivate(user=person.user, now=timezone.now(), actor=request_actor(request))
        queryset.model.objects.filter(pk=person.pk).update(is_active=False)
        model_admin.log(request, person, "deactivated", {})


@admin.action(description=_("Activate"))
def activate(model_admin: Any, request: HttpRequest, queryset: QuerySet) -> None:
    for person in queryset:
        queryset.model.objects.filter(pk=person.pk).update(is_active=True)
        Membership.objects.filter(user_id=person.user_id).update(is_active=True)
        model_admin.log(request, person, "activated", {})


@admin.action(description=_("Reset the bound device"))
def reset_device(model_admin: Any, request: HttpRequest, queryset: QuerySet) -> None:
    for student in queryset:
        try:
            device_reset(
                student=student,
                reason=str(_("Reset in the administration")),
                now=timezone.now(),
                actor=request_actor(request),
            )
        except Refused as refusal:
            messages.warning(request, f"{student}: {refusal.message}")
        else:
            messages.success(request, _("%(name)s can bind another device.") % {"name": student})


class PersonAdmin(CampusModelAdmin):
    """People with history are deactivated, not deleted."""

    list_filter = ["is_active"]
    search_fields = ["code", "full_name", "email"]
    autocomplete_fields = ["user"]
    actions = [deactivate, activate]
    readonly_fields = ["uuid"]


@admin.register(Student)
class StudentAdmin(PersonAdmin):
    list_display = ["code", "full_name", "email", "year_of_study", "has_device", "is_active"]
    list_filter = ["is_active", "year_of_study", "is_representative"]
    actions = [deactivate, activate, reset_device]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Student]:
        bound = Device.objects.filter(student=OuterRef("pk"), is_active=True)
        return super().get_queryset(request).annotate(bound=Exists(bound))

    @admin.display(boolean=True, description=_("device bound"))
    def has_device(self, student: Any) -> bool:
        return student.bound


@admin.register(Faculty)
class FacultyAdmin(PersonAdmin):
    list_display = ["code", "full_name", "email", "department", "is_active"]


@admin.register(Device)
class DeviceAdmin(HistoryAdmin):
    """Keys are not shown; a device is released by resetting it on the student's list."""

    list_display = ["student", "kind", "model", "is_active", "bound_at", "last_seen_at"]
    list_filter = ["is_active", "kind"]
    list_select_related = ["student"]
    search_fields = ["student__code", "student__full_name", "model"]
    exclude = ["push_token", "device_uuid"]


class DomainInline(TabularInline):
    model = Domain
    extra = 1


@admin.register(Campus)
class CampusAdmin(CampusModelAdmin):
    list_display = ["name", "slug", "time_zone", "face_enabled", "is_active"]
    search_fields = ["name", "slug"]
    inlines = [DomainInline]


@admin.register(Domain)
class DomainAdmin(ModelAdmin):
    list_display = ["host", "campus"]
    list_select_related = ["campus"]
    search_fields = ["host"]
