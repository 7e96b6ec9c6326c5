"""What is exported: the tables with their columns, rows that changed, and keys that are gone.

docs/guides/register-exports.md is the same for readers; a test compares both.
"""

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any, Final

from django.db.models import F, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.models import Faculty, Student
from apps.attendance.models import AttendanceRecord
from apps.attendance.models.status import counts_as
from apps.common.crypto import SealBroken, unseal
from apps.common.errors import Refused
from apps.enrollments.models import Course, Enrollment, Placement, Term
from apps.register_exports.models import DeletedRow, RegisterExport, WarehouseSetting
from apps.sessions.models import ClassSession
from apps.tenants.scope import current_campus_id

EXPORT_SEAL: Final = "register-export"
BATCH: Final = 2_000
PSEUDONYM: Final = 32  # hexadecimal characters
# Kinds of columns.
INTEGER: Final = "integer"
TEXT: Final = "text"
DAY: Final = "day"
MOMENT: Final = "moment"
FLAG: Final = "flag"
PERSON: Final = "person"  # a UUID of ours, written as a pseudonym
NUMBER_OF: Final = "number"  # empty unless numbers are given
NAME_OF: Final = "name"  # empty unless names are given
Row = list[Any]


@dataclass(frozen=True)
class TableColumn:
    """`path`: where it is read from; "" for the same name."""

    name: str
    kind: str
    path: str = ""

    @property
    def read_from(self) -> str:
        return self.path or self.name


def changed_since(
    rows: QuerySet[Any], columns: Iterable[str], since: datetime | None
) -> QuerySet[Any]:
    """Rows of which one of these columns is not older; all of them for None."""
    if since is None:
        return rows
    return rows.filter(reduce(or_, (Q(**{f"{column}__gte": since}) for column in columns)))


@dataclass(frozen=True, kw_only=True)
class RegisterTable:
    """`changed`: the columns that say when a row, or what it repeats of others, changed last."""

    name: str
    model: Any
    columns: tuple[TableColumn, ...]
    rows: Callable[[], QuerySet[Any]]
    changed: tuple[str, ...] = ("updated_at",)

    @property
    def source(self) -> str:
        return str(self.model._meta.db_table)

    def chosen(self, since: datetime | None) -> QuerySet[Any]:
        return changed_since(self.rows().order_by("pk"), self.changed, since)


@dataclass(frozen=True, kw_only=True)
class Pseudonyms:
    """By which a warehouse knows people: the same in every export of the campus."""

    key: bytes
    people: str

    def of(self, uuid: object) -> str:
        found = hmac.digest(self.key, str(uuid).encode(), "sha256")
        return found.hex()[:PSEUDONYM]

    def cell(self, kind: str, value: Any) -> Any:
        if kind == PERSON:
            return None if value is None else self.of(value)
        if kind == NUMBER_OF:
            return value if self.people != WarehouseSetting.People.PSEUDONYMS else None
        if kind == NAME_OF:
            return value if self.people == WarehouseSetting.People.NAMES else None
        return value


_UPDATED: Final = TableColumn("updated_at", MOMENT)
_PEOPLE: Final = (
    TableColumn("id", PERSON, "uuid"),
    TableColumn("number", NUMBER_OF, "code"),
    TableColumn("first_name", NAME_OF),
    TableColumn("last_name", NAME_OF),
    TableColumn("is_active", FLAG),
)


def _students() -> QuerySet[Any]:
    placed = Placement.objects.filter(student=OuterRef("pk")).order_by("-updated_at")
    return Student.objects.annotate(
        in_section=placed.filter(is_current=True).values("section_id")[:1],
        placed_at=placed.values("updated_at")[:1],
    )


def _marks() -> QuerySet[Any]:
    return AttendanceRecord.objects.annotate(counted=counts_as())


