"""Removing a campus: closed at once, everything of it gone after a waiting time, with proof.

Which tables it has is read from the database (`catalogue`), which objects from what apps
have registered (`apps.tenants.rotation`). Rows are deleted by the owner's role: the application's
may not delete logs and registers.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from allauth.usersessions.models import UserSession
from django.core.files.storage import default_storage
from django.db import connection, transaction

from apps.accounts.models import Member, Membership, Role, User
from apps.accounts.services.accounts import campus_sessions_end, sessions_end
from apps.audit.models import Root, RootCopy
from apps.audit.services import Actor, log_event, log_platform_event
from apps.backup.errors import BackupFailed
from apps.biometrics.services.images import orphans_delete
from apps.common.cache import forget_campus, invalidate
from apps.common.rows import batches, table_name
from apps.moving.catalogue import ACCOUNTS, Table, campus_tables
from apps.moving.exporting import PATIENCE
from apps.moving.owner import as_owner
from apps.tenants.models import Campus, CampusRemoval, Domain
from apps.tenants.rotation import sealed_files
from apps.tenants.scope import campus_scope, current_campus_id, platform_scope
from apps.tenants.selectors import every_campus, host_cache_key
from apps.tenants.storage import as_os_error

logger = logging.getLogger(__name__)

WAITING: Final = timedelta(days=30)
LONGEST: Final = timedelta(days=366)
_PASSES: Final = 3  # triggers may write rows of other tables while rows are deleted
_BATCH: Final = 500
_ROOTS: Final = (
    f"DELETE FROM {table_name(RootCopy)} WHERE root_id IN "  # noqa: S608  (names of our models)
    f"(SELECT id FROM {table_name(Root)} WHERE campus_id = %s)",
    f"DELETE FROM {table_name(Root)} WHERE campus_id = %s",  # noqa: S608
)


@dataclass(kw_only=True)
class Removed:
    """What went, in numbers: the proof. `kept`: accounts that others have a part in."""

    slug: str
    campus_id: int
    hosts: list[str]
    asked_at: str
    rows: dict[str, int] = field(default_factory=dict)
    objects: int = 0
    accounts: int = 0
    kept: int = 0
    last_root: dict[str, Any] = field(default_factory=dict)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


def removal_of(*, slug: str) -> CampusRemoval:
    """Raises `BackupFailed` where none was asked for."""
    found = CampusRemoval.objects.filter(campus__slug=slug).select_related("campus").first()
    if found is None:
        raise BackupFailed(f"The removal of “{slug}” was not asked for.")
    return found


def removal_ask(*, campus: Campus, waiting: timedelta, now: datetime, actor: Actor) -> datetime:
    """Close the campus, and remember from when on it is to be removed, which is returned.

    Raises `BackupFailed` where that was asked already.
    """
    if not timedelta(0) <= waiting <= LONGEST:
        raise BackupFailed(f"Between 0 and {LONGEST.days} days.")
    with as_owner(), transaction.atomic():
        known = CampusRemoval.objects.filter(campus=campus).first()
        if known is not None:
            raise BackupFailed(f"That was asked already; it is due at {known.due_at.isoformat()}.")
        removal = CampusRemoval.objects.create(
            campus=campus, asked_at=now, asked_by=actor.label, due_at=now + waiting
        )
        _set_open(campus, is_open=False)
        with campus_scope(campus):
            for user in User.objects.filter(pk__in=Member.objects.values("user_id")):
                campus_sessions_end(user=user)
        data = {"due_at": removal.due_at.isoformat()}
        _log(campus, "removal_asked", data, now, actor)
    return removal.due_at


def removal_take_back(*, slug: str, now: datetime, actor: Actor) -> None:
    """Open the campus again. Raises `BackupFailed` where no removal was asked for."""
    with as_owner(), transaction.atomic():
        removal = removal_of(slug=slug)
        campus = removal.campus
        removal.delete()
        _set_open(campus, is_open=True)
        _log(campus, "removal_taken_back", {}, now, actor)


def _set_open(campus: Campus, *, is_open: bool) -> None:
    campus.is_active = is_open
    campus.save(update_fields=["is_active", "updated_at"])
    for host in campus.domains.values_list("host", flat=True):
        invalidate(host_cache_key(host))


def _log(campus: Campus, what: str, data: dict[str, Any], now: datetime, actor: Actor) -> None:
    with campus_scope(campus):
        log_event(actor=actor, action=f"tenants.campus.{what}", now=now, target=campus, data=data)
    log_platform_event(
        actor=actor,
        action=f"platform.campus.{what}",
        now=now,
        target=campus,
        data={"slug": campus.slug, **data},
    )


def campus_remove(*, slug: str, now: datetime, actor: Actor, at_once: bool = False) -> Removed:
    """Delete everything of a campus whose time has come; the proof, which the platform's log keeps.

    Objects first: a run that was interrupted is repeated, and finds them through the rows. Raises
    `BackupFailed` before the time has come, unless `at_once`.
    """
    with as_owner():
        removal = removal_of(slug=slug)
        campus = removal.campus
        if now < removal.due_at and not at_once:
            raise BackupFailed(f"“{slug}” is removed from {removal.due_at.isoformat()} on.")
        if campus.is_active:
            raise BackupFailed(
                f"“{slug}” was opened again after its removal was asked for, and may be in use: "
                "say --undo, or close it in the administration to have it removed."
            )
        removed = Removed(
            slug=slug,
            campus_id=campus.pk,
            hosts=list(campus.domains.order_by("host").values_list("host", flat=True)),
            asked_at=removal.asked_at.isoformat(),
        )
        removed.objects = _delete_objects(campus, removal.asked_at)
        with transaction.atomic():
            _delete_rows(campus, removed)
            log_platform_event(
                actor=actor,
                action="platform.campus.removed",
                now=now,
                target=campus,
                data={**asdict(removed), "at_once": at_once, "sha256": removed.sha256},
            )
            _delete_campus(campus.pk)
        for host in removed.hosts:
            invalidate(host_cache_key(host))
    forget_campus(removed.campus_id)
    return removed


def _delete_objects(campus: Campus, closed_at: datetime) -> int:
    """Also those that no row knows; since it was closed, nobody looked for them."""
    with campus_scope(campus):
        keys = [file.key for files in sealed_files().values() for file in files()]
    try:
        for key in keys:
            with as_os_error():
                default_storage.delete(key)
        with campus_scope(campus):
            orphans = orphans_delete(now=closed_at + timedelta(days=1))
    except OSError as error:
        raise BackupFailed(
            f"The image storage does not delete: {error}. Nothing else was removed; run this again."
        ) from error
    return len(keys) + orphans


def _delete_rows(campus: Campus, removed: Removed) -> None:
    with platform_scope():
        last = Root.objects.filter(campus=campus).order_by("-day").first()
        if last is not None:
            head = bytes(last.head).hex()
            removed.last_root = {"day": str(last.day), "position": last.position, "head": head}
        with connection.cursor() as cursor:
            for statement in _ROOTS:
                cursor.execute(statement, [campus.pk])
    with campus_scope(campus):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")  # enters the campus, with limits that the next line lifts
            cursor.execute(PATIENCE)
        tables = campus_tables()
        people = _accounts_of(tables)
        removed.rows = dict(sorted(_delete_tables(list(tables)).items()))
    gone = people - _needed_elsewhere(campus, people, tables)
    _delete_accounts(gone)
    removed.accounts, removed.kept = len(gone), len(people) - len(gone)


def _accounts_of(tables: dict[str, Table]) -> set[int]:
    found: set[int] = set()
    with connection.cursor() as cursor:
        for table in tables.values():
            for column, target in table.refers.items():
                if target == ACCOUNTS:
                    cursor.execute(
                        f'SELECT DISTINCT "{column}" FROM "{table.name}" '  # noqa: S608
                        f'WHERE campus_id = %s AND "{column}" IS NOT NULL',
                        [current_campus_id()],
                    )
                    found |= {pk for (pk,) in cursor.fetchall()}
    return found


def _delete_tables(names: list[str]) -> Counter[str]:
    """Of the entered campus, in the order in which nothing refers to what is gone.

    Raises `BackupFailed` where something stays.
    """
    gone: Counter[str] = Counter()
    left = names[::-1]
    with connection.cursor() as cursor:
        for _pass in range(_PASSES):
            for name in left:
                statement = f'DELETE FROM "{name}" WHERE campus_id = %s'  # noqa: S608
                cursor.execute(statement, [current_campus_id()])
                gone[name] += cursor.rowcount
            left = [name for name in left if _has_rows(cursor, name)]
    if left:
        raise BackupFailed(f"Rows stay in {', '.join(left)}. Nothing was removed.")
    return gone


def _has_rows(cursor: Any, name: str) -> bool:
    statement = f'SELECT EXISTS (SELECT FROM "{name}" WHERE campus_id = %s)'  # noqa: S608
    cursor.execute(statement, [current_campus_id()])
    return bool(cursor.fetchone()[0])


def _needed_elsewhere(campus: Campus, people: set[int], tables: dict[str, Table]) -> set[int]:
    """Of these accounts those that belong to the platform, or that rows of a campus name."""
    needed = set(User.objects.filter(pk__in=people, is_superuser=True).values_list("pk", flat=True))
    for other in every_campus(reason="who belongs to another campus too", also_closed=True):
        if other.pk != campus.pk:
            with campus_scope(other):
                needed |= _accounts_of(tables)
    return needed & people


def _delete_accounts(people: Iterable[int]) -> None:
    for batch in batches(sorted(people), _BATCH):
        users = User.objects.filter(pk__in=batch)
        for user in users:
            sessions_end(user=user)
        UserSession.objects.filter(user_id__in=batch).delete()
        _delete_cascading(users)


def _delete_cascading(users: Any) -> None:
    """Libraries' rows of the accounts go with them. No campus is entered: none has rows of them."""
    found = [
        (relation.related_model._meta.db_table, relation.field.column)
        for relation in User._meta.related_objects
        if not hasattr(relation.related_model, "campus")
    ]
    ids = list(users.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        for name, column in found:
            cursor.execute(f'DELETE FROM "{name}" WHERE "{column}" = ANY (%s)', [ids])  # noqa: S608
        for through in (User.groups.through, User.user_permissions.through):
            statement = f'DELETE FROM "{table_name(through)}" WHERE user_id = ANY (%s)'  # noqa: S608
            cursor.execute(statement, [ids])
        cursor.execute(f"DELETE FROM {table_name(User)} WHERE id = ANY (%s)", [ids])  # noqa: S608


def _delete_campus(campus_id: int) -> None:
    """By SQL: Django would look for rows of the campus in every table, outside every campus."""
    with connection.cursor() as cursor:
        for model, column in ((CampusRemoval, "campus_id"), (Domain, "campus_id"), (Campus, "id")):
            statement = f'DELETE FROM {table_name(model)} WHERE "{column}" = %s'  # noqa: S608
            cursor.execute(statement, [campus_id])


def administrators_of(campus: Campus) -> list[str]:
    """E-mail addresses of those who run the campus."""
    with campus_scope(campus):
        admins = Membership.objects.filter(role=Role.ADMIN, is_active=True).values("user_id")
        found = Member.objects.filter(user_id__in=admins).order_by("email")
        return list(found.values_list("email", flat=True))
