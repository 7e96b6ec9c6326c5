"""Who stands for the teacher of a class that has none yet.

A course here always has somebody who teaches it. A class without a teacher gets a vacancy of its
own, so that two of them can be held at the same time: a faculty member without a sign-in, who is
closed once somebody teaches the class.
"""

from typing import Final

from django.utils.translation import gettext as _

from apps.accounts.models import Faculty
from apps.accounts.services import profile_activate
from apps.accounts.services.roster import people_close
from apps.audit.services import log_event
from apps.import_types.base import ImportBatch

PREFIX: Final = "vacant-"
PLACE: Final = "vacancy.invalid"  # no mail goes there (RFC 2606, section 2)


def vacancy_for(batch: ImportBatch, code: str) -> str:
    """The number of whoever stands for the teacher of the class of this code."""
    number = f"{PREFIX}{code}"
    known = Faculty.objects.filter(code__iexact=number).first()
    if known is not None:
        profile_activate(person=known, now=batch.now, actor=batch.actor)
        return known.code
    made = Faculty.objects.create(
        code=number,
        first_name=_("Not staffed"),
        last_name=code,
        email=f"{number}@{PLACE}".lower(),
    )
    log_event(actor=batch.actor, action="accounts.faculty.vacancy_made", now=batch.now, target=made)
    return number


def vacancies_close(batch: ImportBatch) -> None:
    """Of classes that have a teacher by now."""
    standing = Faculty.objects.filter(code__startswith=PREFIX, email__endswith=f"@{PLACE}")
    over = standing.filter(is_active=True, courses=None)
    people_close(list(over.select_related("user")), now=batch.now, actor=batch.actor)
