"""What is known of a person, and what goes. Apps add theirs in `ready()`; privacy knows none.

Three registries: who erases what when a consent is withdrawn; what a consent covers besides, where
a campus makes use of it (`Addendum`); and for every table of the database which of its rows are a
person's (`PersonRows`), or why none are (`add_impersonal`).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

from django.db.models import Model, Q

from apps.accounts.models import Student
from apps.audit.services import Actor


class Eraser(Protocol):
    """Removes everything that the consent allowed, inside the caller's transaction.

    Returns how many things it removed. Files go after the commit (enqueue a task).
    """

    __name__: str

    def __call__(self, *, student: Student, now: datetime, actor: Actor) -> int: ...


_erasers: dict[str, list[Eraser]] = {}


def add_eraser(kind: str, eraser: Eraser) -> None:
    """Run `eraser` when a consent of this kind is withdrawn. Adding twice counts once."""
    known = _erasers.setdefault(kind, [])
    if eraser not in known:
        known.append(eraser)


def remove_eraser(kind: str, eraser: Eraser) -> None:
    _erasers.get(kind, []).remove(eraser)


def erasers_of(kind: str) -> tuple[Eraser, ...]:
    return tuple(_erasers.get(kind, ()))


@dataclass(frozen=True, kw_only=True)
class Addendum:
    """More that a consent covers where the entered campus makes use of it: its text follows the
    wording then. `mark` (letters and its own version, as `t1`) stands in the wording's version."""

    mark: str
    text: Callable[[], str]
    is_in_use: Callable[[], bool]


_addenda: dict[str, dict[str, Addendum]] = {}


def add_addendum(kind: str, addendum: Addendum) -> None:
    """One of each mark; they are shown in the order of their marks."""
    _addenda.setdefault(kind, {})[addendum.mark] = addendum


def addenda_of(kind: str) -> tuple[Addendum, ...]:
    found = _addenda.get(kind, {})
    return tuple(found[mark] for mark in sorted(found))


# --- Tables --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class KnownPerson:
    """Somebody as the entered campus knows them, by the numbers of their rows."""

    user_id: int | None
    student_id: int | None
    faculty_id: int | None
    emails: frozenset[str]
    pseudonym: str  # what stands in the place of their names afterwards

    @property
    def actor_id(self) -> str:
        """How the audit log and the history of marks name them."""
        return f"user:{self.user_id}"


Blank = Callable[[KnownPerson], Any]


@dataclass(frozen=True, kw_only=True)
class PersonRows:
    """Which rows of one table are a person's, and what becomes of them.

    Exported: all columns but binary ones and the `withheld`. Erased: the rows (`deleted`), or the
    `blanked` columns, each with the value (or a function of the person) that takes its place. What
    stays of a row stays `because`. `of_account`: of the installation and not of one campus; given
    to the person alone, and erased only where no other campus knows the account.
    """

    model: type[Model]
    rows: Callable[[KnownPerson], Q]
    withheld: tuple[str, ...] = ()
    exported: bool = True
    deleted: bool = False
    blanked: Mapping[str, Any] = field(default_factory=dict)
    because: str = ""
    of_account: bool = False
    part: str = ""  # tells several registrations of one table apart

    @property
    def name(self) -> str:
        table = self.model._meta.db_table
        return f"{table}.{self.part}" if self.part else table


NOBODY: Final = Q(pk__in=())


def of_student(column: str = "student_id") -> Callable[[KnownPerson], Q]:
    return lambda person: Q(**{column: person.student_id}) if person.student_id else NOBODY


def of_faculty(column: str = "faculty_id") -> Callable[[KnownPerson], Q]:
    return lambda person: Q(**{column: person.faculty_id}) if person.faculty_id else NOBODY


def of_user(column: str = "user_id") -> Callable[[KnownPerson], Q]:
    return lambda person: Q(**{column: person.user_id}) if person.user_id else NOBODY


def of_actor(column: str = "actor_id") -> Callable[[KnownPerson], Q]:
    """Rows that name who acted as the audit log does."""
    return lambda person: Q(**{column: person.actor_id}) if person.user_id else NOBODY


def pseudonym(person: KnownPerson) -> str:
    """For `blanked`."""
    return person.pseudonym


class PersonEraser(Protocol):
    """Removes what is in no table: stored objects, files, sessions, cached values.

    Called before the rows are erased, in the same transaction. Returns counts by name.
    """

    def __call__(self, *, person: KnownPerson, now: datetime, actor: Actor) -> dict[str, int]: ...


PersonFile = tuple[str, Callable[[], bytes]]
"""Its name in the ZIP, and what reads it: one that is damaged keeps no other away."""


class PersonFiles(Protocol):
    """Yields the person's files."""

    def __call__(self, *, person: KnownPerson) -> Iterator[PersonFile]: ...


_rows: dict[str, PersonRows] = {}
_impersonal: dict[str, str] = {}
_person_erasers: list[PersonEraser] = []
_person_files: list[PersonFiles] = []


def add_person_rows(*registered: PersonRows) -> None:
    """Rows that others refer to first: they are erased in the opposite order."""
    for rows in registered:
        _rows[rows.name] = rows


def add_impersonal(because: str, *tables: type[Model] | str) -> None:
    """Tables none of whose rows are a person's, and why."""
    for table in tables:
        name = table if isinstance(table, str) else table._meta.db_table
        _impersonal[name] = because


def add_person_eraser(eraser: PersonEraser) -> None:
    if eraser not in _person_erasers:
        _person_erasers.append(eraser)


def add_person_files(files: PersonFiles) -> None:
    if files not in _person_files:
        _person_files.append(files)


def person_rows() -> tuple[PersonRows, ...]:
    """In the order in which rows are exported; erased the other way round."""
    return tuple(_rows.values())


def impersonal_tables() -> Mapping[str, str]:
    return dict(_impersonal)


def person_erasers() -> tuple[PersonEraser, ...]:
    return tuple(_person_erasers)


def person_files() -> tuple[PersonFiles, ...]:
    return tuple(_person_files)
