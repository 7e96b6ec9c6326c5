"""What the service says against what it said before: only the difference is imported.

So a decision that a person makes here stays until the service itself says something else about it.
"""

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from apps.accounts.models import Faculty, Student
from apps.enrollments.models import Course, Subject, Term
from apps.import_types.oneroster import GONE, KNOWN
from apps.oneroster.models import OneRosterRow
from apps.oneroster.selectors import Known
from apps.oneroster.services.reading import BY_CHANGE, ORGS, Answers, Cells, Collection
from apps.tabular_files.tables import RowProblem, SheetTable

NAMES: Final = ("givenName", "familyName")
MODELS: Final = {"student": Student, "teacher": Faculty}
# What things are known by here, and their tables.
CODES: Final[dict[str, str]] = {
    Collection.SESSIONS: "title",
    Collection.COURSES: "courseCode",
    Collection.CLASSES: "classCode",
}
THINGS: Final[dict[str, tuple[Any, str]]] = {
    Collection.SESSIONS: (Term, "name"),
    Collection.COURSES: (Subject, "code"),
    Collection.CLASSES: (Course, "code"),
}
HEADINGS: Final[dict[str, tuple[str, ...]]] = {
    ORGS: ("sourcedId", "status", "name", "type", "identifier"),
    Collection.SESSIONS: (
        *("sourcedId", "status", "title", "type", "startDate", "endDate", "schoolYear"),
    ),
    Collection.COURSES: ("sourcedId", "status", "title", "courseCode"),
    Collection.CLASSES: (
        *("sourcedId", "status", "classCode", "courseSourcedId", "termSourcedIds"),
    ),
    Collection.USERS: ("sourcedId", "status", "identifier", *NAMES, "email"),
    "roles": ("userSourcedId", "role"),
    Collection.ENROLLMENTS: (
        *("sourcedId", "status", "classSourcedId", "userSourcedId", "role", "primary"),
    ),
}


@dataclass
class Difference:
    """The tables for the import; what is to be known of each new row, by file and row; ids that
    are gone; problems of rows that are kept out; numbers of people who are closed here and not
    there. `shares`: how many are known of people and of enrolments, and how many of them leave."""

    tables: dict[str, list[list[str]]]
    said: dict[tuple[str, int], tuple[str, Cells]] = field(default_factory=dict)
    gone: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    problems: list[RowProblem] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    shares: list[tuple[int, int]] = field(default_factory=list)

    @property
    def leaving(self) -> int:
        return sum(leaving for _known, leaving in self.shares)

    def exceeds(self, percent: int) -> bool:
        return any(100 * leaving > percent * known for known, leaving in self.shares)

    def sheets(self) -> list[SheetTable]:
        return [SheetTable(name, rows) for name, rows in self.tables.items() if len(rows) > 1]

    def add(self, name: str, cells: Cells) -> int:
        """Returns the number of the row, as problems name it."""
        self.tables[name].append([cells.get(heading, "") for heading in HEADINGS[name]])
        return len(self.tables[name])


def compare(answers: Answers, known: Known) -> Difference:
    found = Difference({name: [list(headings)] for name, headings in HEADINGS.items()})
    gone = {name: _gone(answers, known, name) for name in known}
    moved = _moved(answers, known)
    for sourced_id, cells in answers.here[ORGS].items():
        found.add(ORGS, {**cells, "sourcedId": sourced_id})
    for name in Collection.values:
        before = {key: row for key, row in known[name].items() if key not in gone[name]}
        said = answers.here[name]
        if name == Collection.CLASSES:
            teachers = _teachers(answers, known, gone)
            said = {key: {**cells, "teacher": teachers[key]} for key, cells in said.items()}
        if name == Collection.USERS:
            _add_users(found, said, before)
        else:
            again = moved if name == Collection.ENROLLMENTS else set()
            _add(found, name, said, before, again)
        for sourced_id in gone[name]:
            _add_gone(found, name, sourced_id, known[name][sourced_id])
    people, enrolments = known[Collection.USERS], _students(known[Collection.ENROLLMENTS])
    leaving = gone[Collection.ENROLLMENTS] & enrolments
    found.shares = [
        (len(people), len(gone[Collection.USERS])),
        (len(enrolments), len(leaving)),
    ]
    return found


