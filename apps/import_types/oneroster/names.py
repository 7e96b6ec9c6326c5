"""What people and things of a bundle are called on the campus.

Their `sourcedId` is who they are: whoever came by one is met again by it, under the number or code
that they have here. What is new gets its code from the bundle, with what codes cannot hold left
out, and another one where that is taken by something else.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models.functions import Lower

from apps.accounts.models import Faculty, Student
from apps.enrollments.models import Course, SourcedId, Subject
from apps.enrollments.services import sourced_ids_keep
from apps.import_types.oneroster.bundle import Bundle, cell
from apps.import_types.oneroster.terms import terms_of
from apps.tabular_files.fields import CODE
from apps.tabular_files.tables import ParsedRow

PEOPLE: Final[dict[str, Any]] = {"student": Student, "faculty": Faculty}
_SUBJECT: Final = 20  # characters of a code
_COURSE: Final = 40
_PERSON: Final = 50


@dataclass
class Names:
    """sourcedId → code here. Of people by `student` and `faculty`, as some are both."""

    subjects: dict[str, str] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    terms: dict[str, list[str]] = field(default_factory=dict)  # class → its terms' ids
    people: dict[str, dict[str, str]] = field(default_factory=dict)


def names_of(bundle: Bundle) -> Names:
    """Expects the bundle's terms to be known."""
    found = Names()
    subjects = bundle.ever("courses")
    known = _known("subject", subjects)
    found.subjects = {
        key: known.get(key) or plain_code(cell(row, "courseCode") or key, _SUBJECT)
        for key, row in subjects.items()
    }
    for ids in _sharing(found.subjects):
        for key in _later(ids, known):
            found.subjects[key] = _longer(found.subjects[key], key, _SUBJECT)
    classes = bundle.ever("classes")
    found.terms = {key: terms_of(row, bundle) for key, row in classes.items()}
    found.classes = _class_codes(bundle, classes, found)
    users = bundle.ever("users")
    for owner in PEOPLE:
        known = _known(owner, users)
        found.people[owner] = {
            key: known.get(key) or number_of(row) or plain_code(key, _PERSON)
            for key, row in users.items()
        }
    return found


def number_of(row: ParsedRow) -> str:
    """The number that a person has there, or the name to sign in by where that can be one."""
    name = cell(row, "username")
    return cell(row, "identifier") or (name if CODE.match(name) else "")


def plain_code(text: str, longest: int) -> str:
    """`ENG 10 (H)` → `ENG-10-H`: letters, digits and . / - _ only, beginning with one of the first
    two."""
    return re.sub(r"[^\w./\-]+", "-", text.strip()).strip("-./_")[:longest].strip("-")


def _known(owner: str, ids: Iterable[str]) -> dict[str, str]:
    """sourcedId → code, of those that came by one before."""
    rows = SourcedId.objects.filter(**{"sourced_id__in": list(ids), f"{owner}__isnull": False})
    return dict(rows.order_by().values_list("sourced_id", f"{owner}__code"))


def _sharing(codes: Mapping[str, str]) -> list[list[str]]:
    """Ids whose codes are the same, in the order of the bundle."""
    found: dict[str, list[str]] = defaultdict(list)
    for key, code in codes.items():
        found[code.casefold()].append(key)
    return [ids for ids in found.values() if len(ids) > 1]


def _later(ids: list[str], known: Collection[str]) -> list[str]:
    """Who of them has to give way: the new ones, but for the first where all are new."""
    new = [key for key in ids if key not in known]
    return new if len(new) < len(ids) else new[1:]


def _longer(first: str, second: str, longest: int) -> str:
    """Both in one code, the second whole: it is what tells it apart."""
    end = plain_code(second, longest // 2)
    return f"{first[: longest - len(end) - 1]}-{end}".strip("-")


def _class_codes(bundle: Bundle, classes: Mapping[str, ParsedRow], names: Names) -> dict[str, str]:
    """A class is called by its own code, or by its subject's and its own where that is a mere
    number of a section: where another class of the term has it as well."""
    known = _known("course", classes)
    codes = {
        key: known.get(key) or plain_code(cell(row, "classCode") or key, _COURSE)
        for key, row in classes.items()
    }
    taken = _taken(bundle, codes, known, classes, names)
    for key in taken:
        subject = names.subjects.get(cell(classes[key], "courseSourcedId"), "")
        codes[key] = _longer(subject, codes[key], _COURSE)
    for ids in _sharing(codes):
        for key in _later(ids, known):
            if _share_a_term(key, ids, names):
                codes[key] = _longer(codes[key], key, _COURSE)
    return codes


def _taken(
    bundle: Bundle,
    codes: Mapping[str, str],
    known: Mapping[str, str],
    classes: Mapping[str, ParsedRow],
    names: Names,
) -> set[str]:
    """New classes whose code is another class's of the bundle, or another subject's here."""
    found: set[str] = set()
    for ids in _sharing(codes):
        found |= {key for key in ids if key not in known and _share_a_term(key, ids, names)}
    terms = [term.pk for term in bundle.terms.values()]
    courses = Course.objects.filter(term_id__in=terms).annotate(key=Lower("code")).order_by()
    here = {
        (term, key): subject
        for term, key, subject in courses.values_list("term_id", "key", "subject__code")
    }
    for key, code in codes.items():
        subject = names.subjects.get(cell(classes[key], "courseSourcedId"), "")
        for term in names.terms[key]:
            theirs = here.get((bundle.terms[term].pk, code.lower()), subject)
            if key not in known and theirs.casefold() != subject.casefold():
                found.add(key)
    return found


def _share_a_term(key: str, ids: Iterable[str], names: Names) -> bool:
    return any(set(names.terms[key]) & set(names.terms[one]) for one in ids if one != key)


def ids_keep(bundle: Bundle, names: Names) -> None:
    """Remember by which ids everything came that is here now. The first id of each stays."""
    given: dict[str, dict[int, str]] = {
        "term": {term.pk: key for key, term in reversed(bundle.terms.items())},
        "subject": _rows_of(Subject, names.subjects),
        "course": _courses(bundle, names),
    }
    for owner, model in PEOPLE.items():
        given[owner] = _rows_of(model, names.people[owner])
    both = set(given["student"].values()) & set(given["faculty"].values())
    for owner in PEOPLE:  # who studies and teaches has two entries here, and ids of ours
        given[owner] = {pk: key for pk, key in given[owner].items() if key not in both}
    sourced_ids_keep(given=given)


def _rows_of(model: Any, codes: Mapping[str, str]) -> dict[int, str]:
    ids = {code.lower(): key for key, code in reversed(list(codes.items()))}
    rows = model.objects.annotate(key=Lower("code")).filter(key__in=ids).order_by()
    return {pk: ids[code] for pk, code in rows.values_list("pk", "key")}


def _courses(bundle: Bundle, names: Names) -> dict[int, str]:
    """Of a class of several terms the first one's course has the id."""
    ids = {
        (bundle.terms[term].pk, names.classes[key].lower()): key
        for key, terms in reversed(names.terms.items())
        for term in terms[:1]
    }
    rows = Course.objects.filter(term_id__in={term for term, _code in ids}).order_by()
    found = rows.annotate(key=Lower("code")).values_list("pk", "term_id", "key")
    return {pk: ids[term, code] for pk, term, code in found if (term, code) in ids}
