"""Photos of faces: taken where the student has agreed on this campus, else left where they are.

Without a consent there is no place that could keep them: a sample belongs to a consent, and what
belongs to nobody could not be erased with the person.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts.models import Student
from apps.biometrics.images import ImageRefused, Photo, read_photo
from apps.biometrics.services import sample_add
from apps.common.errors import Refused
from apps.legacy.writing.run import Run
from apps.privacy.models import Consent

MAX_BYTES: Final = 8 * 2**20  # as for uploads
NO_CONSENT: Final = gettext_noop("no consent to faces is recorded here; import again when there is")


@dataclass
class Faces:
    """What became of the photos. `taken` counts those that the dry run would take too."""

    run: Run
    taken: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, photos: Iterable[tuple[int | None, Callable[[], Photo]]]) -> None:
        """(Student's id, how to read the photo): only photos of who agreed are even read."""
        agreed = self._agreed()
        for student_id, read in photos:
            if student_id is None:
                self.left_out[_("of nobody who was brought")] += 1
            elif student_id not in agreed:
                self.left_out[_(NO_CONSENT)] += 1
            else:
                self._take(student_id, read)

    def _take(self, student_id: int, read: Callable[[], Photo]) -> None:
        try:
            photo = read()
            if not self.run.dry:
                student = Student.objects.get(pk=student_id)
                sample_add(
                    student=student, data=photo.jpeg(), actor=self.run.actor, now=self.run.now
                )
            self.taken += 1
        except Refused as refused:
            self.left_out[str(refused.message)] += 1
        except ImageRefused as refused:
            self.left_out[_("not a photo that can be read (%s)") % refused.reason] += 1

    def _agreed(self) -> set[int]:
        if not self.run.campus.face_enabled:
            return set()
        held = Consent.objects.filter(kind=Consent.Kind.FACE, withdrawn_at__isnull=True)
        return set(held.values_list("student_id", flat=True))

    def said(self) -> list[str]:
        """For the report: how many were taken, and why others were not."""
        lines = [_("%d photos taken as samples to be checked") % self.taken] if self.taken else []
        left = _("%(count)d photos left out: %(reason)s")
        return lines + [
            left % {"count": count, "reason": reason} for reason, count in self.left_out.items()
        ]


def photo_file(folder: Path, name: str) -> Photo:
    """A photo below the folder. Raises `Refused` for names that lead out of it, and for what is no
    photo."""
    root = folder.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise Refused("outside_folder", _("The name of the file leads out of the folder."))
    if not path.is_file():
        raise Refused("no_file", _("The file is not there."))
    if path.stat().st_size > MAX_BYTES:
        raise Refused("file_too_large", _("The file is larger than 8 MB."))
    return read_photo(path.read_bytes())
