"""Students, teachers and users of a campus as readable JSON, for people who asked for it so."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import Model

from apps.accounts.models import Faculty, Member, Membership, Student
from apps.audit.services import Actor, log_event
from apps.backup.targets import FolderTarget
from apps.common.rows import table_name
from apps.moving.catalogue import read_rows
from apps.moving.exporting import ONE_MOMENT
from apps.tenants.models import Campus
from apps.tenants.scope import campus_scope

PARTS: dict[str, type[Model]] = {"students": Student, "teachers": Faculty}


def people_export(*, campus: Campus, to: str, now: datetime, actor: Actor) -> dict[str, int]:
    """Write the file, readable by its owner only; the number of people by kind.

    Users are the members of the campus with their roles here, without what they sign in with.
    Raises `BackupFailed` where it cannot be written.
    """
    path = Path(to).expanduser().absolute()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(ONE_MOMENT)
        with campus_scope(campus):
            found: dict[str, list[dict[str, Any]]] = {
                name: list(read_rows(table_name(model))) for name, model in PARTS.items()
            }
            found["users"] = _users()
    with FolderTarget(path.parent).create(path.name) as file:
        file.write(json.dumps(found, indent=2, ensure_ascii=False).encode() + b"\n")
    counts = {name: len(rows) for name, rows in found.items()}
    with campus_scope(campus):
        log_event(
            actor=actor, action="tenants.campus.exported", now=now, target=campus, data=counts
        )
    return counts


def _users() -> list[dict[str, Any]]:
    roles: dict[int, list[str]] = {}
    held = Membership.objects.filter(is_active=True).order_by("role")
    for user_id, role in held.values_list("user_id", "role"):
        roles.setdefault(user_id, []).append(role)
    members = Member.objects.order_by("user_id")
    return [
        {"id": user_id, "name": name, "email": email, "roles": roles.get(user_id, [])}
        for user_id, name, email in members.values_list("user_id", "name", "email")
    ]
