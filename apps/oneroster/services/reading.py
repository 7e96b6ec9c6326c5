"""Objects of the REST interface as the rows of the CSV files: what the import knows already."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.common.digits import plain_digits
from apps.import_types.oneroster import GONE
from apps.oneroster.models import OneRosterRow
from apps.oneroster.services.asking import RosterService, ServiceProblem
from apps.tabular_files.limits import MAX_CELL

Cells = dict[str, str]
Collection = OneRosterRow.Collection
ORGS: Final = "orgs"
ROLES: Final = frozenset(("teacher", "student"))
# Few, and read whole each time; people and enrolments by what changed.
WHOLE: Final = (ORGS, Collection.SESSIONS, Collection.COURSES, Collection.CLASSES)
BY_CHANGE: Final = (Collection.USERS, Collection.ENROLLMENTS)
# Changes from so long before the newest one that came are asked for again: a change may have been
# saved there later than it is dated.
OVERLAP: Final = timedelta(hours=1)
STATUSES: Final = frozenset(("active", "inactive", GONE))


@dataclass
class Answers:
    """What the service said. `here`: its active objects of our school, by collection and id;
    `gone`: ids that it deleted or that are another school's."""

    is_full: bool
    here: dict[str, dict[str, Cells]] = field(default_factory=dict)
    gone: dict[str, set[str]] = field(default_factory=dict)
    since: dict[str, str] = field(default_factory=dict)

    @property
    def seen(self) -> int:
        return sum(map(len, (*self.here.values(), *self.gone.values())))


def read_service(
    service: RosterService, *, school: str, is_full: bool, since: dict[str, str]
) -> Answers:
    """Everything, or of people and enrolments what changed since. Raises `ServiceProblem`."""
    answers = Answers(is_full=is_full, since=dict(since))
    for collection in (*WHOLE, *BY_CHANGE):
        asked = "" if is_full or collection in WHOLE else asked_from(since.get(collection, ""))
        here, gone = {}, set()
        newest = ""
        for given in service.rows(collection, changed_since=asked):
            row = Given(collection, given)
            newest = max(newest, row.changed)
            cells = SHAPES[collection](row, school)
            if cells is None or row.status == GONE:
                gone.add(row.id)
            else:
                here[row.id] = cells
        answers.here[collection], answers.gone[collection] = here, gone
        if newest and collection in BY_CHANGE:
            answers.since[collection] = max(newest, answers.since.get(collection, ""))
    if school and not any(given == school for given in answers.here[ORGS]):
        text = _("The service shows no org with the sourcedId “%(school)s”.")
        raise ServiceProblem(text % {"school": school})
    return answers


def asked_from(newest: str) -> str:
    """The moment to ask from, a little before the newest change that came; "" for none."""
    return _text(_moment(newest) - OVERLAP) if newest else ""


class Given:
    """One object, whose fields are of the types that they should be. Raises `ServiceProblem`."""

    def __init__(self, collection: str, given: dict[str, Any]) -> None:
        self._collection, self._given = collection, given
        self.id: str = given["sourcedId"]
        self.status = self.text("status").casefold() or "active"
        if self.status not in STATUSES:
            self._wrong("status")

    @property
    def changed(self) -> str:
        """When, in UTC, so that two can be compared as texts; "" where it is not said."""
        said = self.text("dateLastModified")
        try:
            return _text(_moment(said)) if said else ""
        except (ValueError, OverflowError):
            self._wrong("dateLastModified")
            raise

    def text(self, name: str) -> str:
        value = self._given.get(name)
        if value is None:
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            value = str(value)
        if not isinstance(value, str) or len(value) > MAX_CELL or "\0" in value:
            self._wrong(name)
        return " ".join(str(value).split())

    def ref(self, name: str) -> str:
        """The id of the object that this one refers to, "" for none."""
        value = self._given.get(name)
        return "" if value is None else self._id_in(value, name)

    def refs(self, name: str) -> list[str]:
        return [self._id_in(value, name) for value in self.objects(name)]

    def objects(self, name: str) -> list[Any]:
        value = self._given.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self._wrong(name)
        found: list[Any] = value
        return found

    def roles(self, school: str) -> Iterator[str]:
        """Of version 1.2: at this school; of 1.1: the one that they have."""
        for given in self.objects("roles"):
            if not isinstance(given, dict):
                self._wrong("roles")
            role, org = given.get("role"), given.get("org")
            if not isinstance(role, str):
                self._wrong("roles")
            if not school or (org is not None and self._id_in(org, "roles") == school):
                yield str(role).casefold()
        if self._given.get("role") and (not school or school in self.refs("orgs")):
            yield self.text("role").casefold()

    def _id_in(self, value: Any, name: str) -> str:
        sourced_id = value.get("sourcedId") if isinstance(value, dict) else None
        is_id = isinstance(sourced_id, str) and 0 < len(sourced_id) < 256 and "\0" not in sourced_id
        if not is_id or "," in str(sourced_id):
            self._wrong(name)
        return str(sourced_id)

    def _wrong(self, name: str) -> None:
        text = _("%(list)s: “%(name)s” of “%(id)s” is not what OneRoster says.")
        values = {"list": self._collection, "name": name, "id": self.id[:80]}
        raise ServiceProblem(text % values)


def _moment(said: str) -> datetime:
    """Raises ValueError, OverflowError."""
    found = datetime.fromisoformat(said)
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def _org(row: Given, school: str) -> Cells | None:
    kind = row.text("type")
    if school and row.id != school and row.ref("parent") != school:
        return None
    return {"name": row.text("name"), "type": kind, "identifier": row.text("identifier")}


def _session(row: Given, school: str) -> Cells:
    return {
        name: row.text(name) for name in ("title", "type", "startDate", "endDate", "schoolYear")
    }


def _course(row: Given, school: str) -> Cells:
    return {"title": row.text("title"), "courseCode": row.text("courseCode")}


def _class(row: Given, school: str) -> Cells | None:
    if school and row.ref("school") != school:
        return None
    return {
        "classCode": row.text("classCode"),
        "courseSourcedId": row.ref("course"),
        "termSourcedIds": ",".join(row.refs("terms")),
    }


def _user(row: Given, school: str) -> Cells | None:
    """Teachers and students; guardians and others are nobody's business here."""
    roles = sorted(ROLES & set(row.roles(school)))
    if not roles and row.status != GONE:
        return None
    return {
        # As the import finds it: see `_code` there.
        "identifier": plain_digits(row.text("identifier") or row.text("username") or row.id),
        "givenName": row.text("givenName"),
        "familyName": row.text("familyName"),
        "email": row.text("email"),
        "roles": ",".join(roles),
    }


def _enrollment(row: Given, school: str) -> Cells | None:
    role = row.text("role").casefold()
    if role not in ROLES or (school and row.ref("school") != school):
        return None
    cells = {
        "classSourcedId": row.ref("class"),
        "userSourcedId": row.ref("user"),
        "role": role,
    }
    return cells | {"primary": row.text("primary")} if role == "teacher" else cells


SHAPES: Final[dict[str, Callable[[Given, str], Cells | None]]] = {
    ORGS: _org,
    Collection.SESSIONS: _session,
    Collection.COURSES: _course,
    Collection.CLASSES: _class,
    Collection.USERS: _user,
    Collection.ENROLLMENTS: _enrollment,
}
