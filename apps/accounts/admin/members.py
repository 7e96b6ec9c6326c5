"""Accounts as a campus knows them, their roles, and how others are invited."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from apps.accounts.admin.forms import AddressForm, MemberForm, NewUserForm, UserForm
from apps.accounts.models import AllowedAddress, Invitation, Member, Membership, Role, User
from apps.accounts.services import (
    invitation_renew,
    invitation_withdraw,
    member_add,
    member_update,
    password_link_send,
)
from apps.audit.actors import request_actor
from apps.audit.admin_base import CampusInline, CampusModelAdmin, HistoryAdmin
from apps.common.errors import Refused
from apps.tenants.addresses import asked_host, campus_host
from apps.tenants.scope import entered_campus_id
from apps.tenants.signed import signed_act

INVITED = _("%(who)s has an account elsewhere: its owner gets a mail, and decides whether to join.")
COLOURS = {
    "waiting": "info",
    "accepted": "success",
    "declined": "danger",
    "expired": "warning",
    "withdrawn": "warning",
}


def send_password_mail(request: HttpRequest, user: User) -> None:
    """Send the link with which this person chooses a password, which only they know."""
    try:
        host = campus_host(asked=asked_host(request))
    except Refused as refusal:
        messages.error(request, refusal.message)
        return
    password_link_send(user=user, host=host, now=timezone.now())
    text = gettext("%(who)s gets a mail with a link to choose a password.") % {"who": user}
    messages.success(request, text)


def notify_joined(request: HttpRequest, email: str, user: User | None) -> None:
    """Tell of the next step for a person who was added: an invitation, or a link for a password."""
    if user is None:
        messages.info(request, INVITED % {"who": email})
    elif not user.has_usable_password():
        send_password_mail(request, user)


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
    """Accounts with a role on this campus, as the campus knows them (`Member`).

    The account itself belongs to the person and may be good on other campuses too. So a campus
    reads and writes its own row about it, and neither sets a password (a mail does) nor closes it
    (roles here are made inactive). Outside every campus, super_admins see the accounts themselves.
    """

    search_fields = [
        "members__email",
        "members__name",
        "student_profiles__full_name",
        "faculty_profiles__full_name",
    ]
    inlines = [MembershipInline]
    actions = ["mail_password_link"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        users = super().get_queryset(request)
        if entered_campus_id() is None:
            return users if request.user.is_superuser else users.none()
        users = users.filter(pk__in=Membership.objects.values("user_id"))
        return users.prefetch_related("memberships", "members") if is_list(request) else users

    # --- The list ----------------------------------------------------------------------------

    def get_list_display(self, request: HttpRequest) -> list[str]:
        if entered_campus_id() is None:
            return ["email", "name", "is_active", "last_login"]
        return ["shown_email", "shown_name", "roles", "signed_in_here"]

    def get_search_fields(self, request: HttpRequest) -> Any:
        return ["email", "name"] if entered_campus_id() is None else self.search_fields

    def get_ordering(self, request: HttpRequest) -> list[str]:
        return ["email"] if entered_campus_id() is None else ["members__email", "pk"]

    @display(description=_("e-mail"), ordering="members__email")
    def shown_email(self, user: User) -> str:
        return member_of(user).email

    @display(description=_("name"))
    def shown_name(self, user: User) -> str:
        return str(user)

    @display(description=_("name"))
    def name_here(self, user: User) -> str:
        return member_of(user).name

    @display(description=_("language"))
    def language_here(self, user: User) -> str:
        return member_of(user).language

    @display(description=_("last sign-in here"), ordering="members__last_sign_in_at")
    def signed_in_here(self, user: User) -> Any:
        return member_of(user).last_sign_in_at

    @admin.display(description=_("roles"))
    def roles(self, user: User) -> str:
        if "memberships" not in getattr(user, "_prefetched_objects_cache", {}):
            return ""
        roles = [role.get_role_display() for role in user.memberships.all() if role.is_active]
        return ", ".join(str(role) for role in roles)

    # --- One account -------------------------------------------------------------------------

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = NewUserForm
        else:
            kwargs["form"] = UserForm if entered_campus_id() is None else MemberForm
        return super().get_form(request, obj, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ["email", "name", "language", "roles"]
        if entered_campus_id() is None:
            return ["email", "name", "language", "is_active", "last_login"]
        if not self.has_change_permission(request, obj):
            # What is not edited is read from the row, and the row is the account itself.
            return ["shown_email", "name_here", "language_here", "signed_in_here"]
        return ["shown_email", "name", "language", "signed_in_here"]

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Roles of a new account stand in its form; without a campus there are none to show."""
        return self.inlines if obj and entered_campus_id() is not None else []

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        if obj is None:
            return []
        if entered_campus_id() is None:
            return ["email", "last_login"]
        return ["shown_email", "name_here", "language_here", "signed_in_here"]

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        now, actor = timezone.now(), request_actor(request)
        if not change:
            user, _made = member_add(**form.member(), now=now, actor=actor)
            obj.pk, obj._state.adding = (user.pk if user else None), user is None
            notify_joined(request, obj.email, user)
        elif entered_campus_id() is None:  # super_admins only, who may close one another
            with signed_act("accounts_user"):
                super().save_model(request, obj, form, change)
        else:
            member_update(user=obj, **form.member(), now=now)

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> None:
        """Nothing was added where somebody was invited; the service has written that."""
        if obj.pk is not None:
            super().log_addition(request, obj, message)

    def response_add(self, request: HttpRequest, obj: User, *args: Any, **kwargs: Any) -> Any:
        if obj.pk is None:
            return redirect("admin:accounts_invitation_changelist")
        return super().response_add(request, obj, *args, **kwargs)

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


