"""The kinds of import, by name, in the order in which a new campus needs them."""

from typing import Final

from django.utils.translation import gettext as _

from apps.accounts.writes import Writer
from apps.common.errors import Invalid
from apps.imports.types.base import Kind
from apps.imports.types.courses import ASSIGNMENTS, ENROLLMENTS, MARKS, SUBJECTS
from apps.imports.types.oneroster import ONEROSTER
from apps.imports.types.people import FACULTY, STUDENTS
from apps.imports.types.places import CLASSROOMS
from apps.imports.types.schedules import SCHEDULES

KINDS: Final[dict[str, Kind]] = {
    kind.name: kind
    for kind in (
        CLASSROOMS,
        FACULTY,
        SUBJECTS,
        STUDENTS,
        ASSIGNMENTS,
        SCHEDULES,
        ENROLLMENTS,
        MARKS,
        ONEROSTER,
    )
}


def kind_named(name: str) -> Kind:
    """Raises `Invalid` and says which there are."""
    if name not in KINDS:
        message = _("There is no such kind of import. Known: %(kinds)s.")
        raise Invalid("unknown_kind", message % {"kinds": ", ".join(KINDS)})
    return KINDS[name]


def kinds_of(writer: Writer) -> list[Kind]:
    """The kinds whose rows this writer may write by hand as well."""
    return [kind for kind in KINDS.values() if kind.is_for(writer)]
