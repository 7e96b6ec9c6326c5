"""Subjects and courses in bulk, from staged sheets (see `apps.tenants.bulk`).

The stage carries the resolved `id` (null: new) and `is_new` beside the columns named here.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from apps.audit.services import Actor, record
from apps.enrollments.models import Course, Subject, Term
from apps.tenants.bulk import Stage, UpsertCounts
from apps.tenants.scope import current_campus_id

_MATCH_COURSES: Final = """
    UPDATE {stage} s SET id = t.id
    FROM enrollments_course t
    WHERE t.campus_id = %(campus)s AND t.term_id = %(term)s AND (
        lower(t.code) = lower(s.code)
        OR (t.subject_id, t.faculty_id, t.section_id) = (s.subject_id, s.faculty_id, s.section_id)
    )
"""


def subjects_import(
    stage: Stage, *, present: Collection[str], source: str, now: datetime, actor: Actor
) -> UpsertCounts:
    """Stage: code, name, mnemonic, kind, credits. Known subjects are found by code and become
    active again; empty cells leave what is there."""
    stage.execute(
        "UPDATE {stage} s SET id = t.id FROM enrollments_subject t "
        "WHERE t.campus_id = %s AND lower(t.code) = lower(s.code)",
        [current_campus_id()],
    )
    update = {name: f"coalesce(s.{name}, t.{name})" for name in present if name != "code"}
    counts = stage.upsert(
        Subject,
        insert={
            "code": "s.code",
            "name": "s.name",
            "mnemonic": "coalesce(s.mnemonic, '')",
            "kind": "coalesce(s.kind, 'theory')",
            "credits": "coalesce(s.credits, 3)",
            "is_active": "true",
        },
        update={**update, "is_active": "true"},
        now=now,
    )
    _log("enrollments.subject.imported", counts, source, now=now, actor=actor)
    return counts


def courses_import(
    stage: Stage, *, term: Term, source: str, now: datetime, actor: Actor
) -> UpsertCounts:
    """Stage: code, subject_id, faculty_id, section_id, classroom_id, places.

    A course is known by its code, or by who teaches what to which section in the term.
    """
    stage.execute(_MATCH_COURSES, {"campus": current_campus_id(), "term": term.pk})
    counts = stage.upsert(
        Course,
        insert={
            "code": "s.code",
            "term_id": str(int(term.pk)),
            "subject_id": "s.subject_id",
            "faculty_id": "s.faculty_id",
            "section_id": "s.section_id",
            "classroom_id": "s.classroom_id",
            "max_students": "coalesce(s.places, 60)",
            "is_active": "true",
        },
        update={
            "subject_id": "s.subject_id",
            "faculty_id": "s.faculty_id",
            "section_id": "coalesce(s.section_id, t.section_id)",
            "classroom_id": "coalesce(s.classroom_id, t.classroom_id)",
            "max_students": "coalesce(s.places, t.max_students)",
            "is_active": "true",
        },
        now=now,
    )
    _log("enrollments.course.imported", counts, source, now=now, actor=actor)
    return counts


def _log(action: str, counts: UpsertCounts, source: str, *, now: datetime, actor: Actor) -> None:
    data = {"new": counts.new, "changed": counts.changed, "source": source}
    record(actor=actor, action=action, now=now, data=data)
