"""Changing people: accounts and their sessions, roles and profiles, bound devices."""

from apps.accounts.services.accounts import (
    account_deactivate,
    account_provide,
    password_set,
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
from apps.accounts.services.people import (
    faculty_create,
    membership_add,
    membership_deactivate,
    person_deactivate,
    student_create,
)
from apps.accounts.services.profiles import profile_activate, profile_deactivate

__all__ = [
    "DeviceFacts",
    "account_deactivate",
    "account_provide",
    "challenge_issue",
    "device_bind",
    "device_reset",
    "faculty_create",
    "membership_add",
    "membership_deactivate",
    "password_set",
    "person_deactivate",
    "profile_activate",
    "profile_deactivate",
    "rebind_cancel",
    "rebind_request",
    "sessions_end",
    "sign_in_record",
    "student_create",
    "super_admin_set",
]
