"""People in bulk: a staged sheet becomes profiles, accounts and roles by a few statements.

The stage (`apps.tenants.bulk.Stage`) has the columns of `columns_of`.
Empty cells are null and leave what is there.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.accounts.models import Faculty, Person, Student
from apps.accounts.selectors import outside_domains
from apps.accounts.services.accounts import log_many
from apps.accounts.services.invitations import invitations_import
from apps.accounts.services.profiles import ROLE_OF, profile_deactivate
from apps.accounts.writes import (
    KNOWN_WITH_OTHER_ROLES,
    MEMBERSHIP,
    WITH_OTHER_ROLES,
    Writer,
    kept_addresses,
    more_than_students,
)
from apps.audit.services import Actor
from apps.tenants.bulk import WORK, Stage, StagedProblem, UpsertCounts
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id
from apps.tenants.selectors import is_only_campus, own_domains

_WORK: Final = {
    **WORK,
    "user_id": "bigint",  # the account that gets the role now
    "wants": "boolean",  # a login: nobody has one by this file who had one before
    "is_invited": "boolean",  # the account's owner is asked first
}
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
        "age": "smallint",
        "is_representative": "boolean",
        "representative_mobile": "text",
    },
    Faculty: {"department": "text"},
}

_WANTS: Final = """
    UPDATE {{stage}} s SET wants = true
    FROM {{stage}} e LEFT JOIN "{table}" t ON t.id = e.id AND t.campus_id = %(campus)s
    WHERE e.n = s.n AND e.email IS NOT NULL
        AND (t.id IS NULL OR (t.user_id IS NULL AND %(may_link)s::boolean))
"""
_JOIN_AT_ONCE: Final = """
    UPDATE {stage} s SET user_id = person.id FROM accounts_user person
    LEFT JOIN accounts_member member
        ON member.user_id = person.id AND member.campus_id = %(campus)s
    WHERE s.wants AND person.email = s.email AND (
        %(alone)s::boolean OR member.id IS NOT NULL
        OR substring(s.email from '@([^@]*)$') = ANY(%(own)s::text[])
    )
"""
# Whose address has an account by now although it had none a moment ago is invited like others.
_MAKE_ACCOUNTS: Final = """
    WITH made AS (
        INSERT INTO accounts_user (email, name, password, language, is_active, is_superuser,
            must_change_password, created_at, updated_at)
        SELECT s.email, trim(concat(s.first_name, ' ', s.last_name)), '!' || gen_random_uuid(),
            '', true, false, false, %(now)s, %(now)s
        FROM {stage} s WHERE s.wants AND s.user_id IS NULL
        ON CONFLICT (email) DO NOTHING
        RETURNING id, email
    )
    UPDATE {stage} s SET user_id = made.id FROM made WHERE made.email = s.email
"""


def columns_of(model: type[Person]) -> dict[str, str]:
    """Columns of a stage for `people_import`, with their types; more may follow them."""
    return {**_PERSON, **_OWN[model], **_WORK}


def people_match(
    stage: Stage, model: type[Person], *, present: Collection[str], writer: Writer
) -> list[StagedProblem]:
    """Find who is known already, by number; take rows that cannot be saved out of the stage.

    A new person without an e-mail address gets number@domain of the campus, if it has one. Rows
    ask what the same change by hand would ask of `writer`.
    """
    table = model._meta.db_table
    stage.execute(
        f'UPDATE {{stage}} s SET id = t.id FROM "{table}" t '
        "WHERE t.campus_id = %s AND lower(t.code) = lower(s.code)",
        [current_campus_id()],
    )
    campus = Campus.objects.get(pk=current_campus_id())
    if campus.email_domains:
        stage.execute(
            "UPDATE {stage} SET email = lower(code) || %s WHERE id IS NULL AND email IS NULL",
            [f"@{campus.email_domains[0].lower()}"],
        )
    problems = [*_incomplete(stage), *_taken(stage, table), *_twice(stage)]
    problems += _outside(stage, table, campus.email_domains)
    problems += _closed(stage, model, writer)
    problems += _with_other_roles(stage, writer)
    problems += _renamed(stage, model, present, writer)
    if model is Faculty:
        problems += _phones_taken(stage, table)
    else:
        problems += _years(stage, campus.years_of_study)
    stage.discard_rows(number for number, *_rest in problems)
    return problems


def _incomplete(stage: Stage) -> list[StagedProblem]:
    no_email = _("New, and without an e-mail address. Add one, or a domain to the campus.")
    no_name = _("New, and without a name.")
    rows = stage.rows(
        "SELECT n, email IS NULL FROM {stage} "
        "WHERE id IS NULL AND (email IS NULL OR first_name IS NULL)"
    )
    return [(n, "email", no_email) if lacks else (n, "name", no_name) for n, lacks in rows]


def _taken(stage: Stage, table: str) -> list[StagedProblem]:
    """Addresses of somebody else on this campus, written there or as the account behind them."""
    rows = stage.rows(
        f"""
        SELECT DISTINCT ON (s.n) s.n, o.code
        FROM {{stage}} s
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


