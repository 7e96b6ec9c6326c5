"""People in bulk: a staged sheet becomes profiles, accounts and roles by a few statements.

The stage is a temporary table (`apps.tenants.bulk.staged`) with the columns of `columns_of`.
Empty cells are null and leave what is there.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.accounts.models import Faculty, Membership, Person, Student
from apps.accounts.services.accounts import log_many, sessions_end
from apps.accounts.services.people import membership_deactivate
from apps.accounts.services.profiles import ROLE_OF, profile_deactivate
from apps.audit.services import Actor
from apps.tenants.bulk import Counts, rows_of, run, upsert
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

_WORK: Final = {"id": "bigint", "is_new": "boolean", "user_id": "bigint"}
_PERSON: Final = {
    "code": "text",
    "first_name": "text",
    "last_name": "text",
    "email": "text",
    "phone": "text",
}
_OWN: Final[dict[type[Person], dict[str, str]]] = {
    Student: {
        "year_of_study": "smallint",
        "program": "text",
        "is_representative": "boolean",
        "representative_mobile": "text",
    },
    Faculty: {"department": "text"},
}
StagedProblem = tuple[int, str, str]  # the row's number, the field, what is wrong


def columns_of(model: type[Person]) -> dict[str, str]:
    """Columns of a stage for `people_import`, with their types; more may follow them."""
    return {**_PERSON, **_OWN[model], **_WORK}


def people_match(model: type[Person]) -> list[StagedProblem]:
    """Find who is known already, by number; take rows that cannot be saved out of the stage.

    A new person without an e-mail address gets number@domain of the campus, if it has one.
    """
    table = model._meta.db_table
    run(
        f'UPDATE import_stage s SET id = t.id FROM "{table}" t '
        "WHERE t.campus_id = %s AND lower(t.code) = lower(s.code)",
        [current_campus_id()],
    )
    campus = Campus.objects.get(pk=current_campus_id())
    if campus.email_domains:
        run(
            "UPDATE import_stage SET email = lower(code) || %s WHERE id IS NULL AND email IS NULL",
            [f"@{campus.email_domains[0].lower()}"],
        )
    problems = [*_incomplete(), *_taken(table), *_twice()]
    if model is Faculty:
        problems += _phones_taken(table)
    else:
        problems += _years(campus.years_of_study)
    run("DELETE FROM import_stage WHERE n = ANY(%s)", [[number for number, *_rest in problems]])
    return problems


def _incomplete() -> list[StagedProblem]:
    no_email = _("New, and without an e-mail address. Add one, or a domain to the campus.")
    no_name = _("New, and without a name.")
    rows = rows_of(
        "SELECT n, email IS NULL FROM import_stage "
        "WHERE id IS NULL AND (email IS NULL OR first_name IS NULL)"
    )
    return [(n, "email", no_email) if lacks else (n, "name", no_name) for n, lacks in rows]


def _taken(table: str) -> list[StagedProblem]:
    """Addresses of somebody else on this campus, written there or as the account behind them."""
    rows = rows_of(
        f"""
        SELECT DISTINCT ON (s.n) s.n, o.code
        FROM import_stage s
        JOIN (
            SELECT t.id, t.code, lower(t.email) AS email FROM {table} t
            WHERE t.campus_id = %(campus)s
            UNION
            SELECT t.id, t.code, u.email FROM {table} t JOIN accounts_user u ON u.id = t.user_id
            WHERE t.campus_id = %(campus)s
        ) AS o ON o.email = s.email AND o.id IS DISTINCT FROM s.id
        """,
        {"campus": current_campus_id()},
    )
    return [(n, "email", _("Is the address of %(code)s.") % {"code": code}) for n, code in rows]


def _twice() -> list[StagedProblem]:
    rows = rows_of(
        "SELECT n, first FROM (SELECT n, first_value(n) OVER (PARTITION BY email ORDER BY n) "
        "AS first FROM import_stage WHERE email IS NOT NULL) AS s WHERE n <> first"
    )
    return [(n, "email", _("The same address as in an earlier row.")) for n, _first in rows]


def _years(most: int) -> list[StagedProblem]:
    reason = _("The year of study lies between 1 and %(years)d.") % {"years": most}
    found = rows_of("SELECT n FROM import_stage WHERE year_of_study NOT BETWEEN 1 AND %s", [most])
    return [(n, "year", reason) for (n,) in found]


def _phones_taken(table: str) -> list[StagedProblem]:
    rows = rows_of(
        f'SELECT s.n, t.code FROM import_stage s JOIN "{table}" t '
        "ON t.campus_id = %s AND t.phone = s.phone AND t.id IS DISTINCT FROM s.id "
        f"UNION SELECT s.n, e.code FROM import_stage s JOIN import_stage e "
        "ON e.phone = s.phone AND e.n < s.n",
        [current_campus_id()],
    )
    return [(n, "phone", _("Is the number of %(code)s.") % {"code": code}) for n, code in rows]


def people_import(
    model: type[Person],
    *,
    present: Collection[str],
    source: str,
    now: datetime,
    actor: Actor,
) -> Counts:
    """Save matched rows with their accounts and roles. Only `present` fields of known people
    change; who was deactivated is active again. `source` names the file in the audit log."""
    moved = _accounts(model, now)
    counts = upsert(
        model,
        insert=_inserted(model),
        update=_updated(model, present),
        now=now,
    )
    _roles(model, now)
    for user_id in moved:
        _leave_account(model, user_id, now=now, actor=actor)
    log_many(
        actor=actor,
        action=f"accounts.{model._meta.model_name}.imported",
        now=now,
        counts=counts,
        source=source,
    )
    return counts


def _accounts(model: type[Person], now: datetime) -> list[int]:
    """An account for every address that is new here; returns accounts that lost their person.

    As everywhere, an account that exists keeps its name and password.
    """
    table = model._meta.db_table
    run(
        "INSERT INTO accounts_user (email, name, password, language, is_active, is_superuser, "
        "must_change_password, created_at, updated_at) "
        "SELECT s.email, trim(concat(s.first_name, ' ', s.last_name)), "
        "'!' || gen_random_uuid(), '', "
        f"true, false, false, %(now)s, %(now)s FROM import_stage s "
        f'LEFT JOIN "{table}" t ON t.id = s.id AND t.campus_id = %(campus)s '
        "WHERE s.email IS NOT NULL AND (t.id IS NULL OR lower(t.email) <> s.email) "
        "ON CONFLICT (email) DO NOTHING",
        {"now": now, "campus": current_campus_id()},
    )
    moved = rows_of(
        f'SELECT t.user_id FROM import_stage s JOIN "{table}" t '
        "ON t.id = s.id AND t.campus_id = %s AND lower(t.email) <> s.email "
        "WHERE t.user_id IS NOT NULL",
        [current_campus_id()],
    )
    run("UPDATE import_stage s SET user_id = u.id FROM accounts_user u WHERE u.email = s.email")
    return [user_id for (user_id,) in moved]


def _inserted(model: type[Person]) -> dict[str, str]:
    """Column → expression for new people; texts are never null."""
    nullable = {"year_of_study"}
    columns = {"uuid": "gen_random_uuid()", "user_id": "s.user_id", "is_active": "true"}
    if model is Student:
        columns["age"] = "NULL"
    for name, kind in {**_PERSON, **_OWN[model]}.items():
        empty = "false" if kind == "boolean" else "''"
        columns[name] = f"s.{name}" if name in nullable else f"coalesce(s.{name}, {empty})"
    return columns


def _updated(model: type[Person], present: Collection[str]) -> dict[str, str]:
    """Column → expression for known people. A whole name that says the same changes nothing."""
    columns = {"is_active": "true", "user_id": "coalesce(s.user_id, t.user_id)"}
    for name in present:
        if name in _PERSON or name in _OWN[model]:
            columns[name] = f"coalesce(s.{name}, t.{name})"
    columns.pop("code", None)  # the number is how the person was found
    if "first_name" in present and "last_name" not in present:
        same = "s.first_name IS NULL OR t.full_name = s.first_name"
        columns["first_name"] = f"CASE WHEN {same} THEN t.first_name ELSE s.first_name END"
        columns["last_name"] = f"CASE WHEN {same} THEN t.last_name ELSE '' END"
    return columns


def _roles(model: type[Person], now: datetime) -> None:
    table = model._meta.db_table
    run(
        "INSERT INTO accounts_membership "
        "(campus_id, user_id, role, is_active, created_at, updated_at) "
        f"SELECT %(campus)s, t.user_id, %(role)s, true, %(now)s, %(now)s "
        f'FROM import_stage s JOIN "{table}" t ON t.id = s.id AND t.campus_id = %(campus)s '
        "WHERE t.user_id IS NOT NULL "
        "ON CONFLICT (campus_id, user_id, role) DO UPDATE "
        "SET is_active = true, updated_at = excluded.updated_at "
        "WHERE NOT accounts_membership.is_active",
        {"campus": current_campus_id(), "role": ROLE_OF[model].value, "now": now},
    )


def _leave_account(model: type[Person], user_id: int, *, now: datetime, actor: Actor) -> None:
    """An address was corrected: the account behind the old one has no part in this any more."""
    role = Membership.objects.filter(user_id=user_id, role=ROLE_OF[model]).first()
    if role is not None:
        membership_deactivate(membership=role, now=now, actor=actor)
        sessions_end(user=role.user)


def people_close(people: Collection[Any], *, now: datetime, actor: Actor) -> int:
    """Deactivate the profiles, one by one, each with its own entry in the audit log."""
    return sum(profile_deactivate(person=person, now=now, actor=actor) for person in people)
