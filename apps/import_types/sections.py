"""What an import says about enrolments that follow from sections."""

from typing import Final

from django.utils.translation import gettext as _

from apps.enrollments.services import SectionSync

NAMED: Final = 20  # of those kept by hand; the rest is counted


def kept_notes(synced: SectionSync) -> list[str]:
    """A note that names what was decided by hand and left so; none where nothing was."""
    if not synced.kept:
        return []
    states = {
        "enrolled": _("%(student)s in %(course)s"),
        "dropped": _("%(student)s not in %(course)s"),
    }
    named = [
        states[status] % {"student": student, "course": course}
        for student, course, status in synced.kept[:NAMED]
    ]
    if len(synced.kept) > NAMED:
        named.append(_("… and %(number)d more") % {"number": len(synced.kept) - NAMED})
    return [_("Kept by hand: %(names)s.") % {"names": ", ".join(named)}]
