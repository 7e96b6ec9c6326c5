"""Our roster in the words of OneRoster 1.2: the one place that says which column is which field.

The archive of a term writes these rows as CSV (`apps/reports/archives.py`), the provider answers
them by REST (`apps/oneroster/catalogue`). A field that refers to another object holds the
`sourcedId` of that object and is named after it: `course`, `school`, `user`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import (
    Case,
    DateField,
    Expression,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Concat, Greatest, Substr

from apps.accounts.models import Faculty, Student
from apps.enrollments.models import Course, Department, Enrollment, SourcedId, Subject, Term
from apps.tenants.models import Campus
from apps.tenants.scope import current_campus_id

ACTIVE: Final = "active"
GONE: Final = "tobedeleted"
PREFIX: Final = "o_"  # names of fields are also names of columns
BATCH: Final = 2_000
TERM_CHARACTERS: Final = 4  # of a year
UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# Ids of our own; none that another system gives us may look like one.
OWN: Final = r"(campus|department|term|course|class|enrolment|teaches)-[0-9]+"
Fields = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RosterPart:
    """Objects of one collection that come from one table.

    `own`: what ids of ours begin with ("" for people, who have a UUID);
    `owner`: by which column `SourcedId` knows them. `gone`: which of them have ended.
    """

    rows: QuerySet[Any]
    fields: Fields
    own: str = ""
    owner: str = ""
    gone: Q | Any = None
    changed: Any

    def column(self, name: str) -> Any:
        """The expression of a field."""
        if name == "status":
            return self.status()
        return self.changed if name == "dateLastModified" else self.fields[name]

    def annotated(self, names: Iterable[str], rows: QuerySet[Any] | None = None) -> QuerySet[Any]:
        """The rows with these fields as columns, each with `PREFIX` before its name."""
        columns = {f"{PREFIX}{name}": self.column(name) for name in names}
        return (self.rows if rows is None else rows).annotate(**columns)

    def read(
        self, names: Iterable[str], rows: QuerySet[Any] | None = None
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Key and fields of each row, as they come from the database."""
        names = list(names)
        columns = [f"{PREFIX}{name}" for name in names]
        found = self.annotated(names, rows).values_list("pk", *columns)
        for pk, *values in found.iterator(chunk_size=BATCH):
            yield pk, dict(zip(names, values, strict=True))

    def status(self) -> Expression:
        if self.gone is None:
            return text(ACTIVE)
        return Case(When(self.gone, then=text(GONE)), default=text(ACTIVE))

    def may_be(self, sourced_id: str) -> Q:
        """Rows that may have this id: one or two, found by index; any where all have one id."""
        if not self.own and not self.owner:
            return Q()
        found = Q(pk__in=[])
        if own := re.fullmatch(rf"{self.own}-([0-9]{{1,18}})", sourced_id):
            found |= Q(pk=int(own[1]))
        if not self.own and UUID.fullmatch(sourced_id):
            found |= Q(uuid=sourced_id)
        if self.owner:
            given = SourcedId.objects.filter(sourced_id=sourced_id).order_by()
            named = given.exclude(**{f"{self.owner}_id": None}).values(f"{self.owner}_id")
            found |= Q(pk__in=named)
        return found


def text(value: str) -> Expression:
    return Cast(Value(value), TextField())


def nothing(field: Any) -> Expression:
    return Cast(Value(None), field)


def _words(name: str) -> Expression:
    """A column as a text, so that parts of one collection are of one type."""
    return Cast(F(name), TextField())


def own_id(kind: str, column: str = "pk") -> Expression:
    return Concat(text(f"{kind}-"), Cast(F(column), TextField()), output_field=TextField())


def given_or(own: Expression, owner: str, column: str = "pk") -> Expression:
    """The id that a service gave this person or thing, else ours."""
    given = SourcedId.objects.filter(**{f"{owner}_id": OuterRef(column)}).order_by()
    return Coalesce(Cast(Subquery(given.values("sourced_id")[:1]), TextField()), own)


def term_id(column: str = "pk") -> Expression:
    return given_or(own_id("term", column), "term", column)


def subject_id(column: str = "pk") -> Expression:
    return given_or(own_id("course", column), "subject", column)


def course_id(column: str = "pk") -> Expression:
    return given_or(own_id("class", column), "course", column)


def student_id(column: str = "pk", uuid: str = "uuid") -> Expression:
    return given_or(Cast(F(uuid), TextField()), "student", column)