def _students(rows: dict[str, Cells]) -> set[str]:
    return {key for key, cells in rows.items() if cells.get("role") == "student"}


def _gone(answers: Answers, known: Known, name: str) -> set[str]:
    """Of what we took: what the service deleted, and what a whole reading no longer has."""
    is_whole = answers.is_full or name not in BY_CHANGE
    if is_whole:
        return set(known[name]) - set(answers.here[name])
    return set(known[name]) & answers.gone[name]


def _teachers(answers: Answers, known: Known, gone: dict[str, set[str]]) -> dict[str, str]:
    """Class id → who teaches it now, as one text: a change of it changes the class."""
    name = Collection.ENROLLMENTS
    now = {key: row for key, row in known[name].items() if key not in gone[name]}
    found: dict[str, list[str]] = defaultdict(list)
    for cells in (now | answers.here[name]).values():
        if cells["role"] == "teacher":
            found[cells["classSourcedId"]].append(cells["userSourcedId"] + cells["primary"])
    return defaultdict(str, {key: " ".join(sorted(who)) for key, who in found.items()})


def _moved(answers: Answers, known: Known) -> set[str]:
    """Classes that are in another term now, for whose course there everybody is enrolled anew."""
    name, terms = Collection.CLASSES, "termSourcedIds"
    before, said = known[name], answers.here[name]
    return {key for key in before.keys() & said.keys() if before[key][terms] != said[key][terms]}


def _add(
    found: Difference,
    name: str,
    said: dict[str, Cells],
    before: dict[str, Cells],
    again: set[str],
) -> None:
    renamed = _renamed(name, said, before)
    for sourced_id, cells in {**before, **said}.items():
        earlier = before.get(sourced_id)
        is_known = earlier == cells and cells.get("classSourcedId") not in again
        shown = cells
        if earlier is not None and sourced_id in renamed:
            is_known, shown = True, earlier
        status = KNOWN if is_known else "active"
        row = found.add(name, {**shown, "sourcedId": sourced_id, "status": status})
        if not is_known:
            found.said[name, row] = sourced_id, cells
        elif shown is not cells:
            column = CODES[name]
            reason = _("Its code was “%(old)s”. Change that here first.") % {"old": shown[column]}
            found.problems.append(RowProblem(name, row, column, cells[column], reason))


def _renamed(name: str, said: dict[str, Cells], before: dict[str, Cells]) -> set[str]:
    """What has another code there and not here: the sourcedId says that it is the same thing."""
    if name not in CODES:
        return set()
    column = CODES[name]
    changed = {
        key: _code_here(name, cells[column])
        for key, cells in said.items()
        if key in before and before[key][column] != cells[column]
    }
    model, field_name = THINGS[name]
    rows: Any = model._default_manager.annotate(key=Lower(field_name))
    taken = set(rows.filter(key__in=changed.values()).values_list("key", flat=True))
    return {key for key, code in changed.items() if code not in taken}


def _code_here(name: str, code: str) -> str:
    """As the import writes it."""
    if name == Collection.CLASSES:
        code = code.replace(" ", "-")
    return (code[:20].strip() if name == Collection.SESSIONS else code).lower()


def _add_gone(found: Difference, name: str, sourced_id: str, cells: Cells) -> None:
    row = found.add(name, {**cells, "sourcedId": sourced_id, "status": GONE})
    found.gone[name][sourced_id] = row
    if name == Collection.USERS:
        _add_roles(found, sourced_id, cells)


def _add_roles(found: Difference, sourced_id: str, cells: Cells) -> None:
    for role in filter(None, cells["roles"].split(",")):
        found.add("roles", {"userSourcedId": sourced_id, "role": role})


# --- People --------------------------------------------------------------------------------------


