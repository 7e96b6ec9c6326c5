"""People of a bundle: their roles, who is new, who has another number now, and who has left."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from apps.accounts.services.roster import people_close
from apps.audit.services import log_event
from apps.enrollments.models import SourcedId
from apps.import_types.oneroster.bundle import Bundle, Record, cell, hand_on, id_of
from apps.import_types.oneroster.names import PEOPLE, Names
from apps.import_types.people import FACULTY, STUDENTS
from apps.tabular_files.fields import CODE
from apps.tabular_files.tables import ParsedRow

TYPES = {"faculty": FACULTY, "student": STUDENTS}
ROLES = {"faculty": "teacher", "student": "student"}
Roles = dict[str, set[str]]


def roles_of(bundle: Bundle) -> Roles:
    """User id → roles, from roles.csv (1.2) or from the users themselves (1.1)."""
    found: Roles = defaultdict(set)
    for row in bundle.files["roles"]:
        found[cell(row, "userSourcedId")].add(cell(row, "role").casefold())
    for row in (*bundle.files["users"], *bundle.gone["users"]):
        if role := cell(row, "role"):
            found[id_of(row)].add(role.casefold())
    return found


def numbers_follow(bundle: Bundle) -> None:
    """Who came by an id before and has another number now is the same person, with that number.

    Who may not change numbers may not import people at all (`ImportType.refuse`).
    """
    rows = {id_of(row): row for row in bundle.told("users") if cell(row, "identifier")}
    for owner, model in PEOPLE.items():
        known = SourcedId.objects.filter(
            **{"sourced_id__in": list(rows), f"{owner}__isnull": False}
        ).select_related(owner)
        for one in known.order_by("id"):
            _renumber(bundle, rows[one.sourced_id], getattr(one, owner), model)


def _renumber(bundle: Bundle, row: ParsedRow, person: Any, model: Any) -> None:
    code = cell(row, "identifier")
    if person.code.casefold() == code.casefold() or not CODE.match(code):
        return  # as it is, or no number, which its row is told when it is read
    if other := model.objects.filter(code__iexact=code).exclude(pk=person.pk).first():
        reason = _("%(code)s is the number of %(name)s. This is %(own)s here.")
        told = {"code": code, "name": other, "own": f"{person.code} {person}"}
        bundle.wrong(row, reason % told, "identifier")
    else:
        data = {"before": person.code, "after": code}
        person.code = code
        person.save(update_fields=["code", "updated_at"])
        log_event(
            actor=bundle.batch.actor,
            action=f"accounts.{model._meta.model_name}.renumbered",
            now=bundle.batch.now,
            target=person,
            data=data,
        )
        bundle.result.notes.append(
            _("%(name)s has the number %(code)s now.") % {"name": person, "code": code}
        )


def people_save(bundle: Bundle, names: Names, roles: Roles) -> None:
    """Passwords in a bundle are never read. Who may not sign in there is made, and closed."""
    for owner, import_type in TYPES.items():
        people = [row for row in bundle.told("users") if ROLES[owner] in roles[id_of(row)]]
        codes = names.people[owner]
        off = [row for row in people if is_off(row)]
        here = _here(owner, {codes[id_of(row)] for row in off})
        new = [row for row in off if codes[id_of(row)].casefold() not in here]
        records = [
            (row, _person(row, codes[id_of(row)]))
            for row in people
            if not is_off(row) or row in new
        ]
        hand_on(bundle, import_type, records)
        _close(bundle, owner, {codes[id_of(row)].casefold(): row for row in off}, named=False)


def is_off(row: ParsedRow) -> bool:
    return cell(row, "enabledUser").casefold() == "false"


def _here(owner: str, codes: Collection[str]) -> set[str]:
    people = PEOPLE[owner].objects.annotate(key=Lower("code"))
    found = people.filter(key__in=[code.lower() for code in codes]).order_by()
    return {code.casefold() for code in found.values_list("code", flat=True)}


def _person(row: ParsedRow, code: str) -> Record:
    return {
        "code": code,
        "first_name": cell(row, "givenName"),
        "last_name": cell(row, "familyName"),
        "email": cell(row, "email"),
    }


def leavers_close(bundle: Bundle, names: Names, roles: Roles) -> None:
    """People who are gone there rest here, unless somebody else in the bundle has their number."""
    for owner, role in ROLES.items():
        codes = names.people[owner]
        here = {codes[id_of(row)].casefold() for row in bundle.files["users"]}
        gone = {
            codes[id_of(row)].casefold(): row
            for row in bundle.gone["users"]
            if role in roles[id_of(row)]
        }
        _close(bundle, owner, {code: row for code, row in gone.items() if code not in here})


def _close(bundle: Bundle, owner: str, rows: dict[str, ParsedRow], *, named: bool = True) -> None:
    model = PEOPLE[owner]
    people = model.objects.filter(is_active=True).annotate(key=Lower("code"))
    found = list(people.filter(key__in=rows).select_related("user").order_by("code"))
    if not bundle.batch.writer.may(model._meta.label_lower, "is_active", adding=False):
        for person in found:
            reason = _("Your role does not allow deactivating people.")
            bundle.wrong(rows[person.code.casefold()], reason)
        return
    closed = people_close(found, now=bundle.batch.now, actor=bundle.batch.actor)
    bundle.result.removed += closed
    if named:
        bundle.result.removed_names += [f"{person.code} {person}" for person in found[:500]]
