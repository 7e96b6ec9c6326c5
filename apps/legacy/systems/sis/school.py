"""What the parts of SIS share: the school as far as it was read."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from django.utils.translation import gettext_noop

from apps.legacy.values import code, text
from apps.legacy.writing.people import (
    Logins,
)
from apps.legacy.writing.run import Run
from apps.old_databases import OldRow

YEAR: Final = "1"  # classes were called "10" or "CSE-2": they become departments of one year
_AS: Final = gettext_noop("photo; see the notes")
PHOTOS: Final = dict.fromkeys(("face_data", "face_image_path"), _AS)
ClassName = tuple[str, str]  # department's code, section, upper case


@dataclass
class SisSchool:
    """What the tables so far said."""

    run: Run
    logins: Logins = field(default_factory=Logins)
    usernames: dict[str, str] = field(default_factory=dict)  # old student id → username
    students: dict[str, int] = field(default_factory=dict)  # old student id → id
    codes: dict[int, str] = field(default_factory=dict)
    classes: dict[int, ClassName] = field(default_factory=dict)
    came: dict[int, date] = field(default_factory=dict)  # since when the old system knew them
    subjects: dict[str, str] = field(default_factory=dict)  # name, case-folded → code

    def table(self, name: str) -> str:
        """The database says "student", the JSON file "students"."""
        plural = f"{name}s"
        return plural if plural in self.run.old.tables else name

    def email(self, username: str) -> str:
        if "@" in username:
            return username
        local = code(username, 60).lower()
        domains = self.run.campus.email_domains
        return f"{local}@{domains[0].lower()}" if local and domains else ""


def old_id(row: OldRow) -> str:
    return text(row.get("id")) or text(row.get("_key"))


def subject_code(school: SisSchool, name: str) -> str:
    """A code for a subject that had only a name; another name with the same code gets a number."""
    key = name.casefold()
    if not key:
        return ""
    if key not in school.subjects:
        base, taken = code(name, 20).upper(), set(school.subjects.values())
        found, nth = base, 1
        while found in taken:
            nth += 1
            found = f"{base[:17]}-{nth}"
        school.subjects[key] = found
    return school.subjects[key]
