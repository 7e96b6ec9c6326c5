"""Keeping by which ids a service knows people and things here, so that ours are given by the same.

People are known by the rows of the reading, things by their codes, as the import finds them. What
has an id keeps it, whatever the service says later.
"""

from typing import Any

from django.db.models import Exists, OuterRef
from django.db.models.functions import Lower

from apps.enrollments.models import Course, SourcedId, Subject, Term
from apps.enrollments.services import sourced_ids_keep
from apps.oneroster.models import OneRosterConnection, OneRosterRow

Collection = OneRosterRow.Collection
TITLE = 20  # characters of a term's name, as the import cuts it


def ids_keep(connection: OneRosterConnection) -> None:
    """Of everything that the service said and that is here."""
    terms = _terms(connection)
    given = {owner: _people(connection, owner) for owner in ("student", "faculty")}
    given["term"] = {pk: sourced_id for sourced_id, pk in terms.items()}
    given["subject"] = _subjects(connection)
    given["course"] = _courses(connection, terms)
    sourced_ids_keep(given=given)


def _rows(connection: OneRosterConnection, collection: str) -> Any:
    rows = OneRosterRow.objects.filter(connection=connection, collection=collection)
    return rows.order_by("sourced_id")


def _people(connection: OneRosterConnection, owner: str) -> dict[int, str]:
    """Whom one id names alone; somebody who studies and teaches has two entries here, and two ids
    of ours."""
    other = "faculty" if owner == "student" else "student"
    column = f"{owner}_id"
    known = SourcedId.objects.filter(**{column: OuterRef(column)})
    rows = _rows(connection, Collection.USERS).filter(**{f"{other}_id": None})
    rows = rows.exclude(**{column: None}).exclude(Exists(known))
    return dict(rows.values_list(column, "sourced_id"))


def _terms(connection: OneRosterConnection) -> dict[str, int]:
    """sourcedId → term, by name and first day."""
    here = {(name, str(first)): pk for pk, name, first in _named_terms()}
    found = {}
    rows = _rows(connection, Collection.SESSIONS)
    for sourced_id, values in rows.values_list("sourced_id", "values"):
        key = (values["title"][:TITLE].strip(), values["startDate"])
        if key in here:
            found[sourced_id] = here[key]
    return found


def _named_terms() -> Any:
    return Term.objects.order_by().values_list("pk", "name", "starts_on")


def _subjects(connection: OneRosterConnection) -> dict[int, str]:
    subjects = Subject.objects.order_by().annotate(key=Lower("code"))
    here = dict(subjects.values_list("key", "pk"))
    rows = _rows(connection, Collection.COURSES).values_list("sourced_id", "values")
    named = {sourced_id: values["courseCode"] or sourced_id for sourced_id, values in rows}
    return {
        here[code.lower()]: sourced_id for sourced_id, code in named.items() if code.lower() in here
    }


def _courses(connection: OneRosterConnection, terms: dict[str, int]) -> dict[int, str]:
    courses = Course.objects.filter(term_id__in=terms.values()).annotate(key=Lower("code"))
    here = {(term, key): pk for pk, term, key in courses.values_list("pk", "term_id", "key")}
    found = {}
    rows = _rows(connection, Collection.CLASSES)
    for sourced_id, values in rows.values_list("sourced_id", "values"):
        code = (values["classCode"] or sourced_id).replace(" ", "-").lower()
        term = next((terms[one] for one in values["termSourcedIds"].split(",") if one in terms), 0)
        if (term, code) in here:
            found[here[term, code]] = sourced_id
    return found
