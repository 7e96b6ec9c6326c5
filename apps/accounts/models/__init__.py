"""People, their sign-in identities, roles and devices, and how somebody joins a campus."""

from apps.accounts.models.joining import AllowedAddress, Invitation, Member
from apps.accounts.models.people import (
    Contact,
    Device,
    Faculty,
    Person,
    Student,
    code_validator,
    phone_validator,
)
from apps.accounts.models.users import SHOWN_HERE, Membership, Role, User, UserManager

__all__ = [
    "SHOWN_HERE",
    "AllowedAddress",
    "Contact",
    "Device",
    "Faculty",
    "Invitation",
    "Member",
    "Membership",
    "Person",
    "Role",
    "Student",
    "User",
    "UserManager",
    "code_validator",
    "phone_validator",
]
