"""What people are told by the database's triggers."""

from typing import Final

from django.utils.translation import gettext as _

from apps.common.errors import Refused

ARCHIVED: Final = "term_archived"  # the constraint's name in the triggers, and the code


def term_is_archived() -> Refused:
    return Refused(
        ARCHIVED, _("This term is archived: its marks, sessions and enrolments stay as they are.")
    )