def _twice(stage: Stage) -> list[StagedProblem]:
    rows = stage.rows(
        "SELECT n, first FROM (SELECT n, first_value(n) OVER (PARTITION BY email ORDER BY n) "
        "AS first FROM {stage} WHERE email IS NOT NULL) AS s WHERE n <> first"
    )
    return [(n, "email", _("The same address as in an earlier row.")) for n, _first in rows]


def _outside(stage: Stage, table: str, domains: list[str]) -> list[StagedProblem]:
    """New addresses, and changed ones, that the campus's e-mail domains do not allow."""
    if not domains:
        return []
    rows = stage.rows(
        f"""
        SELECT s.n FROM {{stage}} s
        LEFT JOIN {table} t ON t.id = s.id AND t.campus_id = %(campus)s
        LEFT JOIN accounts_allowedaddress a ON a.email = s.email AND a.campus_id = %(campus)s
        WHERE s.email IS NOT NULL AND lower(t.email) IS DISTINCT FROM s.email AND a.id IS NULL
            AND substring(s.email from '@([^@]*)$') <> ALL(%(domains)s::text[])
        """,
        {"campus": current_campus_id(), "domains": [domain.lower() for domain in domains]},
    )
    return [(n, "email", outside_domains(domains)) for (n,) in rows]


def _closed(stage: Stage, model: type[Person], writer: Writer) -> list[StagedProblem]:
    """People who were deactivated, where this writer may not let them in again."""
    if writer.may(model._meta.label_lower, "is_active", adding=False):
        return []
    rows = stage.rows(
        f"SELECT s.n FROM {{stage}} s JOIN {model._meta.db_table} t "
        "ON t.id = s.id AND t.campus_id = %s AND NOT t.is_active",
        [current_campus_id()],
    )
    reason = _("Was deactivated, and your role does not let anybody in again.")
    return [(n, "code", reason) for (n,) in rows]


def _with_other_roles(stage: Stage, writer: Writer) -> list[StagedProblem]:
    """New people whom this writer must not enter: `writes.kept_addresses`."""
    if writer.may(MEMBERSHIP, "role", adding=True):
        return []
    rows = stage.rows("SELECT n, email FROM {stage} WHERE id IS NULL AND email IS NOT NULL")
    kept = kept_addresses(writer, [email for _n, email in rows])
    return [(n, "email", str(WITH_OTHER_ROLES)) for n, email in rows if email in kept]


def _renamed(
    stage: Stage, model: type[Person], present: Collection[str], writer: Writer
) -> list[StagedProblem]:
    """Known people with more roles than a student's, whose names and address are not this writer's
    to change: `writes.kept_fields`."""
    if writer.may(MEMBERSHIP, "role", adding=True):
        return []
    names = _updated(model, present)
    first, last = (names.get(name, f"t.{name}") for name in ("first_name", "last_name"))
    held = more_than_students().values_list("pk", flat=True)
    rows = stage.rows(
        f"""
        SELECT s.n, trim(concat({first}, ' ', {last})) <> t.full_name
        FROM {{stage}} s JOIN {model._meta.db_table} t
            ON t.id = s.id AND t.campus_id = %s AND t.user_id = ANY(%s::bigint[])
        WHERE trim(concat({first}, ' ', {last})) <> t.full_name OR s.email <> lower(t.email)
        """,
        [current_campus_id(), list(held)],
    )
    reason = str(KNOWN_WITH_OTHER_ROLES)
    return [(n, "first_name" if renamed else "email", reason) for n, renamed in rows]


def _years(stage: Stage, most: int) -> list[StagedProblem]:
    reason = _("The year of study lies between 1 and %(years)d.") % {"years": most}
    found = stage.rows("SELECT n FROM {stage} WHERE year_of_study NOT BETWEEN 1 AND %s", [most])
    return [(n, "year", reason) for (n,) in found]


def _phones_taken(stage: Stage, table: str) -> list[StagedProblem]:
    rows = stage.rows(
        f'SELECT s.n, t.code FROM {{stage}} s JOIN "{table}" t '
        "ON t.campus_id = %s AND t.phone = s.phone AND t.id IS DISTINCT FROM s.id "
        f"UNION SELECT s.n, e.code FROM {{stage}} s JOIN {{stage}} e "
        "ON e.phone = s.phone AND e.n < s.n",
        [current_campus_id()],
    )
    return [(n, "phone", _("Is the number of %(code)s.") % {"code": code}) for n, code in rows]


