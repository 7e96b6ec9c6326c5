"""Changing people: accounts and their sessions, roles and profiles, bound devices."""

from apps.accounts.services.accounts import (
    account_deactivate,
    account_provide,
    campus_sessions_end,
    other_sessions_end,
    password_set,
    platform_account_record,
    second_factor_record,
    sessions_end,
    sign_in_record,
    super_admin_set,
)
from apps.accounts.services.devices import (
    DeviceFacts,
    challenge_issue,
    device_bind,
    device_reset,
    rebind_cancel,
    rebind_request,
)
from apps.accounts.services.invitations import (
    Invited,
    account_offer,
    invitation_renew,
    invitation_send,
    invitation_withdraw,
    invitations_answer,
    invitations_of,
    member_add,
)
from apps.accounts.services.password_mail import password_link_send, password_link_send_asked
from apps.accounts.services.people import (
    faculty_create,
    login_renew,
    person_deactivate,
    student_create,
)
from apps.accounts.services.profiles import profile_activate, profile_deactivate
from apps.accounts.services.roles import (
    member_language_set,
    member_update,
    membership_add,
    membership_deactivate,
)

__all__ = [
    "DeviceFacts",
    "Invited",
    "account_deactivate",
    "account_offer",
    "account_provide",
    "campus_sessions_end",
    "challenge_issue",
    "device_bind",
    "device_reset",
    "faculty_create",
    "invitation_renew",
    "invitation_send",
    "invitation_withdraw",
    "invitations_answer",
    "invitations_of",
    "login_renew",
    "member_add",
    "member_language_set",
    "member_update",
    "membership_add",
    "membership_deactivate",
    "other_sessions_end",
    "password_link_send",
    "password_link_send_asked",
    "password_set",
    "person_deactivate",
    "platform_account_record",
    "profile_activate",
    "profile_deactivate",
    "rebind_cancel",
    "rebind_request",
    "second_factor_record",
    "sessions_end",
    "sign_in_record",
    "student_create",
    "super_admin_set",
]
