"""Cards of students: their numbers are hashed as they are saved, and shown in no report."""

from typing import Final

from django.db.models.functions import Lower
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.accounts.models import Student
from apps.import_types.base import Codes, ImportBatch, ImportResult, ImportType
from apps.import_types.enrollments import STUDENT
from apps.tabular_files.fields import Field, words
from apps.tabular_files.tables import problem
from apps.terminals.reading import LONGEST
from apps.terminals.services.cards import CardRow, cards_import

NUMBER: Final = gettext_lazy("Card number")
REASONS: Final = {
    "bad_card_number": gettext_lazy(
        "This is no number of a card: four letters or digits at least."
    ),
    "card_is_anothers": gettext_lazy("This card belongs to somebody else. Revoke it there first."),
}


def _apply(batch: ImportBatch) -> ImportResult:
    result = ImportResult()
    codes = {row.values["student"].lower() for row in batch.rows}
    found = Student.objects.filter(is_active=True).annotate(plain=Lower("code"))
    students = dict(found.filter(plain__in=codes).values_list("plain", "pk"))
    rows = []
    for n, row in enumerate(batch.rows):
        code = row.values["student"]
        if code.lower() in students:
            student_id = students[code.lower()]
            rows.append(CardRow(n=n, student_id=student_id, number=row.values["number"]))
        else:
            reason = _("No active %(what)s has this code.") % {"what": _("student")}
            result.problems.append(problem(row, reason, column=STUDENT.label, value=code))
    done = cards_import(rows=rows, now=batch.now, actor=batch.actor)
    for n, why in done.wrong.items():  # without the number: reports are kept
        result.problems.append(problem(batch.rows[n], str(REASONS[why]), column=NUMBER))
    result.new += done.new
    result.unchanged += done.unchanged
    return result


CARDS: Final = ImportType(
    name="cards",
    label=gettext_lazy("Cards"),
    fields=(
        STUDENT,
        Field(
            name="number",
            label=NUMBER,
            parse=words(LONGEST),
            headings=("card", "card no", "card id", "uid", "rfid"),
            required=True,
            example="04A21F77",
            is_secret=True,
            note=gettext_lazy("As the reader shows it. It is hashed and not kept."),
        ),
    ),
    key=("student", "number"),
    apply=_apply,
    codes=(Codes("student", Student),),
    needs=("terminals.add_card", "terminals.change_card"),
)
