"""Reading consents."""

from apps.accounts.models import Student
from apps.privacy.models import Consent


def active_consent(*, student: Student, kind: str) -> Consent | None:
    """The consent that holds now, in whichever wording it was given."""
    return Consent.objects.filter(student=student, kind=kind, withdrawn_at__isnull=True).first()


def active_consents(*, student: Student) -> dict[str, Consent]:
    """All that hold now, by kind."""
    held = Consent.objects.filter(student=student, withdrawn_at__isnull=True)
    return {consent.kind: consent for consent in held}
