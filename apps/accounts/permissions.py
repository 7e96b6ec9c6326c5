"""Who may do what: one table of roles, read by the admin, the API and the tests."""

from typing import Any, Final

from django.apps import apps
from django.db import connection

from apps.accounts.models import Role, User
from apps.tenants.models import CampusModel
from apps.tenants.scope import entered_campus_id

ADMIN_ROLES: Final = frozenset({Role.ADMIN, Role.OPERATOR, Role.PRINCIPAL})
_ROLES: Final = """
    SELECT role FROM accounts_membership WHERE campus_id = %s AND user_id = %s AND is_active
"""


def roles_of(user: Any) -> frozenset[str]:
    """The active roles of this user on the entered campus; empty outside every campus.

    Read once per user object and campus, by hand as in `FixedQuery`.
    """
    campus_id = entered_campus_id()
    if campus_id is None or not user.is_authenticated or not user.is_active:
        return frozenset()
    known: dict[int, frozenset[str]] = user.__dict__.setdefault("_campus_roles", {})
    if campus_id not in known:
        with connection.cursor() as cursor:
            cursor.execute(_ROLES, [campus_id, user.pk])
            known[campus_id] = frozenset(role for (role,) in cursor.fetchall())
    return known[campus_id]


def may_enter(user: Any) -> bool:
    """Whether this account may sign in here: active, with a role on this campus or super_admin."""
    return bool(user.is_active and (user.is_superuser or roles_of(user)))


# What each role may do in the admin, by action prefix and "app.model" (or "app.*").
# Faculty and students use the portal and the API and have no admin.
ROLE_MODEL_PERMISSIONS: Final[dict[str, tuple[str, ...]]] = {
    Role.ADMIN: ("view:*", "add:*", "change:*", "delete:*"),
    Role.OPERATOR: (
        "view:*",
        "add:accounts.student",
        "change:accounts.student",
        "change:accounts.device",
        "add:accounts.contact",
        "change:accounts.contact",
        "add:enrollments.enrollment",
        "change:enrollments.enrollment",
        "add:enrollments.placement",
        "add:imports.importrun",
        "change:enrollments.placement",
        "add:timetable.weeklyslot",
        "change:timetable.weeklyslot",
        "add:timetable.holiday",
        "change:timetable.holiday",
        "change:notifications.delivery",
        "change:leave.leaverequest",
        "add:terminals.card",
        "change:terminals.card",
        "change:terminals.punch",
    ),
    Role.PRINCIPAL: ("view:*", "change:leave.leaverequest"),
}


def _belongs_to_a_campus(app: str, model: str) -> bool:
    """Whether roles reach this model at all: rows of a campus, and the accounts with a role on it.

    Everything else (campuses, domains, face models, the libraries' tables) crosses campuses and is
    for super_admins alone.
    """
    if not model:  # asked for a whole app
        return any(
            issubclass(found, CampusModel) for found in apps.get_app_config(app).get_models()
        )
    return issubclass(apps.get_model(app, model), (CampusModel, User))


def model_permission(user: Any, perm: str) -> bool:
    """Whether a role of this user grants Django's permission string ("app.action_model")."""
    app, _dot, action_model = perm.partition(".")
    action, _underscore, model = action_model.partition("_")
    target = f"{app}.{model}"
    if not _belongs_to_a_campus(app, model):
        return False
    granted = (entry for role in roles_of(user) for entry in ROLE_MODEL_PERMISSIONS.get(role, ()))
    return any(entry in (f"{action}:*", f"{action}:{target}") for entry in granted)
