"""The collections of the rostering and the gradebook service, with the fields of their objects."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from apps.enrollments import roster_rows as rows
from apps.enrollments.roster_rows import RosterPart
from apps.oneroster.asked import DAY, MOMENT, NUMBER, TEXT
from apps.oneroster.catalogue import gradebook

Parts = Callable[[], tuple[RosterPart, ...]]
REF: Final = "ref"  # to one object
REFS: Final = "refs"  # to one object, in a list of one
ROLE: Final = "role"  # of a person, at the campus
STAMP: Final = "stamp"  # a day, written as the moment at which it begins


@dataclass(frozen=True)
class RosterField:
    """`to`: the collection that a reference leads into, in its address."""

    kind: str = TEXT
    to: str = ""


@dataclass(frozen=True, kw_only=True)
class Collection:
    """`many` and `one`: what its objects are called in an answer. `kind`: what references to them
    call it."""

    many: str
    one: str
    parts: Parts
    fields: Mapping[str, RosterField]

    def queried(self) -> dict[str, tuple[str, str]]:
        """What can be filtered and sorted by: name → field and kind."""
        found = {}
        for name, field in self.fields.items():
            if field.kind in (REF, REFS):
                found[f"{name}.sourcedId"] = (name, TEXT)
            elif field.kind == ROLE:
                found["roles.role"] = (name, TEXT)
            else:
                found[name] = (name, DAY if field.kind == STAMP else field.kind)
        return found

    def shown(self) -> dict[str, str]:
        """What each field is called in an object."""
        return {
            name: "roles" if field.kind == ROLE else name for name, field in self.fields.items()
        }

    def without(self, *names: str) -> "Collection":
        kept = {name: field for name, field in self.fields.items() if name not in names}
        return Collection(many=self.many, one=self.one, parts=self.parts, fields=kept)


_TEXT: Final = RosterField()
_DAY: Final = RosterField(DAY)
_STAMP: Final = RosterField(STAMP)
_NUMBER: Final = RosterField(NUMBER)
_ALL: Final = {"sourcedId": _TEXT, "status": _TEXT, "dateLastModified": RosterField(MOMENT)}
_ORG: Final = RosterField(REF, "orgs")


def _roster(many: str, one: str, parts: Parts, **fields: RosterField) -> Collection:
    return Collection(many=many, one=one, parts=parts, fields={**_ALL, **fields})


def _orgs(parts: Parts) -> Collection:
    return _roster("orgs", "org", parts, name=_TEXT, type=_TEXT, identifier=_TEXT, parent=_ORG)


def _sessions(parts: Parts) -> Collection:
    return _roster(
        "academicSessions",
        "academicSession",
        parts,
        title=_TEXT,
        type=_TEXT,
        startDate=_DAY,
        endDate=_DAY,
        schoolYear=_TEXT,
    )


def _users(parts: Parts) -> Collection:
    return _roster(
        "users",
        "user",
        parts,
        username=_TEXT,
        enabledUser=_TEXT,
        givenName=_TEXT,
        familyName=_TEXT,
        identifier=_TEXT,
        email=_TEXT,
        role=RosterField(ROLE, "orgs"),
    )


ROSTER_LISTS: Final[dict[str, Collection]] = {
    "orgs": _orgs(lambda: (rows.school(), rows.departments())),
    "schools": _orgs(lambda: (rows.school(),)),
    "academicSessions": _sessions(lambda: (rows.terms(),)),
    "terms": _sessions(lambda: (rows.terms(),)),
    "gradingPeriods": _sessions(lambda: ()),  # the campus has none
    "courses": _roster(
        "courses",
        "course",
        lambda: (rows.subjects(),),
        title=_TEXT,
        courseCode=_TEXT,
        org=_ORG,
    ),
    "classes": _roster(
        "classes",
        "class",
        lambda: (rows.courses(),),
        title=_TEXT,
        classCode=_TEXT,
        classType=_TEXT,
        course=RosterField(REF, "courses"),
        school=_ORG,
        terms=RosterField(REFS, "academicSessions"),
    ),
    "users": _users(lambda: (rows.students(), rows.faculty())),
    "students": _users(lambda: (rows.students(),)),
    "teachers": _users(lambda: (rows.faculty(),)),
    "enrollments": _roster(
        "enrollments",
        "enrollment",
        lambda: (rows.enrolments(), rows.teaching()),
        role=_TEXT,
        primary=_TEXT,
        beginDate=_DAY,
        endDate=_DAY,
        user=RosterField(REF, "users"),
        **{"class": RosterField(REF, "classes")},
        school=_ORG,
    ),
}
# What the scope `roster-core.readonly` opens.
ROSTER_CORE: Final = frozenset(
    ("orgs", "academicSessions", "courses", "classes", "users", "enrollments")
)

GRADEBOOK_LISTS: Final[dict[str, Collection]] = {
    "categories": _roster("categories", "category", lambda: (gradebook.categories(),), title=_TEXT),
    "scoreScales": _roster("scoreScales", "scoreScale", lambda: (), title=_TEXT),
    "lineItems": _roster(
        "lineItems",
        "lineItem",
        lambda: (gradebook.line_items(),),
        title=_TEXT,
        assignDate=_STAMP,
        dueDate=_STAMP,
        **{"class": RosterField(REF, "classes")},
        school=_ORG,
        category=RosterField(REF, "categories"),
        academicSession=RosterField(REF, "academicSessions"),
        resultValueMin=_NUMBER,
        resultValueMax=_NUMBER,
    ),
    "results": _roster(
        "results",
        "result",
        lambda: (gradebook.results(),),
        lineItem=RosterField(REF, "lineItems"),
        student=RosterField(REF, "users"),
        **{"class": RosterField(REF, "classes")},
        scoreStatus=_TEXT,
        score=_NUMBER,
        scoreDate=_DAY,
    ),
}