def faculty_id(column: str = "pk", uuid: str = "uuid") -> Expression:
    return given_or(Cast(F(uuid), TextField()), "faculty", column)


def school_id() -> str:
    return f"campus-{current_campus_id()}"


def school() -> RosterPart:
    return RosterPart(
        rows=Campus.objects.filter(pk=current_campus_id()),
        fields={
            "sourcedId": own_id("campus"),
            "name": _words("name"),
            "type": text("school"),
            "identifier": _words("slug"),
            "parent": nothing(TextField()),
        },
        own="campus",
        changed=F("updated_at"),
    )


def departments() -> RosterPart:
    return RosterPart(
        rows=Department.objects.all(),
        fields={
            "sourcedId": own_id("department"),
            "name": _words("name"),
            "type": text("department"),
            "identifier": _words("code"),
            "parent": text(school_id()),
        },
        own="department",
        changed=F("updated_at"),
    )


def terms() -> RosterPart:
    return RosterPart(
        rows=Term.objects.all(),
        fields={
            "sourcedId": term_id(),
            "title": _words("name"),
            "type": text("term"),
            "startDate": F("starts_on"),
            "endDate": F("ends_on"),
            "schoolYear": Cast(
                Substr("academic_year", len("2026-2"), TERM_CHARACTERS), TextField()
            ),
        },
        own="term",
        owner="term",
        changed=F("updated_at"),
    )


def subjects() -> RosterPart:
    return RosterPart(
        rows=Subject.objects.all(),
        fields={
            "sourcedId": subject_id(),
            "title": _words("name"),
            "courseCode": _words("code"),
            "org": text(school_id()),
        },
        own="course",
        owner="subject",
        gone=Q(is_active=False),
        changed=F("updated_at"),
    )


def courses() -> RosterPart:
    return RosterPart(
        rows=Course.objects.all(),
        fields={
            "sourcedId": course_id(),
            "title": _words("subject__name"),
            "classCode": _words("code"),
            "classType": text("scheduled"),
            "course": subject_id("subject_id"),
            "school": text(school_id()),
            "terms": term_id("term_id"),
        },
        own="class",
        owner="course",
        gone=Q(is_active=False),
        changed=Greatest("updated_at", "subject__updated_at"),
    )


def students() -> RosterPart:
    return _people(Student.objects.all(), student_id(), "student", role="student")


def faculty() -> RosterPart:
    return _people(Faculty.objects.all(), faculty_id(), "faculty", role="teacher")


def _people(rows: QuerySet[Any], sourced_id: Expression, owner: str, *, role: str) -> RosterPart:
    return RosterPart(
        rows=rows,
        fields={
            "sourcedId": sourced_id,
            "username": _words("code"),
            "givenName": _words("first_name"),
            "familyName": _words("last_name"),
            "identifier": _words("code"),
            "email": _words("email"),
            "enabledUser": Case(When(is_active=True, then=text("true")), default=text("false")),
            "role": text(role),
        },
        owner=owner,
        gone=Q(is_active=False),
        changed=F("updated_at"),
    )


def teaching() -> RosterPart:
    """Who teaches a course, as an enrolment of it."""
    return RosterPart(
        rows=Course.objects.all(),
        fields={
            "sourcedId": own_id("teaches"),
            "class": course_id(),
            "user": faculty_id("faculty_id", "faculty__uuid"),
            "school": text(school_id()),
            "role": text("teacher"),
            "primary": text("true"),
            "beginDate": nothing(DateField()),
            "endDate": nothing(DateField()),
        },
        own="teaches",
        gone=Q(is_active=False) | Q(faculty__is_active=False),
        changed=Greatest("updated_at", "faculty__updated_at"),
    )


def enrolments() -> RosterPart:
    """Students' places. An enrolment is gone with its student and with its course."""
    return RosterPart(
        rows=Enrollment.objects.all(),
        fields={
            "sourcedId": own_id("enrolment"),
            "class": course_id("course_id"),
            "user": student_id("student_id", "student__uuid"),
            "school": text(school_id()),
            "role": text("student"),
            "primary": text("false"),
            "beginDate": F("enrolled_on"),
            "endDate": F("ended_on"),
        },
        own="enrolment",
        gone=Q(status=Enrollment.Status.DROPPED)
        | Q(student__is_active=False)
        | Q(course__is_active=False),
        changed=Greatest("updated_at", "student__updated_at", "course__updated_at"),
    )
