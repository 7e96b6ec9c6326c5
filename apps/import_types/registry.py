"""The types of import, by name, in the order in which a new campus needs them."""

from typing import Final

from django.utils.translation import gettext as _

from apps.accounts.writes import Writer
from apps.common.errors import Invalid
from apps.import_types.base import ImportType
from apps.import_types.cards import CARDS
from apps.import_types.courses import ASSIGNMENTS, SUBJECTS
from apps.import_types.enrollments import ENROLLMENTS, GRADES
from apps.import_types.oneroster import ONEROSTER
from apps.import_types.people import FACULTY, STUDENTS
from apps.import_types.places import CLASSROOMS
from apps.import_types.schedules import SCHEDULES

IMPORT_TYPES: Final[dict[str, ImportType]] = {
    import_type.name: import_type
    for import_type in (
        CLASSROOMS,
        FACULTY,
        SUBJECTS,
        STUDENTS,
        ASSIGNMENTS,
        SCHEDULES,
        ENROLLMENTS,
        GRADES,
        CARDS,
        ONEROSTER,
    )
}


def import_type_named(name: str) -> ImportType:
    """Raises `Invalid` and says which there are."""
    if name not in IMPORT_TYPES:
        message = _("There is no such kind of import. Known: %(kinds)s.")
        raise Invalid("unknown_kind", message % {"kinds": ", ".join(IMPORT_TYPES)})
    return IMPORT_TYPES[name]


def import_types_for(writer: Writer) -> list[ImportType]:
    """The types whose rows this writer may write by hand as well."""
    return [found for found in IMPORT_TYPES.values() if found.is_for(writer)]
