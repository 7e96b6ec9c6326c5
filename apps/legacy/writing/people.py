"""Old accounts: passwords that people keep, roles, and people read back field by field."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils.translation import gettext as _

from apps.accounts.models import Faculty, Person, Student, User
from apps.accounts.selectors import address_problem
from apps.accounts.services import (
    account_offer,
    invitation_send,
    membership_add,
    profile_deactivate,
)
from apps.common.errors import Refused
from apps.import_types.registry import IMPORT_TYPES
from apps.legacy.values import words
from apps.legacy.writing.run import Record, Run
from apps.old_databases import OldRow, OldValue
from apps.reconciliation.report import Comparison, Pair, TableReport
from apps.signin.services.adoption import hashes_adopt
from apps.tabular_files.fields import Wrong, phone

_FIELDS: Final = {"year": "year_of_study"}  # of an import type → of the model
_TYPE_OF: Final[dict[type[Person], str]] = {Student: "students", Faculty: "faculty"}
_ELSEWHERE: Final = ("department", "section")  # of a placement, not of the person


@dataclass
class Logins:
    """Passwords to be taken over, by e-mail address, and accounts that were made for roles."""

    hashes: dict[str, str] = field(default_factory=dict)
    made: list[int] = field(default_factory=list)

    def keep(self, email: str, encoded: str) -> None:
        if email and encoded:
            self.hashes.setdefault(email.lower(), encoded)


def role_give(run: Run, logins: Logins, *, email: str, name: str, role: str) -> str:
    """Give an address a role on the campus. Returns "new", "unchanged", or why it was refused.

    As for every import, an account that is good elsewhere is asked first.
    """
    email = email.lower()
    problem = address_problem(email=email)
    if problem:
        return problem
    known = User.objects.filter(email=email, memberships__role=role).exists()
    if known:
        return "unchanged"
    user, made = account_offer(email=email, name=name)
    if user is None:
        try:
            invitation_send(email=email, role=role, name=name, now=run.now, actor=run.actor)
        except Refused as refused:
            return str(refused.message)
        run.invited.append(email)
        return "new"
    if made:
        logins.made.append(user.pk)
    membership_add(user=user, role=role, now=run.now, actor=run.actor, name=name)
    return "new"


def passwords_adopt(run: Run, logins: Logins) -> None:
    """Take over the hashes for the accounts that this move made; the others stay as they are."""
    adopted, unknown, foreign = hashes_adopt(
        hashes=logins.hashes, made=logins.made, now=run.now, actor=run.actor, source=run.source
    )
    note = _("Passwords: %(adopted)d taken over, %(unknown)d of no known kind (ask for a link).")
    run.report.notes.append(note % {"adopted": adopted, "unknown": len(unknown)})
    if foreign:
        note = _("%(count)d passwords left: their addresses are in no verified domain (link).")
        run.report.notes.append(note % {"count": len(foreign)})


def invitations_note(run: Run) -> None:
    if run.invited:
        note = _("%(count)d people have an account elsewhere and are invited: %(some)s")
        some = ", ".join(run.invited[:20])
        run.report.notes.append(note % {"count": len(run.invited), "some": some})


def people_move(
    run: Run,
    table: TableReport,
    kind: type[Person],
    rows: Iterable[tuple[int, OldRow, Record]],
    *,
    is_closed: Callable[[OldRow], bool] = lambda _row: False,
) -> tuple[dict[int, Any], list[Any]]:
    """Save people; returns old row's number → person, and those to close when all else is moved.

    Who was closed in the old system and is here already is left as here; who is new is closed at
    the end, so that enrolments find them.
    """
    people: list[Any] = list(kind._default_manager.all())
    known = {person.code.lower(): person for person in people}
    waiting, found, to_close = [], {}, []
    closed: set[int] = set()
    for number, row, record in rows:
        person = known.get(record["code"].lower())
        if is_closed(row) and person is not None:
            found[number] = person
            table.unchanged += 1
            continue
        if is_closed(row):
            closed.add(number)
        waiting.append((number, record))
    taken = run.hand_on(table, IMPORT_TYPES[_TYPE_OF[kind]], waiting)
    stored = read_back(run, kind, taken)
    for number, values in taken.items():
        found[number] = stored[str(values["code"]).lower()]
        if number in closed:
            to_close.append(found[number])
    return found, to_close


def people_close(run: Run, people: Iterable[Any]) -> None:
    """Deactivate whom the old system had deactivated."""
    for person in people:
        profile_deactivate(person=person, now=run.now, actor=run.actor)


def phone_of(value: OldValue, table: TableReport) -> str:
    """The number where it is international; that others are left out is said in the report."""
    cell = words(value, 40)
    try:
        return str(phone(cell)) if cell else ""
    except Wrong:
        note = _("Telephone numbers without country code are left out.")
        if note not in table.notes:
            table.notes.append(note)
        return ""


def read_back(run: Run, model: type[Person], taken: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """Code (lower case) → the person as stored now; what differs from the row is reported."""
    people: list[Any] = list(model._default_manager.all())
    by_code = {person.code.lower(): person for person in people}
    comparison = Comparison(
        _("%(people)s, field by field") % {"people": model._meta.verbose_name_plural}
    )
    for values in taken.values():
        person = by_code.get(str(values["code"]).lower())
        comparison.add([_person_pair(person, values)])
    run.report.comparisons.append(comparison)
    return by_code


def _person_pair(person: Any, values: dict[str, Any]) -> Pair:
    names = [name for name in values if name not in _ELSEWHERE or isinstance(person, Faculty)]
    before = {name: str(values[name]) for name in names}
    after = {}
    for name in names:
        after[name] = str(getattr(person, _FIELDS.get(name, name), None))
    whole = "last_name" not in values and person is not None
    if whole and "first_name" in values and person.full_name == values["first_name"]:
        after["first_name"] = person.full_name
    after["code"] = before["code"] if _same_code(person, values) else after["code"]
    return Pair(str(values["code"]), _shown(before), _shown(after))


def _same_code(person: Any, values: dict[str, Any]) -> bool:
    return person is not None and person.code.lower() == str(values["code"]).lower()


def _shown(values: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in sorted(values.items()))
