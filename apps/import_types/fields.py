"""Columns that several types of import share."""

import re
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.digits import plain_digits
from apps.tabular_files.fields import Field, Wrong, code, words

ROMAN: Final = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6}


def year_of_study(cell: str) -> int:
    """1, E1, "Year 1", "1st year", I."""
    value = plain_digits(cell).casefold().replace("year", "").strip(" .")
    if value in ROMAN:
        return ROMAN[value]
    found = re.fullmatch(r"e?(\d{1,2})(st|nd|rd|th)?", value)
    if not found or int(found[1]) < 1:
        raise Wrong(_("Not a year of study, like 2 or E2."))
    return int(found[1])


DEPARTMENT: Final = Field(
    name="department",
    label=gettext_lazy("Department"),
    parse=code(50),
    headings=("dept", "branch", "department code"),
    example="CSE",
)
YEAR: Final = Field(
    name="year",
    label=gettext_lazy("Year"),
    parse=year_of_study,
    headings=("year of study", "study year"),
    example="2",
    note=gettext_lazy("1, E1 or “1st year”."),
)
SECTION: Final = Field(
    name="section",
    label=gettext_lazy("Section"),
    parse=words(10),
    headings=("sec", "group"),
    example="A",
)