REGISTER_TABLES: Final = (
    RegisterTable(
        name="terms",
        model=Term,
        rows=Term.objects.all,
        columns=(
            TableColumn("id", INTEGER),
            TableColumn("name", TEXT),
            TableColumn("academic_year", TEXT),
            TableColumn("starts_on", DAY),
            TableColumn("ends_on", DAY),
            TableColumn("archived_at", MOMENT),
            _UPDATED,
        ),
    ),
    RegisterTable(
        name="courses",
        model=Course,
        rows=Course.objects.all,
        changed=("updated_at", "subject__updated_at"),
        columns=(
            TableColumn("id", INTEGER),
            TableColumn("code", TEXT),
            TableColumn("term_id", INTEGER),
            TableColumn("subject_code", TEXT, "subject__code"),
            TableColumn("subject_name", TEXT, "subject__name"),
            TableColumn("section_id", INTEGER),
            TableColumn("lecturer_id", PERSON, "faculty__uuid"),
            TableColumn("is_active", FLAG),
            _UPDATED,
        ),
    ),
    RegisterTable(
        name="students",
        model=Student,
        rows=_students,
        changed=("updated_at", "placed_at"),
        columns=(
            *_PEOPLE,
            TableColumn("year_of_study", INTEGER),
            TableColumn("program", TEXT),
            TableColumn("section_id", INTEGER, "in_section"),
            _UPDATED,
        ),
    ),
    RegisterTable(
        name="lecturers",
        model=Faculty,
        rows=Faculty.objects.all,
        columns=(*_PEOPLE, TableColumn("department", TEXT), _UPDATED),
    ),
    RegisterTable(
        name="enrolments",
        model=Enrollment,
        rows=Enrollment.objects.all,
        columns=(
            TableColumn("id", INTEGER),
            TableColumn("student_id", PERSON, "student__uuid"),
            TableColumn("course_id", INTEGER),
            TableColumn("enrolled_on", DAY),
            TableColumn("ended_on", DAY),
            TableColumn("status", TEXT),
            _UPDATED,
        ),
    ),
    RegisterTable(
        name="sessions",
        model=ClassSession,
        rows=ClassSession.objects.all,
        columns=(
            TableColumn("id", INTEGER),
            TableColumn("course_id", INTEGER),
            TableColumn("lecturer_id", PERSON, "faculty__uuid"),
            TableColumn("day", DAY, "held_on"),
            TableColumn("starts_at", MOMENT),
            TableColumn("ends_at", MOMENT),
            TableColumn("status", TEXT),
            _UPDATED,
        ),
    ),
    RegisterTable(
        name="attendance",
        model=AttendanceRecord,
        rows=_marks,
        changed=("updated_at", "label__updated_at"),
        columns=(
            TableColumn("id", INTEGER),
            TableColumn("session_id", INTEGER),
            TableColumn("course_id", INTEGER),
            TableColumn("student_id", PERSON, "student__uuid"),
            TableColumn("status", TEXT),
            TableColumn("label", TEXT, "label__code"),
            TableColumn("counts_as", TEXT, "counted"),
            TableColumn("minutes_late", INTEGER),
            TableColumn("source", TEXT),
            TableColumn("recorded_at", MOMENT),
            _UPDATED,
        ),
    ),
)
DELETED_COLUMNS: Final = (
    TableColumn("table", TEXT),
    TableColumn("id", TEXT),
    TableColumn("deleted_at", MOMENT),
)


def campus_setting() -> WarehouseSetting | None:
    return WarehouseSetting.objects.first()


def pseudonyms_of(setting: WarehouseSetting, people: str) -> Pseudonyms:
    """Raises `Refused` (key_unreadable)."""
    try:
        key = unseal(EXPORT_SEAL, current_campus_id(), bytes(setting.sealed_key))
    except SealBroken as error:
        message = _("The key of the pseudonyms cannot be read. Look at the master key.")
        raise Refused("key_unreadable", message) from error
    return Pseudonyms(key=key, people=people)


def last_written() -> RegisterExport | None:
    """Up to which moment what there is was exported."""
    written = RegisterExport.objects.filter(status=RegisterExport.Status.WRITTEN)
    return written.order_by("-until", "-id").first()


def failed_last() -> RegisterExport | None:
    """The newest export that is over, where it failed."""
    over = RegisterExport.objects.exclude(status=RegisterExport.Status.RUNNING)
    newest = over.order_by("-until", "-id").first()
    is_failed = newest is not None and newest.status == RegisterExport.Status.FAILED
    return newest if is_failed else None


def table_rows(table: RegisterTable, *, since: datetime | None, known: Pseudonyms) -> Iterator[Row]:
    """In the order of keys, a batch of them in memory."""
    kinds = [column.kind for column in table.columns]
    paths = [column.read_from for column in table.columns]
    for values in table.chosen(since).values_list(*paths).iterator(chunk_size=BATCH):
        yield [known.cell(kind, value) for kind, value in zip(kinds, values, strict=True)]


def deleted_rows(*, since: datetime | None, known: Pseudonyms) -> Iterator[Row]:
    """Keys that are gone; of a whole export none: what is gone is not in it."""
    if since is None:
        return
    named = {table.source: table for table in REGISTER_TABLES}
    rows = DeletedRow.objects.filter(deleted_at__gte=since, source__in=named).order_by("pk")
    for row in rows.iterator(chunk_size=BATCH):
        table = named[row.source]
        key = known.of(row.key) if table.columns[0].kind == PERSON else row.key
        yield [table.name, key, row.deleted_at]


def event_rows(*, since: datetime | None) -> Iterator[Mapping[str, Any]]:
    """Marks with what an Ed-Fi event says of them."""
    of = ("session", "course", "course__subject", "course__term", "label")
    changed = ("updated_at", *(f"{name}__updated_at" for name in of))
    marks = changed_since(AttendanceRecord.objects.order_by("pk"), changed, since)
    found: Any = marks.values(
        "pk",
        "status",
        person=F("student__uuid"),
        day=F("session__held_on"),
        section=F("course__code"),
        course_code=F("course__subject__code"),
        term=F("course__term__name"),
        year=F("course__term__academic_year"),
        label_name=F("label__code"),
    )
    yield from found.iterator(chunk_size=BATCH)


def deleted_marks(*, since: datetime | None) -> Iterator[str]:
    """Keys of marks that are gone and were not made anew."""
    if since is None:
        return
    source = AttendanceRecord._meta.db_table
    rows = DeletedRow.objects.filter(deleted_at__gte=since, source=source).order_by("pk")
    yield from rows.values_list("key", flat=True).iterator(chunk_size=BATCH)
