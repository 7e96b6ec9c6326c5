"""Whole names in one column, some of them with the family name first."""

from typing import Final

from django.utils.translation import gettext as _

from apps.tabular_files.fields import ColumnCells, Parse, Several
from apps.tabular_files.questions import Choice, FileAnswers, Question, examples

GIVEN, FAMILY = "first_name", "last_name"
FIRST: Final = "family_first"


def whole_names(column: ColumnCells, answers: FileAnswers) -> Parse:
    """“Nwosu, Amara” where there is no column of family names: asked whether it is Amara Nwosu.
    Without a comma a name is taken as it stands: nothing follows from the order of its words."""
    if FAMILY in column.beside:
        return column.parse
    parted = [cell for cell in column.cells if _parts(cell)]
    if not parted:
        return column.parse

    def becomes(cell: str) -> list[str]:
        family, given = _parts(cell)
        return [_("%(given)s · family name %(family)s") % {"given": given, "family": family}, cell]

    answer = answers.ask(
        Question(
            key=f"names:{column.name}",
            text=_("Do names with a comma begin with the family name?"),
            choices=(
                Choice(FIRST, _("Family name, given name")),
                Choice("as_written", _("Keep the names as they are written")),
            ),
            examples=examples(
                (p.sheet, p.row, cell, becomes(cell))
                for cell in parted
                for p in [column.cells[cell]]
            ),
        )
    )
    if answer != FIRST:
        return column.parse

    def parse(cell: str) -> Several:
        parts = _parts(cell)
        if not parts:  # a whole name among the others
            return Several({GIVEN: column.parse(cell), FAMILY: ""})
        return Several({GIVEN: column.parse(parts[1]), FAMILY: column.parse(parts[0])})

    return parse


def _parts(cell: str) -> tuple[str, ...]:
    """Family name and given name; nothing where not exactly one comma parts two."""
    parts = tuple(part.strip() for part in cell.split(","))
    return parts if len(parts) == 2 and all(parts) else ()