def member_of(user: User) -> Member:
    """What this campus knows of the account: prefetched in lists."""
    return user.members.all()[0]


@admin.register(Membership)
class MembershipAdmin(CampusModelAdmin):
    list_display = ["user", "role", "is_active"]
    list_filter = ["role", "is_active"]
    list_select_related = ["user"]
    search_fields = ["user__members__email", "user__members__name"]
    autocomplete_fields = ["user"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Invitation)
class InvitationAdmin(HistoryAdmin):
    """Who was asked to join, and what they answered. Invitations follow from adding somebody."""

    list_display = ["email", "role", "shown_state", "person", "sent_at", "expires_at"]
    list_filter = ["status", "role"]
    list_select_related = ["student", "faculty"]
    search_fields = ["email"]
    actions = ["invite_again", "withdraw"]

    @display(description=_("status"), label=COLOURS, ordering="status")
    def shown_state(self, invitation: Invitation) -> Any:
        waiting = invitation.status == Invitation.Status.WAITING
        if waiting and invitation.expires_at <= timezone.now():
            return "expired", gettext("expired")
        return invitation.status, invitation.get_status_display()

    @admin.display(description=_("name"))
    def person(self, invitation: Invitation) -> str:
        return str(invitation.student or invitation.faculty or invitation.name)

    def has_invite_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("accounts.add_student"))

    def _theirs(self, request: HttpRequest, rows: QuerySet[Invitation]) -> QuerySet[Invitation]:
        """Those who may not give other roles send invitations to students only."""
        may_give = request.user.has_perm("accounts.add_membership")
        return rows if may_give else rows.filter(role=Role.STUDENT)

    @admin.action(description=_("Invite again"), permissions=["invite"])
    def invite_again(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        now, actor = timezone.now(), request_actor(request)
        for invitation in self._theirs(request, queryset)[: self.list_per_page]:
            try:
                invitation_renew(invitation=invitation, now=now, actor=actor)
            except Refused as refusal:
                messages.warning(request, f"{invitation}: {refusal.message}")
            else:
                messages.success(request, gettext("Sent to %(who)s.") % {"who": invitation.email})

    @admin.action(description=_("Withdraw"), permissions=["invite"])
    def withdraw(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        now, actor = timezone.now(), request_actor(request)
        rows = self._theirs(request, queryset)
        done = sum(invitation_withdraw(invitation=row, now=now, actor=actor) for row in rows)
        messages.success(request, gettext("Withdrawn: %(count)d.") % {"count": done})


@admin.register(AllowedAddress)
class AllowedAddressAdmin(CampusModelAdmin):
    """Addresses outside the campus's e-mail domains that may be entered all the same."""

    form = AddressForm
    list_display = ["email", "note", "created_at"]
    search_fields = ["email", "note"]
    fields = ["email", "note"]
