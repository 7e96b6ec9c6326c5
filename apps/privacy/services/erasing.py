"""Erasing a person from the entered campus, and the proof of it."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from psycopg import sql

from apps.accounts.models import Faculty, Invitation, Member, Student, User
from apps.accounts.services import campus_sessions_end, sessions_end
from apps.audit.digests import canonical_json
from apps.audit.models import Entry
from apps.audit.services import PLATFORM_LOG, Actor, Redacted, entries_redact
from apps.common.cache import forget_values
from apps.common.rows import table_name
from apps.common.texts import replaced
from apps.privacy.identifying import Identifying, identifying
from apps.privacy.registry import KnownPerson, PersonRows, person_erasers, person_rows
from apps.privacy.selectors import known_elsewhere
from apps.tenants.scope import platform_scope
from apps.tenants.signed import signed_act

ReportProgress = Callable[[int, int], object]
# Identities: own rows are blanked by their numbers, and other people's are not searched for names.
# Then what is redacted, and what triggers write.
NOT_SEARCHED: Final = frozenset({*map(table_name, (Student, Faculty, Member, Entry))}) | {
    "search_entry"
}
_COLUMNS: Final = """
    SELECT c.relname, a.attname, t.typname, a.atttypmod - 4
    FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND t.typname IN ('varchar', 'text', 'jsonb') AND a.attgenerated = ''
        AND has_table_privilege(c.oid, 'UPDATE')
        AND EXISTS (
            SELECT FROM pg_attribute k WHERE k.attrelid = c.oid AND k.attname = 'campus_id'
        )
    ORDER BY 1, a.attnum
"""
_TENANT_TABLES: Final = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND has_table_privilege(c.oid, 'SELECT')
        AND EXISTS (
            SELECT FROM pg_attribute k WHERE k.attrelid = c.oid AND k.attname = 'campus_id'
        )
    ORDER BY 1
"""


class StillThere(RuntimeError):
    """After the erasure a table still held a value of the person: everything is rolled back."""


@dataclass(kw_only=True)
class _Erasure:
    person: KnownPerson
    whole_account: bool
    marks: Identifying
    now: datetime
    actor: Actor
    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    objects: dict[str, int] = field(default_factory=dict)
    texts: dict[str, int] = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)
    unreadable: dict[str, int] = field(default_factory=dict)
    cached: int = 0


@transaction.atomic
def person_erase(
    *, person: KnownPerson, now: datetime, actor: Actor, report_progress: ReportProgress
) -> tuple[dict[str, Any], str]:
    """Erase everywhere on this campus; returns the proof and its SHA-256 (hexadecimal).

    One transaction, but for stored objects: those that are deleted stay deleted if it fails, and
    it is done again. The account goes too where no other campus knows it. Raises `Refused`
    (storage_unavailable) where an object cannot be deleted: then everything is rolled back.
    """
    whole = person.user_id is not None and not known_elsewhere(user_id=person.user_id)
    marks = identifying(person, with_account=whole)
    erasure = _Erasure(person=person, whole_account=whole, marks=marks, now=now, actor=actor)
    steps = (_objects, _sessions, _rows, _texts, _log, _cached, _nothing_left)
    for done, step in enumerate(steps):
        report_progress(done, len(steps))
        step(erasure)
    proof = _proof(erasure)
    return proof, hashlib.sha256(canonical_json(proof)).hexdigest()


def _objects(erasure: _Erasure) -> None:
    for erase in person_erasers():
        counts = erase(person=erasure.person, now=erasure.now, actor=erasure.actor)
        erasure.objects |= counts


def _sessions(erasure: _Erasure) -> None:
    user = User.objects.filter(pk=erasure.person.user_id or 0).first()
    if user is not None:
        end = sessions_end if erasure.whole_account else campus_sessions_end
        erasure.objects["sessions"] = end(user=user)
    waiting = Invitation.objects.filter(
        email__in=erasure.person.emails, status=Invitation.Status.WAITING
    )
    waiting.update(status=Invitation.Status.WITHDRAWN, answered_at=erasure.now)


def _rows(erasure: _Erasure) -> None:
    for rows in reversed(person_rows()):
        if rows.of_account and not erasure.whole_account:
            continue
        with signed_act(table_name(rows.model)):  # some of them are guarded
            counts = _erase_rows(rows, erasure.person)
        if any(counts.values()):
            erasure.tables[rows.name] = counts


def _erase_rows(rows: PersonRows, person: KnownPerson) -> dict[str, int]:
    found = rows.model._default_manager.filter(rows.rows(person))
    if rows.deleted:
        return {"deleted": found._raw_delete(found.db)}
    if not rows.blanked:
        return {"kept": found.count()}
    values = {
        column: value(person) if callable(value) else value
        for column, value in rows.blanked.items()
    }
    return {"blanked": found.update(**values)}