def _add_users(found: Difference, said: dict[str, Cells], before: dict[str, Cells]) -> None:
    name = Collection.USERS
    renumbered, closed = _renumbered(said, before), _closed(before)
    for sourced_id, cells in {**before, **said}.items():
        earlier = before.get(sourced_id)
        kept = _kept_of(sourced_id, cells) if sourced_id in said else earlier
        is_closed = earlier != kept and sourced_id in closed
        is_known = earlier == kept or is_closed or sourced_id in renumbered
        if is_known:
            assert earlier is not None
            shown = {"identifier": earlier["identifier"], "status": KNOWN}
        else:
            assert kept is not None
            shown = {**_changed_of(cells, kept, earlier), "status": "active"}
        row = found.add(name, {**shown, "sourcedId": sourced_id})
        if sourced_id in closed:
            found.closed.append(shown["identifier"])
        if sourced_id in renumbered:
            reason = _("Its number was “%(old)s”. Change the number of this person here first.")
            problem = RowProblem(
                name,
                row,
                "identifier",
                cells["identifier"],
                reason % {"old": shown["identifier"]},
            )
            found.problems.append(problem)
        elif not is_known and kept is not None:
            found.said[name, row] = sourced_id, kept
            _add_roles(found, sourced_id, kept)


def _kept_of(sourced_id: str, cells: Cells) -> Cells:
    """What is written down of a person: the number, the roles, and digests of the rest."""
    return {
        "identifier": cells["identifier"],
        "roles": cells["roles"],
        "name": _digest(sourced_id, *(cells[name] for name in NAMES)),
        "email": _digest(sourced_id, cells["email"]),
    }


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def _changed_of(cells: Cells, kept: Cells, earlier: Cells | None) -> Cells:
    """What the service changed, so that the rest stays as it is here."""
    if earlier is None or earlier["roles"] != kept["roles"]:
        return cells
    shown = {"identifier": cells["identifier"]}
    if earlier["name"] != kept["name"]:
        shown |= {name: cells[name] for name in NAMES}
    if earlier["email"] != kept["email"]:
        shown["email"] = cells["email"]
    return shown


def _renumbered(said: dict[str, Cells], before: dict[str, Cells]) -> set[str]:
    """People whose number is another one there, and still the old one here.

    The sourcedId says that it is the same person; a second one must not be made.
    """
    changed = {
        key: cells["identifier"].casefold()
        for key, cells in said.items()
        if key in before and before[key]["identifier"].casefold() != cells["identifier"].casefold()
    }
    taken: set[str] = set()
    for model in MODELS.values():
        people: Any = model._default_manager.annotate(key=Lower("code"))
        taken |= set(people.filter(key__in=changed.values()).values_list("key", flat=True))
    return {key for key, code in changed.items() if code not in taken}


def _closed(before: dict[str, Cells]) -> set[str]:
    """People known from the service whom somebody has closed here since."""
    by_code = {cells["identifier"].casefold(): key for key, cells in before.items()}
    states: dict[bool, set[str]] = {True: set(), False: set()}
    for is_active in (False, True):
        for model in MODELS.values():
            people: Any = model._default_manager.filter(is_active=is_active)
            people = people.annotate(key=Lower("code"))
            if is_active:
                people = people.filter(key__in=states[False])
            states[is_active] |= by_code.keys() & set(people.values_list("key", flat=True))
    return {by_code[code] for code in states[False] - states[True]}


def people_of(rows: list[OneRosterRow]) -> None:
    """Name the student and the faculty member that each row is about, by number."""
    codes = {row.values["identifier"].casefold() for row in rows}
    ids = {}
    for role, model in MODELS.items():
        people: Any = model._default_manager.annotate(key=Lower("code"))
        ids[role] = dict(people.filter(key__in=codes).values_list("key", "pk"))
    for row in rows:
        code, roles = row.values["identifier"].casefold(), row.values["roles"].split(",")
        row.student_id = ids["student"].get(code) if "student" in roles else None
        row.faculty_id = ids["teacher"].get(code) if "teacher" in roles else None
