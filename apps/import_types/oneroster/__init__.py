"""OneRoster 1.2 CSV bundles: terms, departments, subjects, people, courses, enrolments.

The format: IMS Global, “OneRoster 1.2 CSV Binding”. Users of 1.1, which carry their role
themselves, are read too. `sourcedId` is what everything is: it joins the files, and is kept, so
that a later bundle meets what came by it, whatever its codes have become. What never came by one is
met by its code. Rows of status `known` were taken earlier (`apps/oneroster`): others refer to them,
they themselves change nothing.
"""

from typing import Final

from django.utils.translation import gettext_lazy

from apps.import_types.base import ImportBatch, ImportResult, ImportType
from apps.import_types.courses import ASSIGNMENTS, SUBJECTS
from apps.import_types.enrollments import ENROLLMENTS
from apps.import_types.oneroster.bundle import FILES, GONE, KNOWN, bundle_of
from apps.import_types.oneroster.names import ids_keep, names_of
from apps.import_types.oneroster.people import (
    leavers_close,
    numbers_follow,
    people_save,
    roles_of,
)
from apps.import_types.oneroster.study import (
    courses_save,
    enrollments_save,
    kept_by_hand,
    subjects_save,
)
from apps.import_types.oneroster.terms import departments_save, terms_save
from apps.import_types.people import FACULTY, STUDENTS

__all__ = ["FILES", "GONE", "KNOWN", "ONEROSTER"]

_PARTS: Final = (SUBJECTS, FACULTY, STUDENTS, ASSIGNMENTS, ENROLLMENTS)


def _apply(batch: ImportBatch) -> ImportResult:
    bundle = bundle_of(batch)
    terms_save(bundle)
    departments_save(bundle)
    numbers_follow(bundle)
    names, roles = names_of(bundle), roles_of(bundle)
    subjects_save(bundle, names)
    people_save(bundle, names, roles)
    courses_save(bundle, names)
    enrollments_save(bundle, names)
    leavers_close(bundle, names, roles)
    kept_by_hand(bundle, names)
    ids_keep(bundle, names)
    return bundle.result


ONEROSTER: Final = ImportType(
    name="oneroster",
    label=gettext_lazy("OneRoster 1.2 bundle (zip of CSV files)"),
    fields=(),
    key=(),
    apply=_apply,
    bundle=True,
    needs=(
        *("enrollments.add_term", "enrollments.change_term", "enrollments.add_department"),
        *(perm for part in _PARTS for perm in part.needs),
    ),
)