# --- Texts of other rows -------------------------------------------------------------------------


def _texts(erasure: _Erasure) -> None:
    """Notes, messages, answers of jobs: whatever names the person, in any table of the campus."""
    if not erasure.marks.pattern:
        return
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS)
        columns = [row for row in cursor.fetchall() if row[0] not in NOT_SEARCHED]
        for table, column, kind, longest in columns:
            replace = _replace_json if kind == "jsonb" else _replace_text
            changed = replace(cursor, erasure, table, column, longest)
            if changed:
                erasure.texts[f"{table}.{column}"] = changed


def _replace_text(cursor: Any, erasure: _Erasure, table: str, column: str, longest: int) -> int:
    statement = sql.SQL(
        "UPDATE {table} SET {column} = left(regexp_replace({column}, %s, %s, 'gi'), %s) "
        "WHERE {column} ~* %s"
    ).format(table=sql.Identifier(table), column=sql.Identifier(column))
    pattern = erasure.marks.pattern
    limit = longest if longest > 0 else 2**30
    cursor.execute(statement, [pattern, erasure.person.pseudonym, limit, pattern])
    return int(cursor.rowcount)


def _replace_json(cursor: Any, erasure: _Erasure, table: str, column: str, _longest: int) -> int:
    """In Python: a number inside JSON, or an escaped letter, is no word of a text."""
    names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
    select = sql.SQL("SELECT id, {column}::text FROM {table} WHERE {column}::text ~* %s")
    cursor.execute(select.format(**names), [erasure.marks.in_json])
    found = cursor.fetchall()
    pattern = re.compile(erasure.marks.pattern, re.IGNORECASE)
    update = sql.SQL("UPDATE {table} SET {column} = %s::jsonb WHERE id = %s").format(**names)
    changed = 0
    for pk, text in found:
        said = json.loads(text)
        less = replaced(said, pattern, erasure.person.pseudonym)
        if less != said:
            cursor.execute(update, [json.dumps(less), pk])
            changed += 1
    return changed


# --- Log, cache, proof ---------------------------------------------------------------------------


def _log(erasure: _Erasure) -> None:
    person, marks = erasure.person, erasure.marks
    who = Redacted(
        actor_id=person.actor_id if person.user_id else "",
        pattern=marks.pattern,
        in_json=marks.in_json,
        pseudonym=person.pseudonym,
    )
    done = {"campus": entries_redact(who=who, now=erasure.now)}
    if erasure.whole_account:
        with platform_scope():
            done["platform"] = entries_redact(who=who, now=erasure.now, log=PLATFORM_LOG)
    erasure.redacted = {log: redaction.changed for log, redaction in done.items()}
    erasure.unreadable = {log: redaction.unreadable for log, redaction in done.items()}


def _cached(erasure: _Erasure) -> None:
    if erasure.marks.pattern:
        erasure.cached = forget_values(re.compile(erasure.marks.pattern, re.IGNORECASE))


def _nothing_left(erasure: _Erasure) -> None:
    """Search every table of the campus again, own rows included; raises `StillThere`."""
    if not erasure.marks.pattern:
        return
    with connection.cursor() as cursor:
        cursor.execute(_TENANT_TABLES)
        for (table,) in cursor.fetchall():
            statement = sql.SQL("SELECT count(*) FROM {table} AS t WHERE t::text ~* %s")
            name = sql.Identifier(table)
            cursor.execute(statement.format(table=name), [erasure.marks.pattern])
            if cursor.fetchone()[0]:
                raise StillThere(table)


def _proof(erasure: _Erasure) -> dict[str, Any]:
    """What was done, in numbers: it can be shown to anybody."""
    account = "none"
    if erasure.person.user_id is not None:
        account = "erased" if erasure.whole_account else "kept: another campus knows it"
    because = {
        rows.name: rows.because
        for rows in person_rows()
        if rows.name in erasure.tables and not rows.deleted
    }
    return {
        "format": "campus-erasure",
        "version": 1,
        "pseudonym": erasure.person.pseudonym,
        "at": erasure.now.isoformat(),
        "tables": erasure.tables,
        "kept_because": because,
        "objects": erasure.objects,
        "texts": erasure.texts,
        "audit_entries_redacted": erasure.redacted,
        "audit_entries_unreadable": erasure.unreadable,
        "cached_values": erasure.cached,
        "account": account,
        "values_searched": len(erasure.marks.values),
        "values_shared_with_others": erasure.marks.shared,
    }