def people_import(
    stage: Stage,
    model: type[Person],
    *,
    present: Collection[str],
    source: str,
    writer: Writer,
    now: datetime,
    actor: Actor,
) -> tuple[UpsertCounts, list[str]]:
    """Save matched rows with their accounts and roles, and invite whose accounts are elsewhere.

    Only `present` fields of known people change; who was deactivated is active again. A login is
    given to who has none, never replaced. `source` names the file in the audit log. Returns the
    counts, and the addresses that were invited.
    """
    _reopened(stage, model)
    _accounts(stage, model, writer, now)
    counts = stage.upsert(
        model,
        insert=_inserted(model),
        update=_updated(model, present),
        now=now,
    )
    _roles(stage, model, now)
    addresses = invitations_import(stage, model=model, source=source, now=now, actor=actor)
    log_many(
        actor=actor,
        action=f"accounts.{model._meta.model_name}.imported",
        now=now,
        counts=counts,
        source=source,
    )
    return counts, addresses


def _reopened(stage: Stage, model: type[Person]) -> None:
    """Who was deactivated and is in the file gets the own account's role back: see `_roles`."""
    stage.execute(
        f'UPDATE {{stage}} s SET user_id = t.user_id FROM "{model._meta.db_table}" t '
        "WHERE t.id = s.id AND t.campus_id = %s AND NOT t.is_active",
        [current_campus_id()],
    )


def _accounts(stage: Stage, model: type[Person], writer: Writer, now: datetime) -> None:
    """An account for who is new, and for who has none where the writer may give one.

    As everywhere, an account that exists keeps its name and password, and its owner is asked
    unless the campus may have it at once (`writes.joins_at_once`, here for many).
    """
    params = {
        "now": now,
        "campus": current_campus_id(),
        "may_link": writer.may(model._meta.label_lower, "user", adding=False),
        "alone": is_only_campus(),
        "own": sorted(own_domains()),
    }
    stage.execute(_WANTS.format(table=model._meta.db_table), params)
    stage.execute(_JOIN_AT_ONCE, params)
    stage.execute(_MAKE_ACCOUNTS, params)
    stage.execute("UPDATE {stage} SET is_invited = true WHERE wants AND user_id IS NULL")


def _inserted(model: type[Person]) -> dict[str, str]:
    """Column → expression for new people; texts are never null."""
    nullable = {"year_of_study", "age"}
    columns = {"uuid": "gen_random_uuid()", "user_id": "s.user_id", "is_active": "true"}
    for name, kind in {**_PERSON, **_OWN[model]}.items():
        empty = "false" if kind == "boolean" else "''"
        columns[name] = f"s.{name}" if name in nullable else f"coalesce(s.{name}, {empty})"
    return columns


def _updated(model: type[Person], present: Collection[str]) -> dict[str, str]:
    """Column → expression for known people. A whole name that says the same changes nothing."""
    columns = {"is_active": "true", "user_id": "coalesce(t.user_id, s.user_id)"}
    for name in present:
        if name in _PERSON or name in _OWN[model]:
            columns[name] = f"coalesce(s.{name}, t.{name})"
    columns.pop("code", None)  # the number is how the person was found
    if "first_name" in present and "last_name" not in present:
        same = "s.first_name IS NULL OR t.full_name = s.first_name"
        columns["first_name"] = f"CASE WHEN {same} THEN t.first_name ELSE s.first_name END"
        columns["last_name"] = f"CASE WHEN {same} THEN t.last_name ELSE '' END"
    return columns


def _roles(stage: Stage, model: type[Person], now: datetime) -> None:
    """The role of who got an account, or came back. Nobody else's: roles are taken by hand."""
    stage.execute(
        "INSERT INTO accounts_membership "
        "(campus_id, user_id, role, is_active, created_at, updated_at) "
        "SELECT %(campus)s, s.user_id, %(role)s, true, %(now)s, %(now)s "
        "FROM {stage} s WHERE s.user_id IS NOT NULL "
        "ON CONFLICT (campus_id, user_id, role) DO UPDATE "
        "SET is_active = true, updated_at = excluded.updated_at "
        "WHERE NOT accounts_membership.is_active",
        {"campus": current_campus_id(), "role": ROLE_OF[model].value, "now": now},
    )


def people_close(people: Collection[Any], *, now: datetime, actor: Actor) -> int:
    """Deactivate the profiles, one by one, each with its own entry in the audit log."""
    return sum(profile_deactivate(person=person, now=now, actor=actor) for person in people)
